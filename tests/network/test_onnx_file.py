"""ONNX files are looked through before onnxruntime gets them."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from pylos.errors import CheckpointError
from pylos.network import onnx_file
from pylos.network.onnx_file import read_onnx, sealed
from pylos.players.naming import ONNX, reference_file
from tests.support.onnx_models import SOUND, linear_model, point_outside, write


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_onnx(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))
    return str(caught.value)


def test_what_a_file_says_is_what_the_package_onnx_reads(tmp_path: Path):
    path = write(linear_model({**SOUND, "Füße": "zwei\nZeilen"}), tmp_path / "a.onnx")
    content, texts = read_onnx(path)
    assert content == path.read_bytes()
    assert (
        texts == {p.key: p.value for p in onnx.load(path).metadata_props} == {**SOUND, "Füße": "zwei\nZeilen"}
    )


def test_a_sealed_file_is_the_same_model_with_its_checksum(tmp_path: Path):
    model = linear_model()
    path = tmp_path / "a.onnx"
    path.write_bytes(sealed(model.SerializeToString()))
    _, texts = read_onnx(path)
    assert set(texts) - set(SOUND) == {"pylos_checksum"}
    read = onnx.load(path)
    onnx.checker.check_model(read)
    assert read.graph == model.graph


def test_a_flipped_bit_in_each_byte_of_a_sealed_file_is_found_or_changes_nothing(tmp_path: Path):
    whole = sealed(linear_model(inputs=3, actions=2).SerializeToString())
    path = tmp_path / "a.onnx"
    missed = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            _, texts = read_onnx(path)
            missed.append(place)
            assert {name: text for name, text in texts.items() if name in SOUND} == SOUND
        except CheckpointError:
            pass
    # A flip in the frame of the checksum hides the checksum, and nothing else.
    assert all(place >= len(whole) - 52 for place in missed)


@pytest.mark.parametrize("kept", [0, 1, 100, -1, -40])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, kept: int):
    path = tmp_path / "a.onnx"
    path.write_bytes(Path(str(reference_file("standard", ONNX))).read_bytes()[:kept])
    if kept:
        assert "is not an ONNX file" in refusal(path)
    else:
        assert read_onnx(path) == (b"", {})  # of an empty model the metadata tell


def _with_control_flow(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("If", ["a"], ["c"], then_branch=body, else_branch=body))


def _with_constant_outside(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32))
    point_outside(tensor, "/etc/hostname")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def _with_sparse_outside(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.zeros(1, np.float32), "s")
    point_outside(values, "/etc/hostname")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def _with_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(
        helper.make_function("mine", "f", ["x"], ["y"], [node], [helper.make_opsetid("", 18)])
    )


REFUSED = {
    "weights in other files": [
        lambda model: point_outside(model.graph.initializer[1], "weights.bin"),
        _with_constant_outside,
        _with_sparse_outside,
    ],
    "control flow": [_with_control_flow],
    "operations of b'com.microsoft'": [lambda model: setattr(model.graph.node[0], "domain", "com.microsoft")],
    "functions of its own": [_with_function],
    "a training": [lambda model: model.training_info.add()],
}


@pytest.mark.parametrize(
    ("reason", "change"), [(reason, f) for reason, all_ in REFUSED.items() for f in all_]
)
def test_what_a_network_does_not_need_is_refused(tmp_path: Path, reason: str, change):
    model = linear_model()
    change(model)
    assert refusal(write(model, tmp_path / "a.onnx")).endswith(f"is refused: it has {reason}")


def test_a_second_graph_which_readers_join_to_the_first_is_looked_through(tmp_path: Path):
    model, more = linear_model(), onnx.ModelProto()
    tensor = more.graph.initializer.add(name="c", data_type=1, dims=[4])
    point_outside(tensor, "c.bin")
    path = tmp_path / "a.onnx"
    path.write_bytes(model.SerializeToString() + more.SerializeToString())
    assert "weights in other files" in refusal(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch):
    assert "no network" in refusal(tmp_path / "none.onnx")
    assert "Is a directory" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "It is no regular file" in refusal(tmp_path / "pipe.onnx")
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 1000)
    assert "is larger than" in refusal(write(linear_model(), tmp_path / "a.onnx"))


def test_a_file_of_countless_parts_is_not_read_to_its_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(onnx_file, "_MOST_FIELDS", 1000)
    path = tmp_path / "a.onnx"
    path.write_bytes(b"\x08\x01" * 1001)
    assert "more than 1,000 parts" in refusal(path)


@given(st.binary(max_size=60))
def test_whatever_the_bytes_are_they_are_read_or_refused(tmp_path_factory, content: bytes):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    for text in (content, b"\x3a" + bytes([len(content)]) + content):
        path.write_bytes(text)
        try:
            read_onnx(path)
        except CheckpointError as error:
            assert str(path) in str(error)  # noqa: PT017
