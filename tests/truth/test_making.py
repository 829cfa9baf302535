"""How suites are made: which positions are drawn, and how they are labelled."""

import numpy as np
import pytest

from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.position import START
from pylos.solution.tablebase import Tablebase
from pylos.truth import making
from pylos.truth.making import make_suite
from pylos.truth.suite import STRATA, read_suite, write_suite
from tests.support.suites import assert_same, assert_structure, shipped
from tests.twins import rules as twin_rules
from tests.twins import solution as twin_solution

MINI = ["mini-children", "mini-standard-optional", "mini-mature"]


@pytest.fixture
def few_rounds(monkeypatch):
    """Ends the drawing early: the late stratum of a mini game is never full, so all rounds would be played."""
    monkeypatch.setattr(making, "_MOST_ROUNDS", 3)


@pytest.mark.parametrize("rules", MINI)
def test_a_suite_holds_decision_positions_with_exact_labels(rules, solved, few_rounds):
    suite = make_suite(Tablebase(rules), per_stratum=60)
    assert_structure(suite)
    counts = np.bincount(suite.strata, minlength=len(STRATA)).tolist()
    assert counts[0] == 60
    assert max(counts) == 60
    assert counts[2] == 0
    assert (counts[3] > 0) == (rules != "mini-children")
    for i, position in enumerate(suite.positions.tolist()):
        board = Board.from_position(position, rules)
        worths = twin_solution.action_worths(twin_rules.parse(board.text), rules)
        by_name = {twin_rules.name(action): value for action, (value, _) in worths.items()}
        actions = board.legal_actions.tolist()
        assert suite.action_values[i, actions].tolist() == [
            by_name[action_name(action, board.pending)] for action in actions
        ]
        assert suite.values[i] == twin_solution.worth(twin_rules.parse(board.text), rules)[0]


def test_the_seed_names_the_suite(solved, few_rounds):
    base = Tablebase("mini-mature")
    first = make_suite(base, per_stratum=20, seed=3)
    assert_same(first, make_suite(base, per_stratum=20, seed=3))
    other = make_suite(base, per_stratum=20, seed=4)
    assert set(first.positions.tolist()) != set(other.positions.tolist())
    assert first.recipe["command"] == "pylos suite --rules mini-mature --per_stratum 20 --seed 3"
    assert first.recipe["rules"] == first.rules == "mini-mature"


def test_drawing_ends_once_there_is_enough_of_every_stratum(solved, monkeypatch):
    rounds = []
    play = making._play

    def counting(*arguments):
        rounds.append(1)
        return play(*arguments)

    monkeypatch.setattr(making, "_play", counting)
    monkeypatch.setattr(making, "_MOST_ROUNDS", 4)
    base = Tablebase("mini-mature")
    make_suite(base, per_stratum=2)
    assert len(rounds) == 4  # the late stratum stays empty
    rounds.clear()
    monkeypatch.setattr(making, "OPENING_BALLS", 6)
    monkeypatch.setattr(making, "MIDDLE_BALLS", 9)
    make_suite(base, per_stratum=2)
    assert len(rounds) == 1


def test_a_made_suite_is_read_as_it_was_written(tmp_path, solved, few_rounds):
    suite = make_suite(Tablebase("mini-mature"), per_stratum=30)
    path = tmp_path / "suite"
    with path.open("wb") as file:
        write_suite(file, suite)
    assert_same(read_suite(path), suite)


def test_what_ships_is_made_again_to_the_last_position(solved):
    assert_same(make_suite(Tablebase("mini-children")), shipped("mini-children"))


@pytest.mark.parametrize("rules", MINI)
def test_games_without_mistakes_keep_the_value_of_the_start(rules, solved, monkeypatch):
    monkeypatch.setattr(making, "MISTAKES", (0.0,))
    base = Tablebase(rules)
    start = int(base.probe(np.array([START]))[0][0])
    plies = list(making._play(base, np.random.default_rng(0)))
    assert len(plies) > 10
    for positions in plies:
        values, _ = base.probe(positions)
        # A decision position is never lost. So only the player who wins from the start has one, or both in a draw.
        assert set(values.tolist()) <= {abs(start)}


def test_games_of_mistakes_alone_lead_to_wins_and_to_draws(solved, monkeypatch):
    monkeypatch.setattr(making, "MISTAKES", (1.0,))
    base = Tablebase("mini-mature")
    positions = np.concatenate(list(making._play(base, np.random.default_rng(0))))
    assert set(base.probe(positions)[0].tolist()) == {0, 1}
