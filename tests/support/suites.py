"""Suites: those that ship, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.game.symmetry import transform
from pylos.truth.batches import LabelledBatch, SuiteBatches
from pylos.truth.suite import STRATA, Suite, load_suite
from tests.twins import rules as twin_rules


def shipped(rules: str = "mini-standard") -> Suite:
    suite = load_suite(rules)
    assert suite is not None
    return suite


def all_batches(suite: Suite) -> list[LabelledBatch]:
    return list(SuiteBatches(suite, np.arange(len(suite))))


def assert_structure(suite: Suite) -> None:
    """What holds for every suite, whatever the values are."""
    for name in ("strata", "values", "legal", "keeping", "action_values"):
        assert len(getattr(suite, name)) == len(suite)
    boards = [Board.from_position(position, suite.rules) for position in suite.positions.tolist()]
    alike = {min(int(transform(board.position, s)) for s in range(8)) for board in boards}
    assert len(alike) == len(suite)
    for i, board in enumerate(boards):
        assert board.turn == "white"
        assert np.flatnonzero(suite.legal[i]).tolist() == board.legal_actions.tolist()
        balls = 2 * twin_rules.balls_per_player(suite.rules) - sum(board.reserves)
        stratum = "take_back" if board.pending else STRATA[(balls > 10) + (balls > 20)]
        assert STRATA[suite.strata[i]] == stratum
    legal = np.where(suite.legal, suite.action_values, -2)
    assert (suite.values == legal.max(axis=1)).all()
    assert (suite.keeping == (legal == suite.values[:, None])).all()
    assert (suite.action_values[~suite.legal] == 0).all()
    kept, actions = suite.keeping.sum(axis=1), suite.legal.sum(axis=1)
    assert ((kept > 0) & (kept < actions)).all(), "there is something to decide"
    assert suite.uniform_accuracy == pytest.approx(kept / actions)


def assert_same(a: Suite, b: Suite) -> None:
    for name, value in vars(a).items():
        other = getattr(b, name)
        assert np.array_equal(value, other), name
        assert type(value) is type(other), name
        assert getattr(value, "dtype", None) == getattr(other, "dtype", None), name
