"""What the analysis of a position says, against the tablebase, the network and the search behind it."""

import doctest

import numpy as np
import pytest

from pylos.analysis.rows import analyse, network_opinion
from pylos.errors import PlayerError, RulesError, TableError
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.players.naming import make_player
from pylos.search.history import history_of
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.search.softmax import legal_policy
from pylos.solution.tablebase import Tablebase
from tests.support.boards import random_game
from tests.support.networks import untrained_player

MINI = "mini-mature"


def boards(rules: str, count: int) -> list[Board]:
    games = (random_game(rules, seed % 25, seed) for seed in range(1000))
    running = (board for board in games if not board.is_over)
    return [next(running) for _ in range(count)]


def test_without_anyone_to_ask_the_actions_are_listed(unsolved):
    for board in boards("standard", 10):
        rows = analyse(board)
        assert [row.action for row in rows] == board.legal_actions.tolist()
        assert all(row[2:] == (None,) * 6 for row in rows)
        other = board.copy()
        other.push(rows[0].name)
        assert other.actions[-1] == rows[0].action


def test_exact_values_and_their_order(solved):
    base = Tablebase(MINI)
    for board in boards(MINI, 40):
        found = base.probe_actions([board])
        worths = dict(
            zip(
                found.actions.tolist(),
                zip(found.values.tolist(), found.distances.tolist(), strict=True),
                strict=True,
            )
        )
        rows = analyse(board, base)
        assert {
            row.action: (row.exact, -1 if row.distance is None else row.distance) for row in rows
        } == worths
        order = [(row.exact, -(row.distance or 0) * row.exact) for row in rows]
        assert order == sorted(order, reverse=True)
        assert rows[0].action in base.best_actions(board)


def test_priors_are_those_of_the_network_over_the_legal_actions():
    player = untrained_player("standard", simulations=0)
    for board in boards("standard", 10):
        rows = analyse(board, None, player)
        positions = np.zeros(8, np.int64)
        positions[0] = board.position
        log_policy = player.network(positions)[1][0]
        expected = np.exp(log_policy[board.legal_actions])
        priors = {row.action: row.prior for row in rows}
        assert [priors[a] for a in board.legal_actions] == pytest.approx((expected / expected.sum()).tolist())
        assert [row.prior for row in rows] == sorted(priors.values(), reverse=True)
        assert rows[0].action == player.choose([board])[0]
        assert all(row.visits is None and row.mean is None for row in rows)


def test_the_network_is_asked_as_the_player_asks_it():
    """A search asks about canonical images: to the last bit this is another answer than the bare network's."""
    searching, bare = (untrained_player("standard", simulations) for simulations in (1, 0))
    differences = 0
    for board in boards("standard", 20):
        positions = np.array([board.position])
        answers = searching.evaluator(positions), bare.network(positions)
        for player, (values, log_policy) in zip((searching, bare), answers, strict=True):
            value, policy = network_opinion(board, player)
            assert value == values[0]
            assert policy.tolist() == legal_policy(log_policy[0], board.legal_actions).tolist()
        differences += answers[0][0][0] != answers[1][0][0]
    assert differences


def test_one_simulation_is_a_search():
    for board in boards("standard", 5):
        rows = analyse(board, None, untrained_player("standard", 1))
        assert sum(row.visits for row in rows) == 1


def test_what_is_found_is_what_the_players_search_finds():
    player, search = untrained_player("standard", 40), Search(1, RULES["standard"], network_options(40))
    for board in [board for board in boards("standard", 30) if min(board.reserves) >= 6]:
        rows = analyse(board, None, player)
        assert sum(row.visits for row in rows) == 40
        best = [row.action for row in rows if row.improved == rows[0].improved]
        assert player.choose([board])[0] in best
        position, history = np.array([board.position]), history_of([board.positions[:-1]])
        result = search.run(position, player.evaluator, np.zeros(1, np.int64), history)
        improved = {row.action: row.improved for row in rows if row.improved}
        n = len(improved)
        weights = result.weights[0, :n] / result.weights[0].sum()
        assert improved == dict(zip(result.actions[0, :n].tolist(), weights.tolist(), strict=True))
        assert [row.mean is None for row in rows] == [row.visits == 0 for row in rows]
        value = player.evaluator(np.array([board.position] * 8))[0][0]
        tried = [row for row in rows if row.visits]
        mean = sum(row.prior * row.mean for row in tried) / sum(row.prior for row in tried)
        average = (value + 40 * mean) / 41  # what an action that was not tried counts as
        worth = sum((row.improved or 0) * (row.mean if row.visits else average) for row in rows)
        assert result.values[0] == pytest.approx(worth, abs=0.005)


def test_a_proven_action_is_worth_what_it_is(solved):
    base, player = Tablebase(MINI), untrained_player(MINI, simulations=300)
    proven = 0
    for board in boards(MINI, 40):
        for row in analyse(board, base, player):
            assert row.exact is not None
            assert row.prior is not None
            if row.mean in (1.0, -1.0) and row.exact:
                proven += 1
                assert row.mean == row.exact
    assert proven > 10


def test_by_default_the_solution_is_taken_where_there_is_one(solved, tmp_path, monkeypatch):
    board = Board(MINI)
    assert analyse(board) == analyse(board, Tablebase(MINI)) != analyse(board, None)
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    assert analyse(board) == analyse(board, None)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / f"{MINI}.values").write_bytes(b"nonsense")
    with pytest.raises(TableError, match="is damaged"):
        analyse(board)
    assert all(row.exact is None for row in analyse(board, None))


def test_the_example_of_the_docstring(solved):
    test = doctest.DocTestFinder(recurse=False).find(analyse, "analyse")[0]
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_finished_game_has_no_rows(solved):
    over = random_game(MINI, 100, 0)
    assert over.is_over
    assert analyse(over, Tablebase(MINI), untrained_player(MINI, 4)) == []


@pytest.mark.parametrize("spec", ["random", "rollouts:4"])
def test_players_without_a_network_are_refused(spec):
    with pytest.raises(PlayerError, match=f"{spec} has no network to ask"):
        analyse(Board(), None, make_player(spec))


def test_other_rules_are_refused(solved):
    with pytest.raises(RulesError, match="table of 'mini-mature' rules"):
        analyse(Board("mature"), Tablebase(MINI))
    with pytest.raises(RulesError, match="plays 'mini-mature' rules"):
        analyse(Board("mature"), None, untrained_player(MINI, 2))


def test_what_the_board_has_seen_before_is_a_draw(monkeypatch):
    """All that can follow has occurred, and every simulation finds the draw."""
    board, player = Board("standard"), untrained_player("standard", 40)
    followers = []
    for action in board.legal_actions.tolist():
        board.push(action)
        followers.append(board.position)
        board.pop()
    monkeypatch.setattr(Board, "positions", property(lambda self: (*followers, self.position)))
    rows = analyse(board, None, player)
    assert {row.mean for row in rows if row.visits} == {0}
    assert sum(row.visits for row in rows) == 40
