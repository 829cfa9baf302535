"""Small ONNX models, made by the package `onnx`: sound ones, and such as must be refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.metadata import Metadata

SOUND = Metadata("standard").to_texts()


def linear_model(
    texts: Mapping[str, str] = SOUND,
    inputs: int = OBSERVATION_SIZE,
    actions: int = NUM_ACTIONS,
    names: tuple[str, str, str] = ("observations", "values", "log_policy"),
    kind: int = onnx.TensorProto.FLOAT,
    weight: float = 0.01,
) -> onnx.ModelProto:
    """A model whose answers are linear in the observations."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    matrices = {
        "a": np.full((inputs, 1), weight, dtype),
        "b": np.linspace(-1, 1, inputs * actions, dtype=dtype).reshape(inputs, actions),
    }
    observations, values, log_policy = names
    nodes = [
        helper.make_node("MatMul", [observations, "a"], [values]),
        helper.make_node("MatMul", [observations, "b"], [log_policy]),
    ]
    sizes = {observations: inputs, values: 1, log_policy: actions}
    infos = {name: helper.make_tensor_value_info(name, kind, ["batch", size]) for name, size in sizes.items()}
    tensors = [numpy_helper.from_array(matrix, name) for name, matrix in matrices.items()]
    outputs = [infos[values], infos[log_policy]]
    graph = helper.make_graph(nodes, "linear", [infos[observations]], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, dict(texts))
    return model


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def point_outside(tensor: onnx.TensorProto, location: str) -> None:
    """Lets the numbers of a tensor lie in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
