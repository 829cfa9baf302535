"""Whether an adapter plays Pylos: turns counted through its own interface, and random games beside a `Board`.

Anyone can check an adapter of their own, whatever it adapts to. They write the five short methods of `Adapter` and call
`check_conformance`, which raises a `ConformanceError` with the first difference. The interface of an environment that
only goes forward is no obstacle: its states can be tuples of actions, each played again from the start when it is
needed.

>>> class Boards:
...     def start(self, rules):
...         return Board(rules)
...     def legal(self, board):
...         return board.legal_actions
...     def mover(self, board):
...         return SIDES.index(board.turn)
...     def play(self, board, action):
...         after = board.copy()
...         after.push(action)
...         return after
...     def result(self, board):
...         return None if (outcome := outcome_on(board)) is None else reward_of(outcome, "white")
>>> check_conformance(Boards(), ["standard"], depth=2, games=1)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from pylos.adapters.views import reward_of
from pylos.errors import ConformanceError
from pylos.game.board import Board
from pylos.game.outcome import outcome_on
from pylos.game.perft import perft
from pylos.game.position import SIDES, take_backs
from pylos.game.rules import RULES, STOP, rules_code, step
from pylos.kernels.randomness import derive_key, draw_below

MOST_TAKE_BACKS = 2
"""In a turn: after so many actions more the other side is to move."""

State = TypeVar("State")


class Adapter(Protocol[State]):
    """What a checked adapter can do. Its states may be of any kind. Actions are the numbers from 0 to 302."""

    def start(self, rules: str) -> State:
        """The beginning of a game by a rule set."""

    def legal(self, state: State) -> Iterable[int]:
        """The legal actions, in any order. Not asked where the game is over."""

    def mover(self, state: State) -> int:
        """The side that acts next: 0 for white, 1 for black. Not asked where the game is over."""

    def play(self, state: State, action: int) -> State:
        """The state after a legal action. The one before stays as it is."""

    def result(self, state: State) -> float | None:
        """What the game is worth to white: 1, 0 for a draw, or -1; None while it goes on."""


def check_conformance(
    adapter: Adapter[State], rules: Iterable[str] = tuple(RULES), depth: int = 3, games: int = 3
) -> None:
    """Compares an adapter with the rules of this package.

    By each rule set it counts the sequences of up to `depth` turns through the adapter, and compares them with `perft`.
    Then it plays games to their end. In each of their positions it compares the legal actions, the side to move and the
    result; in the random games, where a turn begins, the number of turns as well. Games end as in our matches, see
    `pylos.game.outcome`: three games by the mature rules are enough to see all three ends.

    Args:
        adapter: the adapter.
        rules: the rule sets that it knows; by default all.
        depth: how many turns are counted from the start. From 4 on, most adapters need minutes.
        games: the games by each rule set. They are the same in every call.

    Raises:
        ConformanceError: the adapter differs; the message says by which rules, after which turns, and in what.
        RulesError: there is no such rule set.
    """
    for name in rules:
        board, state = Board(name), adapter.start(name)
        _compare(adapter, state, board)
        _check_that_states_stay(adapter, state)
        for turns in range(depth + 1):
            _compare_perft(adapter, state, board, turns)
        for game in range(games):
            _compare_game(adapter, name, game)


def _check_that_states_stay(adapter: Adapter[State], state: State) -> None:
    before = _legal(adapter, state)
    adapter.play(state, before[0])
    if adapter.result(state) is not None or _legal(adapter, state) != before:
        raise ConformanceError("`play` changes the state that it gets; the adapter must return another one")


def count_turns(adapter: Adapter[State], state: State, depth: int) -> int:
    """Counts the sequences of `depth` whole turns from a state where a turn begins, through the adapter alone.

    A set of balls taken back counts once, whatever the order. See `pylos.game.perft`.
    """
    if depth == 0:
        return 1
    if adapter.result(state) is not None:
        return 0
    player = adapter.mover(state)
    turns = {
        (action, balls): end
        for action in _legal(adapter, state)
        for balls, end in _ends_of_turn(adapter, adapter.play(state, action), player, MOST_TAKE_BACKS)
    }
    return sum(count_turns(adapter, end, depth - 1) for end in turns.values())


def _ends_of_turn(
    adapter: Adapter[State], state: State, player: int, left: int
) -> Iterator[tuple[frozenset[int], State]]:
    """The ways in which a begun turn goes on: the take-backs in it, and the state after them."""
    if left == 0 or adapter.result(state) is not None or adapter.mover(state) != player:
        yield frozenset(), state
        return
    for action in _legal(adapter, state):
        for balls, end in _ends_of_turn(adapter, adapter.play(state, action), player, left - 1):
            yield balls | ({action} - {STOP}), end


def _legal(adapter: Adapter[State], state: State) -> list[int]:
    return sorted(int(action) for action in adapter.legal(state))


def _compare_perft(adapter: Adapter[State], state: State, board: Board, depth: int) -> None:
    theirs, ours = count_turns(adapter, state, depth), perft(board, depth)
    if theirs != ours:
        _compare_all(adapter, state, board, depth)
        _differ(board, f"{theirs} sequences of turns (depth {depth})", str(ours))


def _compare_all(adapter: Adapter[State], state: State, board: Board, depth: int) -> None:
    """Looks for the position that makes two counts differ."""
    _compare(adapter, state, board)
    if depth == 0 or board.is_over:
        return
    for action in board.legal_actions.tolist():
        after = board.copy()
        after.push(action)
        left = depth if after.pending else depth - 1
        _compare_all(adapter, adapter.play(state, action), after, left)


def _compare_game(adapter: Adapter[State], rules: str, game: int) -> None:
    """Plays one game on both."""
    board, state = Board(rules), adapter.start(rules)
    while outcome_on(board) is None:
        if game % 3 == 0 and not board.pending:  # `perft` knows no draws, which the others may be near to
            _compare_perft(adapter, state, board, 1)
        action = _choose(board, game)
        state = adapter.play(state, action)
        board.push(action)
        _compare(adapter, state, board)


def _choose(board: Board, game: int) -> int:
    """Every third game is random. The others make formations where they can; so one lasts long, and one repeats."""
    actions: list[int] = board.legal_actions.tolist()
    if game % 3 and not board.pending:
        code = rules_code(board.rules)
        actions = [a for a in actions if take_backs(step(board.position, a, code))] or actions
    if game % 3 == 2:
        return actions[0]
    return actions[draw_below(derive_key("conformance", game), len(board.actions), len(actions))]


def _compare(adapter: Adapter[State], state: State, board: Board) -> None:
    """Compares one state with a board."""
    result, outcome = adapter.result(state), outcome_on(board)
    expected = None if outcome is None else reward_of(outcome, "white")
    if result != expected:
        _differ(board, f"the result {result}", str(expected))
    if outcome is not None:
        return
    if (mover := adapter.mover(state)) != SIDES.index(board.turn):
        _differ(board, f"side {mover} to move", f"{SIDES.index(board.turn)} ({board.turn})")
    legal, expected_legal = _legal(adapter, state), board.legal_actions.tolist()
    if legal != expected_legal:
        _differ(board, f"the legal actions {legal}", str(expected_legal))


def _differ(board: Board, theirs: str, ours: str) -> None:
    after = f"after {' '.join(board.turns)}" if board.actions else "at the start"
    raise ConformanceError(f"{board.rules} rules, {after}: the adapter has {theirs}, the rules {ours}")
