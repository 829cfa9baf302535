"""Blunders of finished games, compared with a slow count by the twin's solution."""

import numpy as np
import pytest

from pylos.arena.match import play_games
from pylos.game.board import Board
from pylos.game.position import START, mover, opponent_cells, own_cells
from pylos.players.naming import make_player
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.solution.blunders import BUCKETS, blunder_metrics, count_blunders
from pylos.solution.tablebase import Tablebase
from tests.support.boards import moved
from tests.twins import solution as twin_solution

MINI = ["mini-standard", "mini-mature", "mini-children"]


class Game:
    """A random game, stopped after `max_moves` actions if it is not over before."""

    def __init__(self, rules: str, seed: int, max_moves: int, draw_value: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.boards = [Board(rules)]
        while not self.boards[-1].is_over and len(self.boards) <= max_moves:
            self.boards.append(moved(self.boards[-1], int(rng.choice(self.boards[-1].legal_actions))))
        self.is_over = self.boards[-1].is_over
        self.positions = [board.position for board in self.boards[:-1]]
        winner = self.boards[-1].winner
        self.outcomes = [
            (1.0 if board.turn == winner else -1.0) if self.is_over else draw_value
            for board in self.boards[:-1]
        ]


def _value(board: Board, rules: str) -> int:
    """What a position is worth to its mover, by the twin's solution."""
    if not board.pending:
        return twin_solution.solve(rules)[own_cells(board.position), opponent_cells(board.position)][0]
    return max(_left(board, int(action), rules) for action in board.legal_actions)


def _left(board: Board, action: int, rules: str) -> int:
    """What an action leaves its player with."""
    after = moved(board, action)
    return _value(after, rules) * (1 if after.turn == board.turn else -1)


def _count_slowly(games: list[Game], rules: str, cut: int = 0) -> list[list[int]]:
    """The counts without the first `cut` actions of the first game."""
    counts = [[0, 0] for _ in range(BUCKETS)]
    for game in games:
        first, cut = cut, 0
        lost_somewhere = -1 in game.outcomes[first:]
        for ply, board in list(enumerate(game.boards[:-1]))[first:]:
            if ply == len(game.boards) - 2 and not (game.is_over and lost_somewhere):
                continue
            value, after = _value(board, rules), game.boards[ply + 1]
            kept = _value(after, rules) * (1 if after.turn == board.turn else -1)
            if any(_left(board, int(action), rules) < value for action in board.legal_actions):
                counts[min(ply // 10, BUCKETS - 1)][0] += 1
                counts[min(ply // 10, BUCKETS - 1)][1] += kept < value
    return counts


def _count(games: list[Game], rules: str) -> list[list[int]]:
    positions = np.array([position for game in games for position in game.positions])
    outcomes = np.array([outcome for game in games for outcome in game.outcomes], np.float32)
    numbers = np.repeat(np.arange(len(games)), [len(game.positions) for game in games])
    plies = np.concatenate([np.arange(len(game.positions), dtype=np.int16) for game in games])
    return count_blunders(Tablebase(rules), positions, outcomes, numbers, plies).tolist()


@pytest.mark.parametrize("rules", MINI)
def test_the_count_equals_that_of_the_twin(solved, rules):
    games = [Game(rules, seed, max_moves=200) for seed in range(40)]
    assert all(game.is_over for game in games)
    counts = _count(games, rules)
    assert counts == _count_slowly(games, rules)
    assert 0 < sum(blunders for _, blunders in counts) < sum(decisions for decisions, _ in counts)


@pytest.mark.parametrize("draw_value", [0.0, 1.0, -1.0, 0.5])
def test_the_last_action_of_a_game_that_was_stopped_does_not_count(solved, draw_value):
    games = [Game("mini-mature", seed, max_moves=5 + seed % 20, draw_value=draw_value) for seed in range(60)]
    assert 0 < sum(game.is_over for game in games) < 60
    assert _count(games, "mini-mature") == _count_slowly(games, "mini-mature")


@pytest.mark.parametrize("capacity", [37, 200, 300, 10_000])
def test_games_are_found_in_a_ring_that_wraps(solved, capacity):
    games = [Game("mini-standard", seed, max_moves=200) for seed in range(12)]
    buffer = ReplayBuffer(capacity, 1)
    for number, game in enumerate(games):
        for ply, (position, outcome) in enumerate(zip(game.positions, game.outcomes, strict=True)):
            row = buffer.added % capacity
            buffer.samples.positions[row], buffer.samples.outcomes[row] = position, outcome
            buffer.samples.games[row], buffer.samples.plies[row] = number, ply
            buffer.added += 1
    newest = games[4:]
    rows = buffer.newest(sum(len(game.positions) for game in newest))
    assert len(rows) == min(capacity, sum(len(game.positions) for game in newest))
    samples = ReplayBuffer(len(rows), 1).samples._make(column[rows] for column in buffer.samples)
    counts = count_blunders(
        Tablebase("mini-standard"), samples.positions, samples.outcomes, samples.games, samples.plies
    )
    missing = sum(len(game.positions) for game in newest) - len(rows)
    while missing >= len(newest[0].positions):
        missing -= len(newest.pop(0).positions)
    assert counts.tolist() == _count_slowly(newest, "mini-standard", missing)
    assert counts.any()


def test_without_a_game_there_is_nothing(solved):
    whole, part = np.empty(0, np.int64), np.empty(0, np.float32)
    counts = count_blunders(Tablebase("mini-standard"), whole, part, whole, whole.astype(np.int16))
    assert counts.shape == (BUCKETS, 2)
    assert not counts.any()
    assert set(blunder_metrics(counts).values()) == {None}


def test_actions_of_the_opening_count_as_plies(solved):
    game = Game("mini-standard", 0, 200)
    n = len(game.positions)
    counts = [
        count_blunders(
            Tablebase("mini-standard"),
            np.array(game.positions),
            np.array(game.outcomes, np.float32),
            np.zeros(n, np.int64),
            np.arange(first, first + n, dtype=np.int16),
        )
        for first in (0, 10)
    ]
    assert counts[0][:-2].tolist() == counts[1][1:-1].tolist()
    assert counts[0].any()


@pytest.mark.parametrize("rules", MINI)
@pytest.mark.parametrize("spec", ["perfect", "perfect:0.3"])
def test_perfect_players_do_not_blunder(solved, rules, spec):
    players = make_player(spec, rules), make_player(spec, rules)
    games = play_games(players[0], players[1:], 20, rules, opening_plies=0, max_moves=60)
    assert (games.positions[:, 0] == START).all()
    positions = [row[:plies] for row, plies in zip(games.positions, games.ply, strict=True)]
    winners = np.array([-1, -1, 0, 1])[games.outcome]  # by the numbers in pylos.arena.match
    outcomes = [
        np.where(winner < 0, 0, np.where(mover(row) == winner, 1, -1))
        for row, winner in zip(positions, winners, strict=True)
    ]
    counts = count_blunders(
        Tablebase(rules),
        np.concatenate(positions),
        np.concatenate(outcomes),
        np.repeat(np.arange(len(positions)), games.ply),
        np.concatenate([np.arange(plies, dtype=np.int16) for plies in games.ply]),
    )
    assert counts[:, 0].sum() > 0
    assert (counts[:, 1].sum() == 0) == (spec == "perfect")


def test_rates_have_names():
    counts = np.zeros((BUCKETS, 2), np.int64)
    counts[0], counts[2], counts[6] = (8, 4), (4, 0), (4, 1)
    rates = blunder_metrics(counts)
    assert len(rates) == 1 + BUCKETS
    assert {name: rate for name, rate in rates.items() if rate is not None} == {
        "selfplay/blunder_rate": 5 / 16,
        "selfplay/blunder_rate_ply_00_09": 0.5,
        "selfplay/blunder_rate_ply_20_29": 0.0,
        "selfplay/blunder_rate_ply_60_up": 0.25,
    }
