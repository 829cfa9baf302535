"""Remembers what the network said: searches ask about the same positions again and again.

The next search of a game begins where the last one has been, games share their first moves, and turns commute. Of
the eight images of a position under the symmetries of the square only one, the canonical image, is ever evaluated;
so what an evaluator says does not depend on whether the answer was remembered.
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
"""Slots in which a position may be kept."""
_ACTIONS = 32
"""Legal actions of a position for which there is room on average; those of self-play have fewer."""
_NO_KEY = -1
_LONG_AGO = -(1 << 62)


class _Memory(NamedTuple):
    """What is remembered. The answers lie in a ring, the newest overwrites the oldest. S slots, R numbers."""

    keys: np.ndarray
    """int64 [S] canonical positions."""
    places: np.ndarray
    """int64 [S] where the answer begins, counted from the first number ever written."""
    answers: np.ndarray
    """float32 [R] for each position its value and the log policy of its legal actions, ascending."""
    written: np.ndarray
    """int64 [1] numbers ever written."""


@jit
def _find(memory: _Memory, key: int) -> int:
    """The slot of a position, or the one to put it in."""
    slots = memory.keys.shape[0]
    first: int = draw(key, 0) & (slots - 1) & -_WAYS
    oldest = first
    for slot in range(first, first + _WAYS):
        if memory.keys[slot] == key:
            return slot
        if memory.places[slot] < memory.places[oldest]:
            oldest = slot
    return oldest


@jit
def _recall(
    memory: _Memory,
    positions: np.ndarray,
    symmetries: np.ndarray,
    code: int,
    values: np.ndarray,
    log_policy: np.ndarray,
    known: np.ndarray,
) -> None:
    """Answers as far as memory goes.

    Args:
        memory: what is remembered.
        positions: int64 [B] canonical positions.
        symmetries: int64 [B] what turned the positions that were asked about into them.
        code: the rule set's number.
        values: float32 [B], receives the values of known positions.
        log_policy: float32 [B, 303], receives theirs, turned back.
        known: bool [B], receives which they are.
    """
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    size = memory.answers.shape[0]
    for i in range(positions.shape[0]):
        slot = _find(memory, positions[i])
        place = memory.places[slot]
        known[i] = memory.keys[slot] == positions[i] and place >= memory.written[0] - size
        if known[i]:
            values[i] = memory.answers[place % size]
            back = ACTION_SYMMETRY[INVERSE_SYMMETRY[symmetries[i]]]
            for k in range(legal_actions(positions[i], code, actions)):
                log_policy[i, back[actions[k]]] = memory.answers[(place + 1 + k) % size]


@jit
def _remember(
    memory: _Memory, positions: np.ndarray, code: int, values: np.ndarray, log_policy: np.ndarray
) -> None:
    """Keeps the answers about canonical positions [B]."""
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    size = memory.answers.shape[0]
    for i in range(positions.shape[0]):
        slot = _find(memory, positions[i])
        place = memory.written[0]
        memory.keys[slot], memory.places[slot] = positions[i], place
        memory.answers[place % size] = values[i]
        n = legal_actions(positions[i], code, actions)
        for k in range(n):
            memory.answers[(place + 1 + k) % size] = log_policy[i, actions[k]]
        memory.written[0] = place + 1 + n


@jit
def _turn_back(
    rows: np.ndarray, answers: np.ndarray, symmetries: np.ndarray, source: np.ndarray, out: np.ndarray
) -> None:
    """Writes the log policies ``source[answers]`` of canonical positions to ``out[rows]``, turned back."""
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
    """An `Evaluator` that asks another one about canonical images only, and about none that it remembers.

    Its answers do not depend on what is remembered, provided that the other one's answer to a position does not
    depend on the rest of the batch; several threads may ask at the same time.

    Args:
        evaluate: who is asked.
        code: the rule set's number.
        size: positions to remember, about; 0 for none.
    """

    def __init__(self, evaluate: Evaluator, code: int, size: int) -> None:
        self._evaluate, self._code = evaluate, code
        slots = _WAYS << (2 * size // _WAYS).bit_length()
        answers = max(size, 1) * (1 + _ACTIONS)
        with memory_for("remembered evaluations", 16 * slots + 4 * answers, f"lower cache_size ({size:,})"):
            self._memory = _Memory(
                keys=np.full(slots, _NO_KEY),
                places=np.full(slots, _LONG_AGO),
                answers=np.zeros(answers, np.float32),
                written=np.zeros(1, np.int64),
            )
        self._remembers = size > 0
        self._lock = threading.Lock()
        self.asked = 0
        """Positions asked about so far."""
        self.evaluated = 0
        """Those that the other evaluator was asked about, padding included."""

    @property
    def network_share(self) -> float:
        """The share of the positions asked about that the other evaluator was asked about."""
        return self.evaluated / max(self.asked, 1)

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evaluator`; of log policies only those of legal actions have a meaning."""
        n = len(positions)
        images, symmetries = np.empty(n, np.int64), np.empty(n, np.int64)
        _canonical_images(positions, images, symmetries)
        values, log_policy = np.empty(n, np.float32), np.zeros((n, NUM_ACTIONS), np.float32)
        known = np.zeros(n, np.bool_)
        with self._lock:
            _recall(self._memory, images, symmetries, self._code, values, log_policy, known)
            self.asked += n
        if known.all():
            return values, log_policy
        rows = np.flatnonzero(~known)
        new, answers = np.unique(images[rows], return_inverse=True)
        padded = np.zeros(padded_size(len(new)), np.int64)
        padded[: len(new)] = new
        new_values, new_policy = self._evaluate(padded)
        values[rows] = new_values[answers]
        _turn_back(rows, answers, symmetries, new_policy, log_policy)
        with self._lock:
            self.evaluated += len(padded)
            if self._remembers:
                _remember(self._memory, new, self._code, new_values, new_policy)
        return values, log_policy
