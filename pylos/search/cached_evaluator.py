"""An evaluator that caches the answers of another one, because searches ask about the same positions again and again.

The next search of a game begins where the last one has been, games share their first moves, and different orders of
the same turns lead to one position. A position has eight images under the symmetries of the square. Only one of them,
the canonical image, is ever evaluated, so an answer is the same whether it comes from the cache or not.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions
from pylos.game.symmetry import ACTION_SYMMETRY, INVERSE_SYMMETRY, canonical_image
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw
from pylos.search.evaluator import Evaluator, padded_size
from pylos.system.machine import memory_for

_WAYS = 8
"""Slots in which a position may be stored: the cache is 8-way associative."""
_ACTIONS = 32
"""Legal actions per position for which there is room; positions of self-play have fewer on average."""
_NO_KEY = -1
_LONG_AGO = -(1 << 62)


class _Cache(NamedTuple):
    """The arrays of a cache: S slots, and a ring of R numbers in which the newest answers overwrite the oldest."""

    keys: np.ndarray
    """int64 [S] canonical positions."""
    places: np.ndarray
    """int64 [S] where each answer begins, counted from the first number ever written to the ring."""
    answers: np.ndarray
    """float32 [R] the ring: for each position its value, then the log policy of its legal actions, ascending."""
    written: np.ndarray
    """int64 [1] how many numbers were ever written to the ring."""


@jit
def _find_slot(cache: _Cache, position: int) -> int:
    """The slot that holds a position, or else the one to store it in: that of the oldest answer."""
    slots = cache.keys.shape[0]
    first: int = draw(position, 0) & (slots - 1) & -_WAYS
    oldest = first
    for slot in range(first, first + _WAYS):
        if cache.keys[slot] == position:
            return slot
        if cache.places[slot] < cache.places[oldest]:
            oldest = slot
    return oldest


@jit
def _look_up(
    cache: _Cache,
    positions: np.ndarray,
    symmetries: np.ndarray,
    code: int,
    values: np.ndarray,
    log_policy: np.ndarray,
    found: np.ndarray,
) -> None:
    """Reads the answers that are in the cache.

    Args:
        cache: where to look.
        positions: int64 [B] canonical positions.
        symmetries: int64 [B] the symmetry that turned each original position into its canonical image.
        code: the rule set's number.
        values: float32 [B] receives the values of the positions that are found.
        log_policy: float32 [B, 303] receives their log policies, for the original positions.
        found: bool [B] receives which positions are found.
    """
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    size = cache.answers.shape[0]
    for i in range(positions.shape[0]):
        slot = _find_slot(cache, positions[i])
        place = cache.places[slot]
        found[i] = cache.keys[slot] == positions[i] and place >= cache.written[0] - size
        if found[i]:
            values[i] = cache.answers[place % size]
            back = ACTION_SYMMETRY[INVERSE_SYMMETRY[symmetries[i]]]
            for k in range(legal_actions(positions[i], code, actions)):
                log_policy[i, back[actions[k]]] = cache.answers[(place + 1 + k) % size]


@jit
def _store(
    cache: _Cache, positions: np.ndarray, code: int, values: np.ndarray, log_policy: np.ndarray
) -> None:
    """Stores the answers about canonical positions [B]."""
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    size = cache.answers.shape[0]
    for i in range(positions.shape[0]):
        slot = _find_slot(cache, positions[i])
        place = cache.written[0]
        cache.keys[slot], cache.places[slot] = positions[i], place
        cache.answers[place % size] = values[i]
        n = legal_actions(positions[i], code, actions)
        for k in range(n):
            cache.answers[(place + 1 + k) % size] = log_policy[i, actions[k]]
        cache.written[0] = place + 1 + n


@jit
def _turn_back(
    rows: np.ndarray, answers: np.ndarray, symmetries: np.ndarray, source: np.ndarray, out: np.ndarray
) -> None:
    """Writes the log policies `source[answers]` of canonical images to `out[rows]`, for the original positions."""
    for i in range(rows.shape[0]):
        back = ACTION_SYMMETRY[INVERSE_SYMMETRY[symmetries[rows[i]]]]
        for action in range(NUM_ACTIONS):
            out[rows[i], back[action]] = source[answers[i], action]


@jit
def _canonical_images(positions: np.ndarray, images: np.ndarray, symmetries: np.ndarray) -> None:
    """Writes each position's canonical image [B] and the symmetry [B] that leads to it."""
    for i in range(positions.shape[0]):
        images[i], symmetries[i] = canonical_image(positions[i])


class CachedEvaluator:
    """An `Evaluator` that asks another one about canonical images only, and about none whose answer it has cached.

    Its answers do not depend on what is in the cache, provided that the other evaluator's answer to a position does
    not depend on the rest of the batch. Several threads may call it at the same time.

    Args:
        evaluate: the other evaluator.
        code: the rule set's number.
        size: about how many positions to cache; 0 for none.
    """

    def __init__(self, evaluate: Evaluator, code: int, size: int) -> None:
        self._evaluate, self._code = evaluate, code
        slots = _WAYS << (2 * size // _WAYS).bit_length()
        answers = max(size, 1) * (1 + _ACTIONS)
        with memory_for("remembered evaluations", 16 * slots + 4 * answers, f"lower cache_size ({size:,})"):
            self._cache = _Cache(
                keys=np.full(slots, _NO_KEY),
                places=np.full(slots, _LONG_AGO),
                answers=np.zeros(answers, np.float32),
                written=np.zeros(1, np.int64),
            )
        self._stores = size > 0
        self._lock = threading.Lock()
        self.asked = 0
        """Positions that this evaluator was asked about so far."""
        self.evaluated = 0
        """Positions that the other evaluator was asked about, padding included."""

    @property
    def network_share(self) -> float:
        """Of the positions that this evaluator was asked about, the share that went on to the other one."""
        return self.evaluated / max(self.asked, 1)

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evaluator`; a log policy has a meaning for legal actions only."""
        n = len(positions)
        images, symmetries = np.empty(n, np.int64), np.empty(n, np.int64)
        _canonical_images(positions, images, symmetries)
        values, log_policy = np.empty(n, np.float32), np.zeros((n, NUM_ACTIONS), np.float32)
        found = np.zeros(n, np.bool_)
        with self._lock:
            _look_up(self._cache, images, symmetries, self._code, values, log_policy, found)
            self.asked += n
        if found.all():
            return values, log_policy
        rows = np.flatnonzero(~found)
        new, answers = np.unique(images[rows], return_inverse=True)
        padded = np.zeros(padded_size(len(new)), np.int64)
        padded[: len(new)] = new
        new_values, new_policy = self._evaluate(padded)
        values[rows] = new_values[answers]
        _turn_back(rows, answers, symmetries, new_policy, log_policy)
        with self._lock:
            self.evaluated += len(padded)
            if self._stores:
                _store(self._cache, new, self._code, new_values, new_policy)
        return values, log_policy
