"""Late positions of random games, solved exactly by a walk through all positions that can follow."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from pylos.game.board import Board
from pylos.game.playouts import random_action
from pylos.game.position import START, mover
from pylos.game.rules import MAX_LEGAL_ACTIONS, RULES, is_over, legal_actions, step
from pylos.kernels.randomness import draw
from tests.support.boards import moved

WIN, CYCLE, LOSS = 1, 0, -1


@dataclass(frozen=True)
class Endgame:
    """A solved position. All values are those for the player to move."""

    board: Board
    value: int
    """WIN, LOSS, or CYCLE where nobody can force an end."""
    distance: int
    """Actions to the end if the winner hurries and the loser delays; 0 in a cycle."""
    action_values: dict[int, int]
    """What each legal action leads to."""

    def actions_worth(self, value: int) -> set[int]:
        """The actions that lead to such a value."""
        return {action for action, worth in self.action_values.items() if worth == value}


def _followers(position: int, code: int, most: int) -> dict[int, dict[int, int]] | None:
    """What each action leads to, for all reachable positions; None if there are more than `most` of them."""
    found: dict[int, dict[int, int]] = {}
    waiting, scratch = [position], np.empty(MAX_LEGAL_ACTIONS, np.int64)
    while waiting:
        position = waiting.pop()
        if position in found:
            continue
        if len(found) == most:
            return None
        actions = scratch[: legal_actions(position, code, scratch)].tolist()
        found[position] = {action: int(step(position, action, code)) for action in actions}
        waiting += found[position].values()
    return found


def _seen_from(position: int, after: int, values: dict[int, tuple[int, int]]) -> int:
    """The value of a follower for the player who acts in `position`; CYCLE while it is not known."""
    value = values.get(after, (CYCLE, 0))[0]
    return value if mover(after) == mover(position) else -value


def _solve(followers: dict[int, dict[int, int]]) -> dict[int, tuple[int, int]]:
    """The value and the distance of all positions that are won or lost, found round by round."""
    values: dict[int, tuple[int, int]] = {}
    distance, changed = 0, True
    while changed:
        known = dict(values)
        for position, actions in followers.items():
            if position not in known:
                seen = {_seen_from(position, after, known) for after in actions.values()}
                if WIN in seen or not seen - {LOSS}:
                    values[position] = (WIN if WIN in seen else LOSS, distance)
        changed = len(values) > len(known)
        distance += 1
    return values


def solve(board: Board, most: int) -> Endgame | None:
    """Solves a position; None if more than `most` positions can follow."""
    followers = _followers(board.position, RULES[board.rules], most)
    if followers is None:
        return None
    values = _solve(followers)
    position = board.position
    value, distance = values.get(position, (CYCLE, 0))
    worth = {action: _seen_from(position, after, values) for action, after in followers[position].items()}
    return Endgame(Board.from_position(position, board.rules), value, distance, worth)


def _finished_game(rules: str, key: int) -> list[int]:
    """The positions of a game of uniformly random actions."""
    code, position, positions = RULES[rules], START, [START]
    while not is_over(position, code):
        position = int(step(position, random_action(position, code, draw(key, len(positions))), code))
        positions.append(position)
    return positions


@functools.cache
def endgames(rules: str, games: int, most: int) -> list[Endgame]:
    """All positions that `solve` can solve, from the ends of random games backwards."""
    found = []
    for key in range(games):
        for position in _finished_game(rules, key)[-2::-1]:
            endgame = solve(Board.from_position(position, rules), most)
            if endgame is None:
                break
            found.append(endgame)
    return found


LOSS_IN_ONE = [
    ("standard", "wwwbbwwwwbbbbwwb/bwbbwbbww/..bb/. b 0", {"3A1", "3A2"}),
    ("standard", "wbwbbbwwbwbbbbbw/wwwbbwwwb/ww../. w 0", {"3B1", "3B2"}),
    ("mature", "bbbbbwbwwwwbwwbw/wbwwbbbwb/..ww/. w 0", {"3A1", "3A2"}),
    ("standard-optional", "wwbbbwbwwbwwbwwb/bbwbwbbbb/wwww/. w 2", {"="}),
    ("mature-optional", "bwbbwbwwwbwbwwbb/wwwwbbbww/bbbb/. b 2", {"="}),
]
"""Positions by rules and text, and the actions after which the opponent wins at once; others do not lose."""


def losing_at_once(endgame: Endgame) -> set[int]:
    """Actions after which the opponent wins with the next one."""
    return {
        action
        for action in endgame.actions_worth(LOSS)
        if (after := solve(moved(endgame.board, action), 3000)) and after.distance == 1
    }
