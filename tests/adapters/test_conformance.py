"""A `Board` conforms; an adapter with any one fault is found, with the position in which it shows."""

import doctest

import pytest

from pylos.adapters import conformance
from pylos.adapters.conformance import check_conformance, count_turns
from pylos.adapters.views import reward_of
from pylos.errors import ConformanceError, RulesError
from pylos.game.board import Board
from pylos.game.outcome import outcome_on
from pylos.game.perft import perft
from pylos.game.position import SIDES
from pylos.game.rules import STOP
from tests.support.boards import RULE_NAMES


class Boards:
    """The adapter of a `Board`."""

    def start(self, rules):
        return Board(rules)

    def legal(self, board):
        return board.legal_actions

    def mover(self, board):
        return SIDES.index(board.turn)

    def play(self, board, action):
        after = board.copy()
        after.push(action)
        return after

    def result(self, board):
        return None if (outcome := outcome_on(board)) is None else reward_of(outcome, "white")


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_a_board_conforms(rules):
    check_conformance(Boards(), [rules], depth=2, games=2)


def test_turns_are_counted_as_by_perft():
    text = "ww..w...bbb...../........./..../. w 0"  # a square is in reach
    for rules in ("standard", "standard-optional"):
        board = Board.from_text(text, rules)
        for depth in range(3):
            assert count_turns(Boards(), board, depth) == perft(board, depth)


class ForgetsApex(Boards):
    def legal(self, board):
        return [a for a in board.legal_actions if a != STOP or board.pending]


class MustTakeTwo(Boards):
    def legal(self, board):
        return [a for a in board.legal_actions if a != STOP or not board.pending]


class ForgetsRules(Boards):
    def start(self, rules):
        return Board("standard")


class Alternates(Boards):
    def mover(self, board):
        return len(board.actions) % 2


class LoserWins(Boards):
    def result(self, board):
        result = super().result(board)
        return None if result is None else -result


class EndsEarly(Boards):
    def result(self, board):
        return 0 if len(board.actions) >= 30 else super().result(board)


class NeverEnds(Boards):
    def mover(self, board):
        return 0


class ChangesItsState(Boards):
    def play(self, board, action):
        board.push(action)
        return board


@pytest.mark.parametrize(
    ("adapter", "rules", "says"),
    [
        (ForgetsApex(), "standard", "the legal actions"),
        (MustTakeTwo(), "standard", "the legal actions"),
        (ForgetsRules(), "mature", "side 1 to move, the rules 0 .white"),
        (ForgetsRules(), "children", "side"),
        (ForgetsRules(), "mini-standard", r"mini-standard rules, at the start: the adapter has the legal"),
        (Alternates(), "standard", "side . to move, the rules"),
        (LoserWins(), "standard", "the result -?1.0, the rules"),
        (EndsEarly(), "standard", "the result 0, the rules None"),
        (NeverEnds(), "standard", "after 1A1: the adapter has side 0 to move, the rules 1 .black"),
        (ChangesItsState(), "standard", "`play` changes the state"),
    ],
)
def test_a_fault_is_found_and_told(adapter, rules, says):
    with pytest.raises(ConformanceError, match=says) as found:
        check_conformance(adapter, [rules], depth=2, games=20)
    assert len(str(found.value).splitlines()) == 1


class ForgetsRepetition(Boards):
    def result(self, board):
        return super().result(board) if board.is_over or len(board.actions) >= 200 else None


class NeverStops(Boards):
    def result(self, board):
        return super().result(board) if board.is_over or len(board.actions) < 200 else None


@pytest.mark.parametrize("adapter", [ForgetsRepetition(), NeverStops()])
def test_three_games_see_every_end(adapter):
    check_conformance(adapter, ["standard-optional"], depth=0)
    with pytest.raises(ConformanceError, match="the adapter has the result None, the rules 0"):
        check_conformance(adapter, ["mature"], depth=0)


def test_the_turns_before_a_difference_are_told():
    with pytest.raises(ConformanceError, match=r"standard rules, after 1\w\d .*: the adapter has the result"):
        check_conformance(LoserWins(), ["standard"], depth=0, games=1)


def test_unknown_rules_are_refused():
    with pytest.raises(RulesError, match="chess"):
        check_conformance(Boards(), ["chess"])


def test_the_example_in_the_text_works():
    failed, attempted = doctest.testmod(conformance)
    assert (failed, attempted) == (0, 2)
