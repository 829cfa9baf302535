"""Counts of sequences of turns, from a board in the middle of a turn too, and in a process that loads its kernels.

`test_rules` compares the counts with known numbers.
"""

import os
import subprocess
import sys

import pytest

from pylos.game.board import Board
from pylos.game.perft import perft
from tests.support.boards import RULE_NAMES
from tests.twins import rules as twin_rules

SQUARE_IN_REACH = "ww..w...bbb...../........./..../. w 0"
"""White completes 1A1-1A2-1B1-1B2 by placing on 1B2."""


@pytest.mark.parametrize(("rules", "first"), [("standard", 10), ("standard-optional", 11)])
def test_perft_finishes_a_pending_take_back(rules, first):
    board = Board.from_text(SQUARE_IN_REACH, rules)
    board.push("1B2")  # four white balls, all free: four single ones and six pairs
    assert [perft(board, 0), perft(board, 1)] == [1, first]
    twin = twin_rules.parse(board.text)
    ends = {twin.with_own(twin.own - {a, b}, 0, True) for a in twin.own for b in twin.own}
    ends |= {twin.with_own(twin.own, 0, True)} if rules == "standard-optional" else set()
    assert perft(board, 2) == sum(twin_rules.perft(end, 1, rules) for end in ends)
    board.push("-1A1")
    assert perft(board, 1) == 4


def test_perft_refuses_a_negative_depth():
    with pytest.raises(ValueError, match="-1"):
        perft(Board(), -1)


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_perft_takes_the_rules_of_the_board(rules):
    text = "................/ww.w..bb./..../. w 0" if "mini" in rules else SQUARE_IN_REACH
    assert perft(Board.from_text(text, rules), 2) == twin_rules.perft(twin_rules.parse(text), 2, rules)


def test_kernels_survive_their_cache(tmp_path):
    # The second process loads machine code that the first has compiled. Kernels that call each other crash there.
    code = "from pylos import Board, perft; print(perft(Board(), 2))"
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYLOS_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert (result.returncode, result.stdout) == (0, "240\n"), result.stderr
