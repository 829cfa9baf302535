"""The tablebase against the plain-Python solution of the mini game and against searches to the end."""

import functools
import random

import numpy as np
import pytest

from pylos.cli.main import main
from pylos.errors import RulesError, TableError
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.rules import MINI_RULES, RULES
from pylos.solution import tablebase
from pylos.solution.solving import solve
from pylos.solution.tablebase import NO_DISTANCE, Tablebase, not_solved_message, open_if_present
from pylos.solution.tables import VALUES, table_path
from tests.support.boards import random_game
from tests.support.endgames import endgames
from tests.twins import rules as twin_rules
from tests.twins import solution as twin_solution


@functools.cache
def mini_boards(rules: str) -> list[Board]:
    """Positions of all phases, many in the middle of a turn, and the ends of games."""
    boards = [random_game(rules, steps, seed) for seed in range(12) for steps in range(45)]
    rng = random.Random(0)
    boards = list({board.position: board for board in boards}.values())
    pending = [board for board in boards if board.pending]
    return pending[:150] + rng.sample(boards, 150)


def expected(distance: int | None) -> int:
    return NO_DISTANCE if distance is None else distance


def worths_of(board: Board) -> list[tuple[int, int]]:
    """The twin's value and distance of each legal action, ascending by id."""
    worths = twin_solution.action_worths(twin_rules.parse(board.text), board.rules)
    by_name = {twin_rules.name(action): worth for action, worth in worths.items()}
    names = [action_name(int(action), board.pending) for action in board.legal_actions]
    return [(by_name[name][0], expected(by_name[name][1])) for name in names]


# Against the twin --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", MINI_RULES)
def test_positions_of_all_phases_are_worth_what_the_twin_says(rules, solved):
    boards = mini_boards(rules)
    values, distances = Tablebase(rules).probe(boards)
    for board, value, distance in zip(boards, values, distances, strict=True):
        worth = twin_solution.worth(twin_rules.parse(board.text), rules)
        assert (value, distance) == (worth[0], expected(worth[1])), board.text
    assert any(board.pending for board in boards) == (rules != "mini-children")
    assert any(board.turn == "black" for board in boards)
    assert any(board.is_over for board in boards)


@pytest.mark.parametrize("rules", MINI_RULES)
def test_actions_are_worth_what_the_twin_says(rules, solved):
    boards = mini_boards(rules)
    base = Tablebase(rules)
    found = base.probe_actions(boards)
    keeping, best, rows = found.keeping(), found.best(), found.rows()
    assert len(found.starts) == len(boards) + 1
    assert found.starts[-1] == len(found.actions) == len(found.values) == len(found.distances)
    for i, board in enumerate(boards):
        own = slice(found.starts[i], found.starts[i + 1])
        assert (rows[own] == i).all()
        assert found.actions[own].tolist() == board.legal_actions.tolist()
        worths = worths_of(board)
        assert list(zip(found.values[own], found.distances[own], strict=True)) == worths, board.text
        highest = max((value for value, _ in worths), default=0)
        assert keeping[own].tolist() == [value == highest for value, _ in worths]
        twins = twin_solution.best_actions(dict(enumerate(worths))) if worths else set()
        assert np.flatnonzero(best[own]).tolist() == sorted(twins)
        assert base.best_actions(board).tolist() == board.legal_actions[best[own]].tolist()


def test_perfect_play_ends_when_the_distance_says(solved):
    for rules in ("mini-standard", "mini-mature-optional"):
        base, rng = Tablebase(rules), random.Random(1)
        for start in mini_boards(rules)[:60]:
            (value,), (distance,) = base.probe([start])
            board, turns = start.copy(), 0
            while value and not board.is_over:
                mover = board.turn
                board.push(rng.choice(base.best_actions(board).tolist()))
                turns += board.turn != mover
            if value:
                assert turns == distance
                assert (board.winner == start.turn) == (value == 1)


# Forms of input ----------------------------------------------------------------------------------------------


def test_boards_and_arrays_are_worth_the_same(solved):
    base, boards = Tablebase("mini-mature"), mini_boards("mini-mature")
    positions = np.array([board.position for board in boards])
    assert all((a == b).all() for a, b in zip(base.probe(boards), base.probe(positions), strict=True))
    for a, b in zip(base.probe_actions(boards), base.probe_actions(positions), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("nothing", [[], np.empty(0, np.int64)])
def test_nothing_is_worth_nothing(nothing, solved):
    base = Tablebase("mini-mature")
    assert [len(array) for array in base.probe(nothing)] == [0, 0]
    found = base.probe_actions(nothing)
    assert [len(array) for array in found] == [1, 0, 0, 0]
    assert len(found.best()) == len(found.keeping()) == len(found.rows()) == 0


def test_threads_do_not_matter(solved, monkeypatch):
    monkeypatch.setattr(tablebase, "_CHUNK", 16)
    base, boards = Tablebase("mini-mature"), mini_boards("mini-mature")
    alone = base.probe(boards)
    monkeypatch.setattr(tablebase, "_CHUNK", 7)
    for threads in (2, 5):
        shared = base.probe(boards, threads=threads)
        assert all((a == b).all() for a, b in zip(alone, shared, strict=True))


def test_boards_of_other_rules_are_refused(solved):
    base = Tablebase("mini-mature")
    for board in (Board("mini-standard"), Board("mature")):
        for ask in (base.probe, base.probe_actions, lambda boards: base.best_actions(boards[0])):
            with pytest.raises(
                RulesError, match=f"a board of '{board.rules}' rules in a table of 'mini-mature'"
            ):
                ask([board])


# Without a table, or without distances -----------------------------------------------------------------------


def test_a_missing_table_names_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    with pytest.raises(TableError) as error:
        Tablebase("mini-mature")
    assert str(error.value) == not_solved_message("mini-mature")
    assert "`pylos solve --rules mini-mature`" in str(error.value)
    assert "minutes" in not_solved_message("mature")
    assert open_if_present("mini-mature") is None
    for ask in (Tablebase, open_if_present, not_solved_message):
        with pytest.raises(RulesError, match="unknown rule set 'nonsense'"):
            ask("nonsense")


def test_a_damaged_table_is_not_taken_for_a_missing_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    solve("mini-mature")
    table_path("mini-mature", VALUES).write_bytes(b"nonsense")
    for ask in (Tablebase, open_if_present):
        with pytest.raises(TableError, match="is damaged"):
            ask("mini-mature")


@pytest.mark.parametrize("place", ["f/home", "x" * 300])
def test_a_home_that_cannot_be_looked_into_counts_as_one_without_tables(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "f").write_text("a file")
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path / place))
    assert open_if_present("mini-mature") is None
    assert main(["analyse", "--rules", "mini-mature"]) == 0
    assert "are not computed here" in capsys.readouterr().out
    with pytest.raises(TableError, match="cannot keep a solution in"):
        solve("mini-mature")


def test_without_distances_all_that_keeps_the_value_is_best(tmp_path, monkeypatch, solved_folder):
    boards = mini_boards("mini-mature")
    monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    full = Tablebase("mini-mature")
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    solve("mini-mature")
    base = open_if_present("mini-mature")
    assert full.has_distances
    assert not base.has_distances
    values, distances = base.probe(boards)
    assert (values == full.probe(boards)[0]).all()
    assert (distances == NO_DISTANCE).all()
    found = base.probe_actions(boards)
    assert (found.values == full.probe_actions(boards).values).all()
    assert (found.distances == NO_DISTANCE).all()
    assert (found.best() == found.keeping()).all()


# Against searches to the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", RULES)
def test_late_positions_are_worth_what_a_search_to_the_end_finds(rules, solved_folder, monkeypatch):
    if rules in MINI_RULES:
        monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    base = open_if_present(rules)  # of the full game there is one only if the user has solved it
    if base is None:
        pytest.skip(not_solved_message(rules))
    late = endgames(rules, 12, 2000)
    boards = [endgame.board for endgame in late]
    values, distances = base.probe(boards)
    found = base.probe_actions(boards)
    assert values.tolist() == [endgame.value for endgame in late]
    assert found.values.tolist() == [v for endgame in late for _, v in sorted(endgame.action_values.items())]
    assert len(late) > 20
    for i in range(len(late) if base.has_distances else 0):
        own = slice(found.starts[i], found.starts[i + 1])
        same = found.distances[own][found.values[own] == values[i]]
        shortest_win_or_longest_loss = {1: same.min(), 0: NO_DISTANCE, -1: same.max()}[int(values[i])]
        assert distances[i] == shortest_win_or_longest_loss
