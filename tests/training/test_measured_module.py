"""Validation, test and prediction as steps of a module: what they take, and that compiled modules take the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pylos.errors import CheckpointError, PositionError, RulesError
from pylos.game.board import Board
from pylos.network.checkpoints import load_checkpoint
from pylos.network.compiled import uncompiled
from pylos.network.weights import check_finite
from pylos.players.naming import make_player
from pylos.training.module import PylosModule
from tests.support.training import assert_equal, tiny_data, tiny_evaluation, tiny_module, tiny_trainer

TEXTS = ["................/........./..../. w 0", ".....w........../........./..../. b 0"]
BOARDS = [Board.from_text(text) for text in TEXTS]
POSITIONS = np.array([board.position for board in BOARDS])


@pytest.mark.parametrize(
    "given",
    [
        BOARDS,
        tuple(BOARDS),
        TEXTS,
        POSITIONS,
        torch.from_numpy(POSITIONS),
        POSITIONS.tolist(),
        DataLoader(TEXTS, batch_size=2),
        DataLoader(POSITIONS, batch_size=2),
        DataLoader(BOARDS, batch_size=2, collate_fn=list),
        [DataLoader(TEXTS, batch_size=2)],
    ],
    ids=["boards", "tuple", "texts", "array", "tensor", "numbers", *["loader"] * 3, "list of one loader"],
)
def test_boards_in_memory_are_predicted_however_they_are_given(tmp_path: Path, given: Any):
    found = tiny_trainer(tmp_path).predict(tiny_module(), given)
    assert [judgement["position"] for judgement in found[0]] == TEXTS
    assert len(found) == 1
    assert found == tiny_trainer(tmp_path).predict(tiny_module(), BOARDS)


def test_what_is_no_board_of_the_rules_is_refused(tmp_path: Path):
    for given, error in (
        ([Board("mature")], RulesError),
        (["a board"], PositionError),
        ([1.5], PositionError),
        (np.array([-1]), PositionError),
    ):
        with pytest.raises(error):
            tiny_trainer(tmp_path).predict(tiny_module(), given)


@pytest.mark.parametrize("what", ["module", "network"])
def test_a_compiled_module_trains_validates_resumes_and_plays(tmp_path: Path, what: str):
    """Without a compiler of C++, which not every machine has: what is traced and named is the same."""
    torch.compiler.reset()

    def fit(folder: Path, epochs: int, compiled: bool, resume: bool = False) -> pl.Trainer:
        module: Any = tiny_module(rules="mini-standard")
        if compiled and what == "network":
            module.network = torch.compile(module.network, backend="eager")
        elif compiled:
            module = torch.compile(module, backend="eager")
        trainer = tiny_trainer(folder, epochs, (tiny_evaluation(),))
        trainer.fit(module, datamodule=tiny_data(), ckpt_path=folder / "last.ckpt" if resume else None)
        assert trainer.test(module, datamodule=tiny_data(), verbose=False)[0]["test/loss"] > 0
        return trainer

    fit(tmp_path / "compiled", 1, compiled=True)
    trainer = fit(tmp_path / "compiled", 2, compiled=True, resume=True)
    fit(tmp_path / "plain", 2, compiled=False)
    compiled, plain = (load_checkpoint(tmp_path / name / "last.ckpt") for name in ("compiled", "plain"))
    assert_equal(list(compiled["state_dict"]), list(plain["state_dict"]))
    assert_equal(compiled["callbacks"]["EvaluationCallback"], plain["callbacks"]["EvaluationCallback"])
    assert_equal(compiled["state_dict"], plain["state_dict"])
    player = make_player(str(tmp_path / "compiled" / "last.ckpt:4"))
    assert len(player.choose([Board("mini-standard")])) == 1
    again = PylosModule.load_from_checkpoint(tmp_path / "compiled" / "last.ckpt")
    assert_equal(dict(again.state_dict()), dict(trainer.lightning_module.state_dict()))
    fit(tmp_path / "compiled", 3, compiled=False, resume=True)  # with or without


def test_names_that_an_earlier_version_saved_of_a_compiled_network_are_taken(tmp_path: Path):
    module = tiny_module()
    state = {name.replace("network.", "network._orig_mod."): w + 1 for name, w in module.state_dict().items()}
    module.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), state.values(), strict=True))
    tiny_trainer(tmp_path, 1).fit(module, datamodule=tiny_data())
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    checkpoint["state_dict"] = state
    torch.save(checkpoint, tmp_path / "old.ckpt")
    assert make_player(str(tmp_path / "old.ckpt:0")).choose(BOARDS).tolist()
    assert uncompiled(module.network) is module.network
    check_finite(state, "it")


def test_a_checkpoint_of_other_rules_is_not_loaded(tmp_path: Path):
    tiny_trainer(tmp_path, 1).fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())
    path = tmp_path / "last.ckpt"
    assert PylosModule.load_from_checkpoint(path).rules == "mini-standard"
    assert PylosModule.load_from_checkpoint(str(path), rules="mini-standard", learning_rate=0.5).rules
    with pytest.raises(
        CheckpointError, match=r"last\.ckpt was trained for 'mini-standard' rules, not for 'mature'"
    ):
        PylosModule.load_from_checkpoint(path, rules="mature")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        PylosModule.load_from_checkpoint(path)


def test_an_example_input_goes_through_the_network(tmp_path: Path):
    module = tiny_module()
    values, log_policy = module(module.example_input_array)
    assert (values.shape, log_policy.shape) == ((1, 1), (1, 303))
    summary = str(pl.utilities.model_summary.ModelSummary(module, max_depth=2))
    assert "[1, 184]" in summary  # sizes, in and out
    assert "example_input_array" not in module.state_dict()
