"""The index of positions: a bijection up to symmetry, in the order that its docstring promises."""

import functools
import random

import numpy as np
import pytest

from pylos.game.position import CELL_MASK, opponent_cells, own_cells
from pylos.game.rules import RAISED_TO, RULES, ground_cells, occupied_cells, supported_cells, uncovered_cells
from pylos.game.symmetry import moved_mask
from pylos.solution.indexing import (
    EMPTY_SLOT,
    build_index,
    list_positions,
    locate,
    num_colourings,
    position_at,
    shape_of,
)
from tests.support.boards import occupancies
from tests.twins import rules as twin_rules
from tests.twins import solution as twin_solution

FULL, MINI = RULES["standard"], RULES["mini-standard"]
BOTH = pytest.mark.parametrize("code", [FULL, MINI])
ALL_COLOURINGS = {FULL: 12_507_810_089, MINI: 105_053}


def split(position: int) -> tuple[int, int]:
    return own_cells(position), opponent_cells(position)


def images(own: int, opponent: int) -> list[tuple[int, int]]:
    """The eight images of a position; `test_symmetry` compares symmetries with the twin's."""
    return [(int(moved_mask(own, s)), int(moved_mask(opponent, s))) for s in range(8)]


def standing(own: int, opponent: int) -> set[tuple[int, int]]:
    """The images whose pile is the smallest of all, which is how the index sees a position."""
    seen = images(own, opponent)
    smallest = min(a | b for a, b in seen)
    return {(a, b) for a, b in seen if a | b == smallest}


@functools.cache
def numbered_positions(code: int) -> list[int]:
    """The position that each number of the index stands for, -1 where it stands for none."""
    index = build_index(code)
    return [int(position_at(index, number, code)) for number in range(int(index.offsets[-1]))]


def random_numbers(code: int, count: int) -> list[int]:
    rng = random.Random(0)
    return [rng.randrange(int(build_index(code).offsets[-1])) for _ in range(count)]


# The bijection -----------------------------------------------------------------------------------------------


def test_every_position_of_the_mini_game_has_the_number_of_one_of_its_images():
    index, positions = build_index(MINI), numbered_positions(MINI)
    found = set()
    for own, opponent in twin_solution.positions():
        number = locate(index, own, opponent)
        assert split(positions[number]) in standing(own, opponent)
        found.add(number)
    assert found == {number for number, position in enumerate(positions) if position >= 0}


def test_every_number_of_the_mini_game_is_that_of_its_position_or_of_none():
    index, positions = build_index(MINI), numbered_positions(MINI)
    for number, position in enumerate(positions):
        if position >= 0:
            assert locate(index, *split(position)) == number
    standings = {split(position) for position in positions if position >= 0}
    assert standings == {image for position in twin_solution.positions() for image in standing(*position)}


def test_between_shapes_there_are_numbers_of_no_position_and_nowhere_else():
    index, positions = build_index(MINI), numbered_positions(MINI)
    ends = index.offsets[:-1] + index.sizes
    gaps = [n for end, after in zip(ends, index.offsets[1:], strict=True) for n in range(end, after)]
    assert gaps == [number for number, position in enumerate(positions) if position < 0]
    assert gaps


def test_random_numbers_of_the_full_game_are_those_of_their_positions():
    index = build_index(FULL)
    none = 0
    for number in random_numbers(FULL, 20_000):
        position = position_at(index, number, FULL)
        if position < 0:
            none += 1
            continue
        assert locate(index, *split(position)) == number
    assert none < 20


def test_a_position_has_as_many_numbers_as_its_pile_has_symmetries_at_most():
    index = build_index(FULL)
    several = 0
    for number in random_numbers(FULL, 3_000):
        own, opponent = split(position_at(index, number, FULL))
        numbers = {locate(index, *image) for image in images(own, opponent)}
        symmetries = int(index.symmetries[shape_of(index, own | opponent)])
        assert number in numbers
        assert len(numbers) <= symmetries.bit_count()
        assert numbers <= {locate(index, *image) for image in standing(own, opponent)}
        several += len(numbers) > 1
    assert several


@pytest.mark.parametrize("code", [FULL, MINI])
def test_first_and_last_positions(code):
    index = build_index(code)
    own, opponent = split(position_at(index, 0, code))
    assert own | opponent == index.shapes[0] == CELL_MASK ^ ground_cells(code)
    assert position_at(index, locate(index, 0, 0), code) == 0
    assert locate(index, 0, 0) == index.offsets[-2] == index.offsets[-1] - 4


# What there is, and its order --------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "rules"), [(FULL, "standard"), (MINI, "mini-standard")])
def test_sizes(code, rules):
    index = build_index(code)
    piles = {twin_solution.mask(pile): len(pile) for pile in occupancies(twin_rules.ground(rules))}
    most = twin_rules.balls_per_player(rules)
    assert set((index.slots[index.slots != EMPTY_SLOT] & CELL_MASK).tolist()) == set(piles)
    assert sum(num_colourings(balls, most) for balls in piles.values()) == ALL_COLOURINGS[code]
    orbits = 8 // np.bitwise_count(index.symmetries).astype(np.int64)
    assert orbits.sum() == len(piles)
    assert (index.sizes * orbits).sum() == ALL_COLOURINGS[code]
    assert (index.offsets % 4 == 0).all()
    assert (np.diff(index.offsets) - index.sizes < 4).all()
    assert (np.diff(index.offsets) >= index.sizes).all()
    if code == FULL:
        assert (len(piles), len(index.shapes)) == (141_120, 18_458)


@BOTH
def test_turns_that_take_nothing_back_lead_to_earlier_shapes(code):
    index = build_index(code)
    rng = np.random.default_rng(0)
    for shape in rng.choice(len(index.shapes), min(1500, len(index.shapes)), replace=False):
        pile = int(index.shapes[shape])
        assert shape_of(index, pile) == shape
        targets = [1 << c for c in range(30) if supported_cells(occupied_cells(pile, code)) >> c & 1]
        after = [pile | target for target in targets]
        for source in range(30):
            if pile & uncovered_cells(pile) & 1 << source:
                after += [pile ^ 1 << source | t for t in targets if t & RAISED_TO[source]]
        assert all(shape_of(index, later) < shape for later in after)


def test_rule_sets_on_the_same_board_share_an_index():
    assert build_index(RULES["mature-optional"]) is build_index(RULES["children"])
    assert build_index(RULES["mini-mature"]) is build_index(RULES["mini-children"])


# Lists of positions ------------------------------------------------------------------------------------------


@BOTH
def test_a_shape_lists_its_positions_in_the_order_of_their_numbers(code):
    index = build_index(code)
    symmetric = np.flatnonzero((np.bitwise_count(index.symmetries) > 1) & (index.sizes > 50))
    rng = random.Random(1)
    for shape in [0, len(index.shapes) - 1, *rng.sample(symmetric.tolist(), 20), *range(5, 60, 5)]:
        offset, size = int(index.offsets[shape]), int(index.sizes[shape])
        first = offset + rng.randrange(size)
        # Rows side by side, near and far: the kernel steps to a near row and computes a far one anew.
        rows = {0, 1, 2, 5, *(rng.randrange(offset + size - first) for _ in range(40))}
        rows = np.array(sorted(row for row in rows if first + row < offset + size), np.int32)
        out = np.empty(len(rows), np.int64)
        list_positions(index, code, shape, first, rows, out)
        for number, listed in zip([first + row for row in rows.tolist()], out.tolist(), strict=True):
            position = int(position_at(index, number, code))
            numbers = [int(locate(index, *image)) for image in standing(*split(position))]
            earliest = min(numbers, key=lambda n: split(int(position_at(index, n, code)))[0])
            assert listed == (position if earliest == number else -1 - earliest)
            assert earliest <= number
