"""What a checkpoint keeps of self-play, as tables, and the check before any of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pylos.errors import CheckpointError
from pylos.game.rules import NUM_ACTIONS, RULES, rules_code
from pylos.network.evaluator import PRECISIONS
from pylos.selfplay.checks import first_impossible_game, first_impossible_sample
from pylos.system.options import MOST_COUNT, Range
from pylos.system.schema import Array, Choice, Each, Maybe, check_state

UNFINISHED = -1
"""The value of `epochs_filled` while self-play is under way."""
_MOST = 2**62
_MOST_WEIGHT = 2**15 - 1

_BUFFER = {
    "added": Range(int, 0, _MOST),
    "positions": Array("int64", "C", 0, 2**63 - 1),
    "actions": Array("int16", "CK", 0, NUM_ACTIONS - 1),
    "weights": Array("int16", "CK", 0, _MOST_WEIGHT),
    "outcomes": Array("float32", "C", -1, 1),
    "games": Array("int64", "C", 0, _MOST),
    "plies": Array("int16", "C", 0, _MOST_WEIGHT),
    "values": Array("float32", "C"),  # a user's own network may leave [-1, 1]
    "surprises": Array("float32", "C", 0, MOST_COUNT),
}
"""A replay buffer: C samples with K actions each; see `pylos.selfplay.replay_buffer.Samples`."""
_GAMES = {
    "next_number": Range(int, 0, _MOST),
    "number": Array("int64", "G", 0, _MOST),
    "opening": Array("int64", "G", 0, MOST_COUNT),
    "ply": Array("int64", "G", 0, MOST_COUNT),
    "positions": Array("int64", "GP", 0, 2**63 - 1),
    "actions": Array("int16", "GPK", 0, NUM_ACTIONS - 1),
    "weights": Array("int16", "GPK", 0, _MOST_WEIGHT),
    "values": Array("float32", "GP"),
    "surprises": Array("float32", "GP", 0, MOST_COUNT),
}
"""Games in flight: G games, the longest of them at ply P - 1; see `pylos.selfplay.games.GamesInFlight`."""
_RANK = {
    "buffer": _BUFFER,
    "games": Maybe(_GAMES),
    "epochs_filled": Range(int, UNFINISHED, MOST_COUNT),
    "precision": Choice(("auto", *PRECISIONS)),
}
"""The state of one rank's data module."""
_STATE = {"ranks": Each(dict, least=1)}


def check_selfplay(checkpoint: Mapping[str, Any], name: str) -> None:
    """Checks what a whole checkpoint holds of self-play, if anything.

    Args:
        checkpoint: the checkpoint.
        name: what it is called in the message.

    Raises:
        CheckpointError: as `check_selfplay_state`.
    """
    key = "SelfPlayDataModule"  # Lightning keeps states by the name of their class
    if key in checkpoint:
        rules, epoch = checkpoint["hyper_parameters"].get("rules"), checkpoint["epoch"]
        known = isinstance(rules, str) and rules in RULES  # other names are refused by `check_rules`
        check_selfplay_state(checkpoint[key], rules if known else None, epoch, f"{name}: {key}")


def check_selfplay_state(
    state: Any, rules: str | None, epoch: int | None, name: str = "the checkpoint's self-play"
) -> None:
    """Checks what `SelfPlayDataModule.state_dict` should have saved.

    Args:
        state: what the file holds.
        rules: the rules under which the games were played; None if they are not known.
        epoch: the epoch in which it was saved; None if that is not known.
        name: what the state is called in the message.

    Raises:
        CheckpointError: self-play never leaves such a state; the message names the first flaw.
    """
    check_state(state, _STATE, name)
    ranks: list[dict[str, Any]] = state["ranks"]
    for i, rank in enumerate(ranks):
        where = f"{name}['ranks'][{i}]"
        check_state(rank, _RANK, where)
        _check_counts(rank, epoch, where)
        _check_possible(rank, rules, where)
    alike = {(rank["epochs_filled"], rank["precision"], rank["buffer"]["actions"].shape[1]) for rank in ranks}
    if len(alike) > 1:
        raise CheckpointError(f"{name} is of ranks that were not in the same run, or epoch")


def _check_counts(rank: Mapping[str, Any], epoch: int | None, where: str) -> None:
    """Checks that the counts in a rank's state agree."""
    buffer, games = rank["buffer"], rank["games"]
    size = len(buffer["positions"])
    if buffer["added"] < size or (buffer["added"] > 0 and size == 0):
        raise CheckpointError(f"{where}['buffer'] holds {size} samples, of {buffer['added']} ever added")
    filled = rank["epochs_filled"]
    if filled > 0 and size == 0:
        raise CheckpointError(f"{where}['buffer'] is empty after {filled} epochs")
    if epoch is not None and filled > epoch + 1:
        raise CheckpointError(f"{where} claims to have the games of {filled} epochs in epoch {epoch}")
    if games is not None:
        longest = int(games["ply"].max()) if len(games["ply"]) else 0
        if longest >= games["positions"].shape[1]:
            raise CheckpointError(
                f"{where}['games'] holds {games['positions'].shape[1]} positions a game, but one is at ply {longest}"
            )


def _check_possible(rank: Mapping[str, Any], rules: str | None, where: str) -> None:
    """Checks that the positions can occur, and that the actions with weights are legal there."""
    flaws = [_first_impossible(rank, rules_code(name)) for name in ([rules] if rules else RULES)]
    if all(flaws):
        raise CheckpointError(
            f"{where}{flaws[0]}: no game of {f'the {rules}' if rules else 'any'} rules comes to that"
        )


def _first_impossible(rank: Mapping[str, Any], code: int) -> str:
    """The first place in a rank's state that cannot occur under the rules with this code; empty if there is none."""
    buffer, games = rank["buffer"], rank["games"]
    arrays = [buffer[name].numpy() for name in ("positions", "actions", "weights")]
    if (row := first_impossible_sample(arrays[0], arrays[1], arrays[2], code)) >= 0:
        return f"['buffer'], sample {row}"
    if games is not None:
        arrays = [games[name].numpy() for name in ("ply", "positions", "actions", "weights")]
        if (row := first_impossible_game(arrays[0], arrays[1], arrays[2], arrays[3], code)) >= 0:
            return f"['games'], game {row}"
    return ""
