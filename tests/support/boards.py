"""Boards for tests, varied on purpose: random games, and Hypothesis strategies of them."""

from __future__ import annotations

import functools
import random

from hypothesis import strategies as st

from pylos.game.board import Board
from pylos.game.position import take_backs
from pylos.game.rules import ACTION_TARGET, RULES, STOP, step
from tests.twins import rules as twin_rules

RULE_NAMES = tuple(RULES)


def moved(board: Board, action: int) -> Board:
    """The board after one action."""
    after = Board.from_position(board.position, board.rules)
    after.push(action)
    return after


def random_game(rules: str, steps: int, seed: int) -> Board:
    """A board after this many random steps, or at the end of the game.

    Half of the choices go to formations or else to higher levels: uniform play rarely gets to either.
    """
    rng = random.Random(seed)
    board = Board(rules)
    while len(board.actions) < steps and not board.is_over:
        actions = [int(action) for action in board.legal_actions]
        if not board.pending and rng.random() < 0.5:
            code = RULES[rules]
            earning = [a for a in actions if take_backs(step(board.position, a, code))]
            rising = [a for a in actions if ACTION_TARGET[a] >= 16]
            actions = earning or rising or actions
        elif board.pending and rng.random() < 0.3:
            actions = [STOP] if STOP in actions else actions
        board.push(rng.choice(actions))
    return board


@st.composite
def boards(draw: st.DrawFn, rules: tuple[str, ...] = RULE_NAMES) -> Board:
    """Reachable positions of all phases with their history, mid-turn ones and finished games among them."""
    name = draw(st.sampled_from(rules))
    return random_game(name, draw(st.integers(0, 60)), draw(st.integers(0, 2**32 - 1)))


@functools.cache
def occupancies(ground: frozenset[twin_rules.Cell] = frozenset()) -> list[frozenset[twin_rules.Cell]]:
    """All supported sets of cells with balls: 141,120 in the full game, where no cell is ground."""
    return list(twin_rules.supported_occupancies(ground))


@st.composite
def colourings(draw: st.DrawFn, rules: tuple[str, ...] = RULE_NAMES) -> tuple[twin_rules.Game, str]:
    """Positions without a take-back, reachable or not: any pile in any colours, and the rules by which it is one."""
    name = draw(st.sampled_from(rules))
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))
    pile, most = sorted(rng.choice(occupancies(twin_rules.ground(name)))), twin_rules.balls_per_player(name)
    rng.shuffle(pile)
    count = rng.randint(max(0, len(pile) - most), min(most, len(pile)))
    return twin_rules.Game(frozenset(pile[:count]), frozenset(pile[count:]), rng.choice("wb"), 0), name
