"""The index of all positions: a bijection between what can stand on the board and 0, 1, 2, ...

A position without a pending take-back is a *shape* (which cells are filled) and a *colouring* (which of these
balls are the mover's). It does not matter who of the two is white, nor which way the board is turned. So:

1. A *pile* is a set of filled cells in which every ball is supported; as a number it is the sum of 1 << cell. Shapes
   are piles, one of each class under the eight symmetries of the square: the smallest number of the class (18,458
   shapes, 141,120 piles). They are ordered by falling number of balls, then by falling height (the sum of the balls'
   levels). So a turn that places or raises and takes nothing back leads to an earlier shape. A position of another
   pile is turned until its pile is a shape.
2. With the n filled cells of a shape in ascending order, a colouring is the word w of n bits that says which balls are
   the mover's. With k bits set, neither k nor n - k exceeds the balls of a side. Words are ordered by k, then by w.
   The rank of w among the words with k bits is the sum of C(p_i, i) over its set bits p_1 < p_2 < ... (the
   combinatorial number system: Knuth, TAOCP 7.2.1.3, theorem L).
3. The place of a colouring is the number of words with fewer bits plus the rank. The number of a position is the offset
   of its shape plus the place. Offsets are multiples of four, so that no two shapes share a byte where a table holds
   four positions in one. That leaves up to three numbers unused between two shapes.

Where a symmetry leaves a shape as it is, several of its colourings are images of one position. They keep numbers of
their own (2.41e9 numbers for 1.56e9 positions up to symmetry in the full game): telling them apart would cost more
than the numbers do.
"""

from __future__ import annotations

import functools
from math import comb
from typing import NamedTuple

import numpy as np

from pylos.game.position import CELL_MASK, NUM_CELLS, opponent_cells, own_cells, pack
from pylos.game.rules import CELLS, MINI, balls_per_player, occupied_cells, supported_cells
from pylos.game.symmetry import NUM_SYMMETRIES, moved_mask
from pylos.kernels.bits import gather_bits, lowest_bit, popcount, scatter_bits
from pylos.kernels.jit import jit

_SLOT_BITS = 18
_SHAPE_BITS = 15
_MOST_PILES = 150_000
# Multiplicative hashing: odd, its bits well mixed. Unsigned, because compiled code may not overflow signed products.
_MIX = np.uint64(0x9E3779B97F4A7C15)
EMPTY_SLOT = -1
_FAR = 24
"""From this many colourings on, computing one anew is quicker than stepping there."""


class Index(NamedTuple):
    """The tables behind `locate` and `position_at`; S is the number of shapes."""

    shapes: np.ndarray
    """int64 [S] the filled cells of each shape."""
    offsets: np.ndarray
    """int64 [S + 1] the first number of each shape; the last is the size of the index."""
    sizes: np.ndarray
    """int64 [S] the number of colourings of each shape."""
    symmetries: np.ndarray
    """int64 [S] bit s is set if symmetry s leaves the shape as it is."""
    slots: np.ndarray
    """int64 [2^18] hash table of all piles: pile | shape << 30 | symmetry << 45, which turns pile into shape."""
    base: np.ndarray
    """int32 [31, 16] by n and k how many words of n bits have fewer than k bits set."""
    ranks: np.ndarray
    """int32 [3, 16, 1024] what ten bits of a word add to its rank, by which ten, the set bits below, and the ten."""


def num_colourings(balls: int, most: int) -> int:
    """How many colourings `balls` balls have, with at most `most` a side."""
    return sum(comb(balls, own) for own in range(max(0, balls - most), min(most, balls) + 1))


@jit
def _pile_slot(slots: np.ndarray, pile: int) -> int:
    """Where a pile stands in the hash table, or where it belongs if it is not there."""
    slot = np.int64(np.uint64(pile) * _MIX >> np.uint64(64 - _SLOT_BITS))
    while slots[slot] != EMPTY_SLOT and slots[slot] & CELL_MASK != pile:
        slot = slot + 1 & (1 << _SLOT_BITS) - 1
    return slot


@jit
def _find_piles(code: int, slots: np.ndarray, piles: np.ndarray) -> int:
    """Writes all supported piles to `piles` and to the hash table; returns their number."""
    slots[_pile_slot(slots, 0)] = 0
    piles[0] = 0
    n, i = 1, 0
    while i < n:
        pile = piles[i]
        i += 1
        cells = supported_cells(occupied_cells(pile, code))
        while cells:
            after = pile | cells & -cells
            cells &= cells - 1
            slot = _pile_slot(slots, after)
            if slots[slot] == EMPTY_SLOT:
                slots[slot] = after
                piles[n] = after
                n += 1
    return n


@jit
def _link_piles(piles: np.ndarray, slots: np.ndarray, shapes: np.ndarray, symmetries: np.ndarray) -> None:
    """Writes the shape of every pile and the symmetry that leads there, and the symmetries of every shape."""
    for i in range(shapes.shape[0]):
        for s in range(NUM_SYMMETRIES):
            symmetries[i] |= np.int64(moved_mask(shapes[i], s) == shapes[i]) << s
        slots[_pile_slot(slots, shapes[i])] = shapes[i] | i << NUM_CELLS
    for pile in piles:
        shape, symmetry = pile, 0
        for s in range(1, NUM_SYMMETRIES):
            moved = moved_mask(pile, s)
            if moved < shape:
                shape, symmetry = moved, s
        number = slots[_pile_slot(slots, shape)] >> NUM_CELLS & (1 << _SHAPE_BITS) - 1
        slots[_pile_slot(slots, pile)] = pile | number << NUM_CELLS | symmetry << NUM_CELLS + _SHAPE_BITS


@jit
def _smallest_images(piles: np.ndarray) -> np.ndarray:
    out = np.empty_like(piles)
    for i in range(piles.shape[0]):
        out[i] = piles[i]
        for s in range(1, NUM_SYMMETRIES):
            out[i] = min(out[i], moved_mask(piles[i], s))
    return out


def _rank_tables() -> np.ndarray:
    tables = np.zeros((3, 16, 1024), np.int64)
    for part in range(3):
        for below in range(16):
            for bits in range(1, 1024):
                high = bits.bit_length() - 1
                rest = tables[part, below, bits ^ 1 << high]
                tables[part, below, bits] = rest + comb(10 * part + high, below + bits.bit_count())
    # Greater entries belong to words that never occur.
    return np.minimum(tables, np.iinfo(np.int32).max).astype(np.int32)


def build_index(code: int) -> Index:
    """The index of the board on which these rules are played. The first call in a process takes a moment.

    Args:
        code: the rule set's number.
    """
    return _build_index(code & MINI)


@functools.cache
def _build_index(code: int) -> Index:
    slots = np.full(1 << _SLOT_BITS, EMPTY_SLOT, np.int64)
    piles = np.empty(_MOST_PILES, np.int64)
    piles = piles[: _find_piles(code, slots, piles)]
    shapes = np.unique(_smallest_images(piles))
    levels = np.array([level for level, _, _ in CELLS])
    filled = shapes[:, None] >> np.arange(NUM_CELLS) & 1
    balls = filled.sum(axis=1)
    order = np.lexsort((shapes, -(filled @ levels), -balls))
    shapes, balls = shapes[order], balls[order]
    most = balls_per_player(code)
    sizes = np.array([num_colourings(n, most) for n in range(NUM_CELLS + 1)])[balls]
    symmetries = np.zeros_like(shapes)
    _link_piles(piles, slots, shapes, symmetries)
    base = [
        [sum(comb(n, j) for j in range(max(0, n - most), k)) for k in range(16)] for n in range(NUM_CELLS + 1)
    ]
    return Index(
        shapes=shapes,
        offsets=np.concatenate([[0], np.cumsum((sizes + 3) // 4 * 4)]),
        sizes=sizes,
        symmetries=symmetries,
        slots=slots,
        base=np.array(base, np.int32),
        ranks=_rank_tables(),
    )


@jit
def place_of(index: Index, word: int, n: int) -> int:
    """The place of a colouring among all those of its shape: the words with fewer bits, and the rank.

    Args:
        index: the index.
        word: the colouring, a word of n bits.
        n: the balls of the shape.
    """
    low, middle, high = word & 1023, word >> 10 & 1023, word >> 20
    below = popcount(low)
    result = np.int64(index.base[n, popcount(word)]) + index.ranks[0, 0, low]
    result += index.ranks[1, below, middle]
    return result + index.ranks[2, below + popcount(middle), high]


@jit
def turn_to_shape(index: Index, own: int, opponent: int) -> tuple[int, int]:
    """The number of a position's shape, and the mover's balls when the position is turned to that shape."""
    entry = index.slots[_pile_slot(index.slots, own | opponent)]
    symmetry = entry >> NUM_CELLS + _SHAPE_BITS
    if symmetry:
        own = moved_mask(own, symmetry)
    return entry >> NUM_CELLS & (1 << _SHAPE_BITS) - 1, own


@jit
def locate(index: Index, own: int, opponent: int) -> int:
    """The number of a position, given the balls of the mover and of the opponent."""
    shape, turned = turn_to_shape(index, own, opponent)
    return index.offsets[shape] + place_of(
        index, gather_bits(turned, index.shapes[shape]), popcount(own | opponent)
    )


@jit
def number_of(index: Index, position: int) -> int:
    """The number of a packed position."""
    return locate(index, own_cells(position), opponent_cells(position))


@jit
def shape_of(index: Index, pile: int) -> int:
    """The number of a pile's shape."""
    return index.slots[_pile_slot(index.slots, pile)] >> NUM_CELLS & (1 << _SHAPE_BITS) - 1


@jit
def own_balls(index: Index, n: int, place: int, most: int) -> int:
    """How many of n balls are the mover's in the colouring at a place, with at most `most` a side."""
    own = min(most, n)
    while index.base[n, own] > place:
        own -= 1
    return own


@jit
def nth_word(index: Index, n: int, place: int, most: int) -> int:
    """The colouring of n balls at a place, with at most `most` a side: the inverse of `place_of`."""
    own = own_balls(index, n, place, most)
    left = place - index.base[n, own]
    word = 0
    for cell in range(n - 1, -1, -1):
        if own == 0:
            break
        # The words without this bit come first; there are C(cell, own) of them.
        fewer = _binomial(index, cell, own)
        if left >= fewer:
            left -= fewer
            word |= 1 << cell
            own -= 1
    return word


@jit
def _binomial(index: Index, n: int, k: int) -> int:
    """C(n, k) for n < 30 and k <= 15, read from the table of ranks: what bit n adds as the k-th set bit."""
    part = n // 10
    return index.ranks[part, k - 1, 1 << n - 10 * part]


@jit
def next_word(word: int, n: int) -> int:
    """The colouring of n balls after this one (Gosper's hack: Beeler et al., HAKMEM, item 175)."""
    if word == 0:
        return 1
    carried = word + (word & -word)
    following = (word ^ carried) >> 2 >> lowest_bit(word) | carried
    return following if following >> n == 0 else (1 << popcount(word) + 1) - 1


@jit
def position_at(index: Index, number: int, code: int) -> int:
    """The position with this number, white to move, in which the pile is a shape; -1 where no position has it."""
    shape = np.searchsorted(index.offsets, number, side="right") - 1
    pile = index.shapes[shape]
    n = popcount(pile)
    place = number - index.offsets[shape]
    word = nth_word(index, n, place, balls_per_player(code))
    if place_of(index, word, n) != place:
        return -1
    own = scatter_bits(word, pile)
    return pack(own, pile ^ own, 0, 0)


@jit
def list_positions(
    index: Index, code: int, shape: int, first: int, rows: np.ndarray, out: np.ndarray
) -> None:
    """Writes the positions of a shape with the numbers `first + rows` (ascending).

    An image of an earlier position of its shape is given as -1 - (the number of the earliest).

    Args:
        index: the index.
        code: the rule set's number.
        shape: the number of the shape.
        first: the number of row 0.
        rows: int32 [n] ascending.
        out: int64 [n] receives the positions.
    """
    pile, symmetries = index.shapes[shape], index.symmetries[shape]
    offset, balls = index.offsets[shape], popcount(pile)
    word, at = 0, -_FAR
    for i in range(rows.shape[0]):
        row = np.int64(rows[i])
        if row - at >= _FAR:
            word, at = nth_word(index, balls, first - offset + row, balls_per_player(code)), row
        while at < row:
            word, at = next_word(word, balls), at + 1
        own = scatter_bits(word, pile)
        earliest = own
        if symmetries != 1:
            for s in range(1, NUM_SYMMETRIES):
                if symmetries >> s & 1:
                    earliest = min(earliest, moved_mask(own, s))
        if earliest == own:
            out[i] = pack(own, pile ^ own, 0, 0)
        else:
            out[i] = -1 - offset - place_of(index, gather_bits(earliest, pile), balls)
