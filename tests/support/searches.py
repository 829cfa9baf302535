"""Searches in tests: boards to search, a search in one call, and its result row by row."""

from __future__ import annotations

import numpy as np

from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.evaluator import Evaluator
from pylos.search.history import History, history_of
from pylos.search.options import SearchOptions
from pylos.search.pool import SearchPool
from pylos.search.search import Search, SearchResult
from tests.support.boards import moved, random_game
from tests.support.evaluators import hashed, uninformed


def running_boards(rules: str, count: int, seed: int = 0) -> list[Board]:
    """Boards of all phases whose game is not over."""
    games = (random_game(rules, i % 40, seed + i) for i in range(1000))
    running = (board for board in games if not board.is_over)
    return [next(running) for _ in range(count)]


def late_boards(rules: str, count: int) -> list[Board]:
    """Boards some actions before the end of games, where proofs happen."""
    boards = []
    for seed in range(count):
        board = random_game(rules, 200, seed)
        for _ in range(2 + seed % 6):
            board.pop()
        boards.append(board)
    return boards


def begin(pool: SearchPool, boards: list[Board], simulations: int, root: str = "gumbel") -> list[int]:
    """Begins searches of the same kind in a pool; their rows."""
    n = len(boards)
    return pool.add([board.position for board in boards], [simulations] * n, [root == "gumbel"] * n)


def search(
    boards: list[Board],
    options: SearchOptions | None = None,
    evaluate: Evaluator = hashed,
    keys: np.ndarray | None = None,
    games: int | None = None,
    threads: int = 1,
    history: History | None = None,
) -> SearchResult:
    """The result of a search; by default there is room for just these boards, and their keys are 0, 1, 2 ..."""
    positions = np.array([board.position for board in boards], np.int64)
    keys = np.arange(len(boards)) if keys is None else keys
    room = Search(games or len(boards), RULES[boards[0].rules], options or SearchOptions(), threads)
    return room.run(positions, evaluate, keys, history)


def soon_again(boards: list[Board]) -> History:
    """A made-up history: each board's own, and about a third of the positions that one or two actions lead to."""
    games = []
    for board in boards:
        next_ones = [moved(board, action) for action in board.legal_actions]
        after = [moved(one, action) for one in next_ones for action in one.legal_actions]
        reached = {one.position for one in (*next_ones, *after) if not one.is_over}
        games.append(
            [*board.positions[:-1], *(position for position in sorted(reached) if position % 3 == 0)]
        )
    return history_of(games)


def row_weights(result: SearchResult, row: int) -> dict[int, int]:
    """The actions of a row with their weights; checks that they are ascending and padded with zeros."""
    k = np.count_nonzero(result.weights[row])
    actions, weights = result.actions[row].tolist(), result.weights[row].tolist()
    assert not any(actions[k:])
    assert not any(weights[k:])
    assert actions[:k] == sorted(set(actions[:k]))
    return dict(zip(actions[:k], weights[:k], strict=True))


def visits_and_values(
    boards: list[Board], simulations: int, evaluate: Evaluator = uninformed
) -> tuple[list[dict[int, int]], list[float]]:
    """The visits of the roots by action, and the values of the roots."""
    result = search(boards, SearchOptions(simulations=simulations), evaluate)
    return [row_weights(result, row) for row in range(len(boards))], result.values.tolist()
