"""The state of self-play in a checkpoint is checked before it is used: what is impossible is refused, nothing hangs."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pylos.errors import CheckpointError
from pylos.runs.selfplay_state import check_selfplay, check_selfplay_state
from tests.support.training import assert_equal, tiny_data, tiny_module, tiny_trainer

State = dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tiny_trainer(folder, 1, limit_val_batches=0).fit(tiny_module(), datamodule=tiny_data())
    return folder


@pytest.fixture
def checkpoint(run: Path) -> State:
    checkpoint: State = torch.load(run / "last.ckpt", weights_only=True)
    return checkpoint


def _set(part: str, name: str, value: Any) -> Callable[[State], None]:
    def damage(state: State) -> None:
        state["ranks"][0][part][name] = value

    return damage


def _edit(part: str, name: str, place: Any, value: Any) -> Callable[[State], None]:
    def damage(state: State) -> None:
        state["ranks"][0][part][name][place] = value

    return damage


def _replace(name: str, value: Any) -> Callable[[State], None]:
    return lambda state: state["ranks"][0].update({name: value})


def _shorten(part: str, name: str) -> Callable[[State], None]:
    def damage(state: State) -> None:
        tensor = state["ranks"][0][part][name]
        state["ranks"][0][part][name] = tensor[: len(tensor) - 1].clone()

    return damage


def _empty(state: State) -> None:
    buffer = state["ranks"][0]["buffer"]
    buffer.update({name: value[:0] for name, value in buffer.items() if name != "added"}, added=0)


def _beyond(state: State) -> None:
    games = state["ranks"][0]["games"]
    games["ply"][2] = games["positions"].shape[1]


TOWER = 1 << 29  # a ball on the apex, and nothing below it

DAMAGES: dict[str, tuple[Callable[[State], Any], str]] = {
    "no ranks": (lambda state: state.pop("ranks"), "lacks 'ranks'"),
    "ranks empty": (lambda state: state.update(ranks=[]), "at least 1 entries"),
    "ranks of another kind": (lambda state: state.update(ranks=3), "must be a list"),
    "a rank that is no state": (lambda state: state.update(ranks=[3]), "must be of type dict, but is 3"),
    "no buffer": (lambda state: state["ranks"][0].pop("buffer"), "lacks 'buffer'"),
    "no actions": (lambda state: state["ranks"][0]["buffer"].pop("actions"), "lacks 'actions'"),
    "no games": (lambda state: state["ranks"][0].pop("games"), "lacks 'games'"),
    "shorter actions": (_shorten("buffer", "actions"), "elsewhere"),
    "shorter values": (_shorten("buffer", "values"), "elsewhere"),
    "shorter plies of games": (_shorten("games", "ply"), "elsewhere"),
    "another type": (_set("buffer", "actions", torch.zeros(3, 4)), "int16 [C, K]"),
    "another shape": (_set("buffer", "positions", torch.zeros(3, 4, dtype=torch.int64)), "int64 [C]"),
    "a list": (_set("buffer", "positions", [1, 2]), "int64 [C]"),
    "added negative": (_set("buffer", "added", -5), "but is -5"),
    "added a float": (_set("buffer", "added", 1e30), "but is 1e+30"),
    "added too few": (_set("buffer", "added", 3), "of 3 ever added"),
    "a buffer without samples": (_empty, "is empty after 1 epochs"),
    "negative actions": (_edit("buffer", "actions", 7, -32768), "holds -32768"),
    "unknown actions": (_edit("buffer", "actions", 7, 303), "holds 303"),
    "illegal actions": (_edit("buffer", "actions", (7, 0), 302), "sample 7"),
    "negative weights": (_edit("buffer", "weights", (7, 0), -1), "holds -1"),
    "no weight": (_edit("buffer", "weights", 7, 0), "sample 7"),
    "a floating ball": (_edit("buffer", "positions", 7, TOWER), "sample 7"),
    "a negative position": (_edit("buffer", "positions", 7, -1), "holds -1"),
    "both on one cell": (_edit("buffer", "positions", 7, 1 | 1 << 30), "sample 7"),
    "all cells of one player": (_edit("buffer", "positions", 7, 2**30 - 1), "sample 7"),
    "values NaN": (_edit("buffer", "values", 7, math.nan), "an infinity or NaN"),
    "surprises infinite": (_edit("buffer", "surprises", 7, math.inf), "an infinity or NaN"),
    "outcomes out of range": (_edit("buffer", "outcomes", 7, 1.5), "holds 1.5"),
    "a game before its start": (_edit("games", "ply", 2, -1_000_000), "holds -1000000"),
    "a game beyond its array": (_edit("games", "ply", 2, 500), "one is at ply 500"),
    "a game just beyond its array": (_beyond, "positions a game, but one is at ply"),
    "a game far beyond it": (_edit("games", "ply", 2, 10**9), "one is at ply 1000000000"),
    "games that are over": (_edit("games", "positions", 2, 2**30 - 1), "game 2"),
    "game actions unknown": (_edit("games", "actions", 2, 400), "holds 400"),
    "game weights NaN": (_set("games", "weights", torch.full((8, 9, 4), math.nan)), "int16 [G, P, K]"),
    "next number": (_set("games", "next_number", "8"), "but is '8'"),
    "epochs a text": (_replace("epochs_filled", "many"), "but is 'many'"),
    "epochs negative": (_replace("epochs_filled", -2), "but is -2"),
    "epochs of the future": (_replace("epochs_filled", 500), "the games of 500 epochs in epoch 0"),
    "an epoch too many": (_replace("epochs_filled", 2), "the games of 2 epochs in epoch 0"),
    "precision unknown": (_replace("precision", "int4"), "but is 'int4'"),
    "precision of another kind": (_replace("precision", ["float32"]), "but is ['float32']"),
    "sparse": (_set("buffer", "values", torch.zeros(3).to_sparse()), "another kind"),
    "meta": (_set("buffer", "values", torch.zeros(3, device="meta")), "another kind"),
    "endless": (_set("buffer", "values", torch.zeros(1).expand(10**12)), "a view of something else"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_senseless_state_is_refused_before_anything_of_it_is_used(checkpoint: State, kind: str):
    damage, flaw = DAMAGES[kind]
    state = checkpoint["SelfPlayDataModule"]
    check_selfplay(checkpoint, "x.ckpt")
    damage(state)
    with pytest.raises(CheckpointError) as caught:
        check_selfplay(checkpoint, "x.ckpt")
    assert flaw in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_data_module_refuses_it_and_stays_as_it_was(checkpoint: State):
    data = tiny_data()
    data.load_state_dict(checkpoint["SelfPlayDataModule"])
    before = copy.deepcopy(data.state_dict())
    damaged = copy.deepcopy(checkpoint["SelfPlayDataModule"])
    _edit("games", "ply", 2, 10**9)(damaged)
    with pytest.raises(CheckpointError, match="ply"):
        data.load_state_dict(damaged)
    assert_equal(data.state_dict(), before)


def test_values_may_be_as_great_as_a_network_of_ones_own_says(checkpoint: State):
    state = checkpoint["SelfPlayDataModule"]
    for part in ("buffer", "games"):
        state["ranks"][0][part]["values"] *= 1e6
    tiny_data().load_state_dict(state)


def test_ranks_must_be_of_one_run(checkpoint: State):
    state = checkpoint["SelfPlayDataModule"]
    state["ranks"] = state["ranks"] * 2
    check_selfplay_state(state, "standard", 0)
    state["ranks"][1] = {**state["ranks"][1], "epochs_filled": 0}
    with pytest.raises(CheckpointError, match="ranks that were not in the same run"):
        check_selfplay_state(state, "standard", 0)


def test_every_rank_is_checked(checkpoint: State):
    state = checkpoint["SelfPlayDataModule"]
    state["ranks"].append(copy.deepcopy(state["ranks"][0]))
    check_selfplay_state(state, "standard", 0)
    state["ranks"][1]["buffer"]["positions"][7] = TOWER
    with pytest.raises(CheckpointError, match=r"\['ranks'\]\[1\]\['buffer'\], sample 7"):
        check_selfplay_state(state, "standard", 0)


def test_other_rules_than_those_of_the_games_are_noticed(checkpoint: State):
    state = checkpoint["SelfPlayDataModule"]
    check_selfplay_state(state, None, None)  # the rules are not known
    with pytest.raises(CheckpointError, match="no game of the mini-standard rules"):
        check_selfplay_state(state, "mini-standard", None)


def test_senseless_positions_are_noticed_whatever_the_rules(checkpoint: State):
    state = checkpoint["SelfPlayDataModule"]
    _edit("buffer", "positions", 7, 2**30 - 1)(state)
    with pytest.raises(CheckpointError, match="no game of any rules"):
        check_selfplay_state(state, None, None)


def test_a_fit_from_such_a_checkpoint_is_refused_in_one_line(tmp_path: Path, checkpoint: State):
    _edit("buffer", "actions", 7, -32768)(checkpoint["SelfPlayDataModule"])
    torch.save(checkpoint, tmp_path / "bad.ckpt")
    trainer = tiny_trainer(tmp_path, 2)
    with pytest.raises(CheckpointError, match="-32768"):
        trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "bad.ckpt")
