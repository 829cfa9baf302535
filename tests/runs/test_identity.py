import pytest
import torch

from pylos.errors import CheckpointError
from pylos.runs.folder import IDENTITY
from pylos.runs.identity import (
    RUN_KEY,
    check_identity,
    is_of_run,
    new_identity,
    read_identity,
    write_identity,
)

WEIGHTS = [torch.arange(3.0), torch.ones(2, 2, dtype=torch.bfloat16)]


def test_a_run_is_named_by_what_it_begins_with():
    name = new_identity(WEIGHTS, {"seed": 0, "rules": "mature"}, origin=None)
    assert name == new_identity(WEIGHTS, {"rules": "mature", "seed": 0, "odd": object()}, origin=None)
    others = [
        new_identity(WEIGHTS[:1], {"seed": 0, "rules": "mature"}, origin=None),
        new_identity(WEIGHTS, {"seed": 1, "rules": "mature"}, origin=None),
        new_identity(WEIGHTS, {"seed": 0, "rules": "mature"}, {}, origin=None),
        new_identity(WEIGHTS, {"seed": 0, "rules": "mature"}, origin=name),
    ]
    assert len({name, *others}) == 5


def test_a_folder_knows_its_run(tmp_path):
    assert read_identity(tmp_path) is None
    write_identity(tmp_path, "a")
    assert read_identity(tmp_path) == "a"
    before = (tmp_path / IDENTITY).stat().st_mtime_ns
    write_identity(tmp_path, "a")
    assert (tmp_path / IDENTITY).stat().st_mtime_ns == before
    write_identity(tmp_path, "b")
    assert read_identity(tmp_path) == "b"


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"run": 1}', b"[" * 10**5])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / IDENTITY).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{IDENTITY} cannot be read: remove it"):
        read_identity(tmp_path)


def save(path, **more):
    path.parent.mkdir(exist_ok=True)
    torch.save({"state_dict": {}, "hyper_parameters": {}, "epoch": 0, "global_step": 0, **more}, path)
    return path


def test_a_checkpoint_is_of_the_run_beside_which_it_lies_or_whose_name_it_bears(tmp_path):
    run = tmp_path / "run"
    inside, outside = save(run / "a.ckpt"), save(tmp_path / "other" / "a.ckpt", **{RUN_KEY: "a"})
    assert is_of_run(inside, run)
    assert not is_of_run(outside, run)
    write_identity(run, "a")
    assert is_of_run(outside, run)
    write_identity(run, "b")
    assert not is_of_run(outside, run)


@pytest.mark.parametrize(
    ("theirs", "ours", "sound"), [("a", "a", True), (None, "a", True), ("b", "a", False)]
)
def test_a_checkpoint_in_the_folder_of_another_run(tmp_path, theirs, ours, sound):
    write_identity(tmp_path / "run", ours)
    checkpoint = {} if theirs is None else {RUN_KEY: theirs}
    check_identity(checkpoint, tmp_path / "elsewhere.ckpt", tmp_path / "run")
    if sound:
        check_identity(checkpoint, tmp_path / "run" / "last.ckpt", tmp_path / "run")
    else:
        with pytest.raises(CheckpointError, match=r"last\.ckpt is of another run"):
            check_identity(checkpoint, tmp_path / "run" / "last.ckpt", tmp_path / "run")
