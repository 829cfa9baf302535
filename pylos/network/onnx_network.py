"""A network in an ONNX file, computed by onnxruntime on the CPU. Nothing here needs torch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from pylos.errors import CheckpointError
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS
from pylos.network.checked_evaluator import CheckedEvaluator
from pylos.network.metadata import read_metadata
from pylos.network.onnx_file import read_onnx
from pylos.search.evaluator import BATCH_MULTIPLE
from pylos.system.files import StrPath

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OBSERVATIONS, VALUES, LOG_POLICY = "observations", "values", "log_policy"
"""The names of what goes into a network and of what comes out."""


class OnnxNetwork:
    """Maps observations to values and policies. Several threads may call it at the same time, each on its own core.

    Args:
        path: of the file.

    Raises:
        CheckpointError: the file is missing, damaged, refused (see `read_onnx`), or holds no network for Pylos.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = path
        content, texts = read_onnx(path)
        metadata = read_metadata(texts, path)
        self.rules = metadata.rules
        """The rule set for which it was trained."""
        self.weights_digest = metadata.weights_digest or hashlib.blake2b(content, digest_size=4).hexdigest()
        """Eight hexadecimal digits by which it is known; they are those of the checkpoint that it was made from."""
        self._session = _open_session(content, path)
        shapes = [output.shape for output in self(np.zeros((BATCH_MULTIPLE, OBSERVATION_SIZE), np.float32))]
        if shapes != [(BATCH_MULTIPLE, 1), (BATCH_MULTIPLE, NUM_ACTIONS)]:
            raise CheckpointError(f"{path} is no network for Pylos: its answers have the shapes {shapes}")

    def __call__(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates a batch of positions.

        Args:
            observations: float32 [B, 184].

        Returns:
            Values, float32 [B, 1], and log policies, float32 [B, 303]; see `PylosNetwork.forward`.

        Raises:
            CheckpointError: the file asks for what cannot be computed.
        """
        try:
            values, log_policy = self._session.run([VALUES, LOG_POLICY], {OBSERVATIONS: observations})
        except Exception as error:  # onnxruntime has classes of its own, and more of them with every version
            raise _unusable(self._path, error) from None
        return values, log_policy


class OnnxEvaluator(CheckedEvaluator):
    """An `Evaluator` that asks the network of an ONNX file, in float32.

    Args:
        network: the network.
        code: of the rule set.
        name: what errors call the network.
    """

    def __init__(self, network: OnnxNetwork, code: int, name: str) -> None:
        super().__init__(code, name)
        self._network = network

    def _evaluate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        observations = np.empty((len(positions), OBSERVATION_SIZE), np.float32)
        observe_all(positions, self._code, observations)
        values, log_policy = self._network(observations)
        return values[:, 0], log_policy


def _open_session(content: bytes, path: StrPath) -> InferenceSession:
    """Gives a file that was looked through to onnxruntime, and checks what goes in and comes out."""
    import onnxruntime  # here, because the page and the engine are there before they know a network

    options = onnxruntime.SessionOptions()
    # The search has threads of its own, each with calls of its own.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong becomes an exception
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _unusable(path, error) from None
    inputs = [(put.name, put.type, put.shape[1:]) for put in session.get_inputs()]
    outputs = {put.name: put.type for put in session.get_outputs()}
    if inputs != [(OBSERVATIONS, "tensor(float)", [OBSERVATION_SIZE])]:
        raise CheckpointError(f"{path} is no network for Pylos: it takes {inputs}")
    if {outputs.get(name) for name in (VALUES, LOG_POLICY)} != {"tensor(float)"}:
        raise CheckpointError(f"{path} is no network for Pylos: it gives {outputs}")
    return session


def _unusable(path: StrPath, error: Exception) -> CheckpointError:
    text = " ".join(str(error).split())
    return CheckpointError(f"onnxruntime cannot use {path}: {text[:200] or type(error).__name__}")
