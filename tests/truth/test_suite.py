"""Suites: what is drawn, how it is labelled, and whether the files that ship are sound."""

from importlib import resources

import numpy as np
import pytest

from pylos.errors import RulesError
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.rules import FULL_RULES, MINI_RULES, RULES, opponent_cells, own_cells
from pylos.game.symmetry import transform
from pylos.solution.tablebase import Tablebase, not_solved_message, open_if_present
from pylos.truth import making as suites
from pylos.truth.making import make_suite
from pylos.truth.suite import STRATA, Suite, load_suite, read_suite, write_suite
from tests.support import endgames
from tests.twins import rules as naive
from tests.twins import solution as naive_solution

MINI = ["mini-children", "mini-standard-optional", "mini-mature"]


@pytest.fixture
def few_rounds(monkeypatch):
    """A mini game has no late stratum that could be filled, so that only the rounds end the drawing."""
    monkeypatch.setattr(suites, "_MOST_ROUNDS", 3)


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
        balls = 2 * naive.balls_per_player(suite.rules) - sum(board.reserves)
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


# Making one --------------------------------------------------------------------------------------------------


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
        worths = naive_solution.action_worths(naive.parse(board.text), rules)
        by_name = {naive.name(action): value for action, (value, _) in worths.items()}
        actions = board.legal_actions.tolist()
        assert suite.action_values[i, actions].tolist() == [
            by_name[action_name(action, board.pending)] for action in actions
        ]
        assert suite.values[i] == naive_solution.worth(naive.parse(board.text), rules)[0]


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
    play = suites._play

    def counting(*arguments):
        rounds.append(1)
        return play(*arguments)

    monkeypatch.setattr(suites, "_play", counting)
    monkeypatch.setattr(suites, "_MOST_ROUNDS", 4)
    base = Tablebase("mini-mature")
    make_suite(base, per_stratum=2)
    assert len(rounds) == 4  # the late stratum stays empty
    rounds.clear()
    monkeypatch.setattr(suites, "OPENING_BALLS", 6)
    monkeypatch.setattr(suites, "MIDDLE_BALLS", 9)
    make_suite(base, per_stratum=2)
    assert len(rounds) == 1


def test_a_suite_is_read_as_it_was_written(tmp_path, solved, few_rounds):
    suite = make_suite(Tablebase("mini-mature"), per_stratum=30)
    path = tmp_path / "suite"
    with path.open("wb") as file:
        write_suite(file, suite)
    assert_same(read_suite(path), suite)


# Those that ship ---------------------------------------------------------------------------------------------


def test_there_is_no_suite_of_rules_that_do_not_exist():
    with pytest.raises(RulesError, match="unknown rule set 'nonsense'"):
        load_suite("nonsense")


@pytest.mark.parametrize("rules", RULES)
def test_a_shipped_suite_is_sound(rules):
    suite = load_suite(rules)
    assert suite.rules == suite.recipe["rules"] == rules
    assert_structure(suite)
    counts = np.bincount(suite.strata, minlength=len(STRATA))
    if rules in FULL_RULES:
        assert len(suite) >= 2000
        expected = [True, True, True, "children" not in rules]
        assert (counts > 0).tolist() == expected
        assert 0.4 < suite.uniform_accuracy.mean() < 0.65
    assert (resources.files("pylos.truth") / "suites" / f"{rules}.npz").stat().st_size < 1 << 20


@pytest.mark.parametrize("rules", FULL_RULES)
def test_late_positions_of_a_shipped_suite_are_labelled_as_a_search_to_the_end_says(rules):
    suite = load_suite(rules)
    balls = np.bitwise_count(own_cells(suite.positions) | opponent_cells(suite.positions))
    compared = 0
    for i in np.argsort(-balls.astype(np.int64), kind="stable")[:600]:
        if compared == 20:
            break
        found = endgames.solve(Board.from_position(int(suite.positions[i]), rules), most=3000)
        if found is not None:
            compared += 1
            assert found.value == suite.values[i]
            assert found.action_values == {
                a: suite.action_values[i, a] for a in np.flatnonzero(suite.legal[i])
            }
    assert compared == 20


@pytest.mark.parametrize("rules", RULES)
def test_a_shipped_suite_is_labelled_as_the_table_says(rules, solved_folder, monkeypatch):
    if rules in MINI_RULES:
        monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    base = open_if_present(rules)
    if base is None:
        pytest.skip(not_solved_message(rules))
    suite = load_suite(rules)
    found = base.probe_actions(suite.positions)
    assert (found.values == suite.action_values[suite.legal]).all()
    assert (found.keeping() == suite.keeping[suite.legal]).all()
    assert (base.probe(suite.positions)[0] == suite.values).all()
