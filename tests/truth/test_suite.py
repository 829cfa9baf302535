"""Suites: how they are kept, and whether the files that ship are sound."""

from importlib import resources

import numpy as np
import pytest

from pylos.errors import RulesError
from pylos.game.board import Board
from pylos.game.position import START, opponent_cells, own_cells
from pylos.game.rules import FULL_RULES, MINI_RULES, RULES
from pylos.solution.tablebase import not_solved_message, open_if_present
from pylos.truth.suite import STRATA, describe_suite, load_suite, read_suite, suite_from_values, write_suite
from tests.support import endgames
from tests.support.suites import assert_same, assert_structure, shipped


def test_a_suite_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "suite"
    with path.open("wb") as file:
        write_suite(file, shipped("mini-mature"))
    assert_same(read_suite(path), shipped("mini-mature"))


def test_a_lost_position_is_worth_a_loss():
    n = len(Board("mini-standard").legal_actions)
    for values, worth in ((np.full(n, -1), -1), (np.append(np.full(n - 1, -1), 0), 0), (np.eye(n)[3], 1)):
        suite = suite_from_values(
            np.array([START]), np.array([0]), values.astype(np.int8), {"rules": "mini-standard"}
        )
        assert suite.values.tolist() == [worth]
        assert suite.keeping.sum() == (values == worth).sum()
        assert suite.action_values[suite.legal].tolist() == values.tolist()


def test_a_suite_is_described_in_a_sentence():
    suite = shipped("mini-children")
    opening = int((suite.strata == 0).sum())
    text = describe_suite(suite)
    assert text.startswith(f"mini-children: 1,218 decision positions (opening {opening:,}, middle ")
    assert "take-back 0)" in text
    assert text.endswith(f"is right in {np.mean(suite.uniform_accuracy):.3f} of them")


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
