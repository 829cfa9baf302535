"""The compiled rules against known numbers, against the plain-Python twin, and against their own laws."""

import numpy as np
import pytest
from hypothesis import given, settings

from pylos.errors import RulesError
from pylos.game import rules
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.notation import format_position
from pylos.game.perft import count_turns
from pylos.game.position import CELL_MASK, START
from tests.support.boards import RULE_NAMES, boards, colourings, occupancies
from tests.twins import rules as twin_rules

CELLS = twin_rules.CELLS
BELOW = [[CELLS.index(c) for c in twin_rules.below(cell)] for cell in CELLS]
COUNTS = [16, 240, 3_360, 43_680, 524_376, 5_786_496]
MINI_COUNTS = [9, 72, 504, 3_024]
START_PERFT = {
    "children": [*COUNTS, 58_746_240],
    "standard": [*COUNTS, 61_313_472],
    "mature": [*COUNTS, 63_596_160],
    "standard-optional": [*COUNTS, 61_599_168],
    "mature-optional": [*COUNTS, 64_136_160],
    "mini-children": [*MINI_COUNTS, 15_216, 64_320, 255_360],
    "mini-standard": [*MINI_COUNTS, 15_216, 64_320, 307_584],
    "mini-mature": [*MINI_COUNTS, 20_616, 131_280, 1_401_536],
    "mini-standard-optional": [*MINI_COUNTS, 15_216, 64_320, 313_536],
    "mini-mature-optional": [*MINI_COUNTS, 21_696, 145_576, 1_624_392],
}
"""Sequences of 1 to 7 turns. The twin agrees on those of the mini game, which takes minutes."""
MIDDLE = [
    ("children", "bbw.bb..bw..w.../...w...../..../. w 0", [11, 95, 944]),
    ("children", "wbbwwbwwbwwwwb.w/wbb.bb.../.w../. w 0", [6, 26, 117]),
    ("standard", "bbwbbbwwwwwwbb.b/bbbbb..../..../. b 0", [169, 843, 42_780]),
    ("standard", "....bb...bwwb..w/........./..../. w 0", [18, 403, 7_457]),
    ("standard", "bbbwwbwbbwb.bwb./wb.ww..w./b.../. w 0", [12, 72, 447]),
    ("mature", "wwbbwbwwbbww.bwb/b...b..bb/..../. b 0", [250, 2_308, 146_438]),
    ("mature", ".wwwwbbbwwwbbbbw/...bbwwwb/..wb/. w 0", [20, 58, 393]),
    ("standard-optional", "bbwbbbwwwwwwbb.b/bbbbb..../..../. b 0", [173, 864, 44_808]),
    ("standard-optional", "bbbwwbwbbwb.bwb./wb.ww..w./b.../. w 0", [14, 82, 520]),
    ("mature-optional", "wwbbwbwwbbww.bwb/b...b..bb/..../. b 0", [258, 2_422, 167_678]),
    ("mature-optional", ".wwwwbbbwwwbbbbw/...bbwwwb/..wb/. w 0", [21, 61, 424]),
]
"""Turns from the middle of games, to depths 1, 2 and 3."""


@pytest.mark.parametrize("name", RULE_NAMES)
def test_perft_from_the_start(name):
    counts = [count_turns(START, depth, rules.RULES[name]) for depth in range(1, 8)]
    assert counts == START_PERFT[name]


@pytest.mark.parametrize(("name", "depth"), [(name, 5 if "mini" in name else 2) for name in RULE_NAMES])
def test_the_twin_counts_the_same_from_the_start(name, depth):
    assert twin_rules.perft(twin_rules.parse(Board(name).text), depth, name) == START_PERFT[name][depth - 1]


@pytest.mark.parametrize(("name", "text", "counts"), MIDDLE)
def test_perft_from_the_middle(name, text, counts):
    position = Board.from_text(text, name).position
    assert [count_turns(position, depth, rules.RULES[name]) for depth in (1, 2, 3)] == counts


@pytest.mark.parametrize(("name", "text", "counts"), MIDDLE)
def test_the_twin_counts_the_same(name, text, counts):
    assert [twin_rules.perft(twin_rules.parse(text), depth, name) for depth in (1, 2)] == counts[:2]


def assert_same_moves(game: twin_rules.Game, name: str) -> None:
    """Legal actions, their order, what each leads to, and whether the game is over."""
    board = Board.from_text(twin_rules.format_game(game), name)
    expected = {twin_rules.name(action): action for action in twin_rules.legal(game, name)}
    actions = [int(action) for action in board.legal_actions]
    assert actions == sorted(set(actions))
    assert {action_name(action, board.pending) for action in actions} == set(expected)
    assert board.is_over == twin_rules.is_over(game, name) == (not expected)
    for action in actions:
        after = rules.step(board.position, action, rules.RULES[name])
        twin = twin_rules.step(game, expected[action_name(action, board.pending)], name)
        assert format_position(after) == twin_rules.format_game(twin)


@given(boards())
def test_moves_match_the_twin_in_games(board):
    assert_same_moves(twin_rules.parse(board.text), board.rules)


@given(colourings())
def test_moves_match_the_twin_in_any_position(coloured):
    assert_same_moves(*coloured)


@settings(max_examples=25)
@given(boards())
def test_turns_match_the_twin(board):
    while board.pending:
        board.pop()
    ends = list(twin_rules.turns(twin_rules.parse(board.text), board.rules))
    assert count_turns(board.position, 1, rules.RULES[board.rules]) == len(ends)


@settings(max_examples=500)
@given(boards())
def test_steps_keep_the_laws(board):
    while board.actions:
        after, pending_after, mover_after = board.position, board.pending, board.turn
        action = board.pop()
        kept = board.turn == mover_after
        assert kept == (pending_after > 0), "the mover stays exactly while a take-back is pending"
        assert all(0 <= reserve <= twin_rules.balls_per_player(board.rules) for reserve in board.reserves)
        assert after == rules.step(board.position, action, rules.RULES[board.rules])
        if board.pending:
            optional = board.rules.endswith("-optional")
            assert (rules.STOP in board.legal_actions) == (optional or board.pending == 1)
            assert len(board.legal_actions) > 0
            assert not board.is_over


def test_who_cannot_move_loses():
    # The twin agrees that white has neither a ball in reserve nor one to raise; black moves on in its place.
    text = "wbbwwbwwbwbwwbbw/wbbbbwwbw/bbww/. {} 0"
    stuck, other = Board.from_text(text.format("w")), Board.from_text(text.format("b"))
    assert twin_rules.is_over(twin_rules.parse(stuck.text), "standard")
    assert (stuck.is_over, stuck.winner, list(stuck.legal_actions)) == (True, "black", [])
    assert (other.is_over, other.winner) == (False, None)
    other.push("4A1")
    assert (other.is_over, other.winner) == (True, "black")


def test_an_empty_reserve_loses_only_without_a_raise():
    board = Board.from_text("wwwwbwwwwbwwwwwb/bbbbbb.bb/ww../. w 0", "children")
    assert board.reserves == (0, 4)
    assert [action_name(int(action)) for action in board.legal_actions] == ["1D1^3B2"]
    assert not board.is_over


def occupancy_bits() -> np.ndarray:
    """[141120, 30] which cells each supported pile fills."""
    bits = np.zeros((len(occupancies()), 30), bool)
    for row, pile in zip(bits, occupancies(), strict=True):
        row[[CELLS.index(cell) for cell in pile]] = True
    return bits


@pytest.fixture(scope="module")
def piles() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[141120, 30] each: filled cells, supported empty cells, cells on which nothing rests."""
    bits = occupancy_bits()
    supported = np.stack([~bits[:, c] & bits[:, BELOW[c]].all(axis=1) for c in range(30)], axis=1)
    resting = [[a for a in range(30) if c in BELOW[a]] for c in range(30)]
    uncovered = np.stack([~bits[:, resting[c]].any(axis=1) for c in range(30)], axis=1)
    return bits, supported, uncovered


def test_every_pile(piles):
    filled, supported, uncovered = (bits @ (1 << np.arange(30)) for bits in piles)
    assert len(np.unique(filled)) == 141_120
    for pile, carries, bare in zip(filled.tolist(), supported.tolist(), uncovered.tolist(), strict=True):
        assert rules.supported_cells(pile) == carries
        assert rules.uncovered_cells(pile) & CELL_MASK == bare


def test_bound_on_legal_actions(piles):
    # The mover does best to own the free balls that can be raised to the most cells, and to keep one in
    # reserve unless a fifteenth ball on the board brings more raises than there are cells to place on.
    # In the mini game the piles are among these, with the ground filled, and the mover owns less of them.
    bits, supported, uncovered = piles
    liftable = [[CELLS[t][0] > CELLS[s][0] and s not in BELOW[t] for s in range(30)] for t in range(30)]
    raises = np.where(bits & uncovered, supported @ np.array(liftable, np.int64), 0)
    raises = np.sort(raises, axis=1)[:, ::-1]
    with_reserve = np.where(bits.sum(axis=1) < 30, supported.sum(axis=1) + raises[:, :14].sum(axis=1), 0)
    bound = np.maximum(with_reserve, raises[:, :15].sum(axis=1)).max()
    widest = Board.from_text("wwwwwbbwwwwwwwww/........./..../. w 0")
    assert (
        len(widest.legal_actions)
        == len(twin_rules.legal(twin_rules.parse(widest.text), "standard"))
        == bound
        == 107
    )
    assert bound <= rules.MAX_LEGAL_ACTIONS


@pytest.mark.parametrize("name", ["", "Standard", "standard_optional"])
def test_unknown_rules_are_refused(name):
    with pytest.raises(RulesError, match="mature-optional"):
        rules.rules_code(name)


def test_occurrences_of_a_position_are_counted_up_to_its_ply():
    positions = np.array([5, 7, 5, 5, 9, 5])
    assert [rules.occurrences(positions, ply) for ply in range(6)] == [1, 1, 2, 3, 1, 4]
