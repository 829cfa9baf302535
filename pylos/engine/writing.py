"""Answers about positions as JSON: one kernel writes those of many reports.

An answer has as many rows as its position has legal actions. Python needs as much time for them as the search for
twenty simulations; the kernel needs a hundredth of that, and no interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pylos.analysis.reports import LINE_TURNS, Reports
from pylos.game.actions import action_name
from pylos.game.position import mover
from pylos.game.rules import NUM_ACTIONS, STOP
from pylos.kernels.jit import inlined, jit
from pylos.search.findings import Findings
from pylos.solution.tablebase import NO_DISTANCE

_MILLION = 1_000_000
"""Numbers that are not whole have six decimals."""
_ANSWER_BYTES = 200
"""More than an answer has between its head and its rows."""
_ROW_BYTES = 224
"""More than a row has without the names in its line."""
_NAME_BYTES = 8
"""More than a name has."""


class Truth(NamedTuple):
    """What R positions and their T actions are worth by the solution."""

    values: np.ndarray
    """int8 [R] 1 for a win, 0 for a draw, -1 for a loss."""
    distances: np.ndarray
    """int16 [R] turns to the end, or NO_DISTANCE."""
    action_values: np.ndarray
    """int8 [T] see `values`, for the player who acts."""
    action_distances: np.ndarray
    """int16 [T] see `distances`."""


NO_TRUTH = Truth(*(np.empty(0, kind) for kind in (np.int8, np.int16) * 2))
"""Of answers that are not to show it."""


def write_answers(
    reports: Reports,
    heads: dict[int, str],
    positions: Sequence[int],
    most: Sequence[int],
    truth: Truth = NO_TRUTH,
) -> str:
    """Writes answers as lines.

    Args:
        reports: what was found.
        heads: what comes before the field "done", in ASCII, by the places in the reports of those to write.
        positions: the packed positions that they are about.
        most: the most rows of each.
        truth: about all reports and their actions, if it is to be shown.
    """
    found, head = reports.findings, _bytes("".join(heads.values()))
    asked = np.array([list(heads), [len(text) for text in heads.values()], positions, most])
    total, length = found.lines.shape
    room = len(head) + len(heads) * _ANSWER_BYTES + total * (_ROW_BYTES + length * _NAME_BYTES)
    out = np.empty(room, np.uint8)
    size = _write(found, reports.simulations, reports.done, asked, head, truth, out)
    return str(out[:size].data, "ascii")


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("ascii"), np.uint8)


_DONE, _TURN, _SIMULATIONS, _VALUE = map(_bytes, (',"done":', ',"turn":"', '","simulations":', ',"value":'))
_TRUE, _FALSE, _NULL, _WHITE, _BLACK = map(_bytes, ("true", "false", "null", "white", "black"))
_ROWS, _ACTION, _NAME, _NAME_END = map(_bytes, (',"rows":[', '{"action":', ',"name":"', '"'))
_EXACT, _DISTANCE, _PRIOR, _VISITS = map(_bytes, (',"exact":', ',"distance":', ',"prior":', ',"visits":'))
_MEAN, _IMPROVED, _LINE = map(_bytes, (',"mean":', ',"improved":', ',"line":["'))
_NEXT_TURN, _ROW_END, _ANSWER_END = map(_bytes, ('","', '"]},', "]}\n"))
_MINUS, _POINT, _ZERO, _SMALL = map(ord, "-.0e")
_STOP_NAME = NUM_ACTIONS
"""Where the name of the stop is: its number is also that of placing on the apex."""
_NAMES = np.zeros((NUM_ACTIONS + 1, _NAME_BYTES), np.uint8)
"""The names of the actions, with zeros behind."""
for _number, _text in enumerate([*map(action_name, range(NUM_ACTIONS)), action_name(STOP, 1)]):
    _NAMES[_number, : len(_text)] = _bytes(_text)


@jit
def _write(
    found: Findings,
    simulations: np.ndarray,
    done: np.ndarray,
    asked: np.ndarray,
    heads: np.ndarray,
    truth: Truth,
    out: np.ndarray,
) -> int:
    """Writes answers to `out`; `asked` [4, n] has their places, the sizes of their heads, their positions and rows."""
    at, head = 0, 0
    for k in range(asked.shape[1]):
        i, position, most = asked[0, k], asked[2, k], asked[3, k]
        at = _put(out, at, heads[head : head + asked[1, k]])
        head += asked[1, k]
        at = _put(out, _put(out, at, _DONE), _TRUE if done[i] else _FALSE)
        at = _put(out, _put(out, at, _TURN), _BLACK if mover(position) else _WHITE)
        at = _put_number(out, _put(out, at, _SIMULATIONS), simulations[i])
        at = _put_decimal(out, _put(out, at, _VALUE), np.float64(found.values[i]))
        if truth.values.shape[0]:
            at = _put_truth(out, at, truth.values[i], truth.distances[i])
        at = _put(out, at, _ROWS)
        first, last = found.first[i], found.first[i + 1]
        total = 0
        for t in range(first, last):
            total += found.weights[t]
        for t in range(first, min(last, first + most)):
            at = _put_row(out, at, found, t, total, truth)
        if last > first and most:
            at -= 1  # the last comma
        at = _put(out, at, _ANSWER_END)
    return at


@inlined
def _put_row(out: np.ndarray, at: int, found: Findings, t: int, total: int, truth: Truth) -> int:
    """Writes a row, with a comma behind it; this function and those below return where the text ends."""
    at = _put_number(out, _put(out, at, _ACTION), found.actions[t])
    at = _put_name(out, _put(out, at, _NAME), found.actions[t], found.pending[t, 0])
    at = _put(out, at, _NAME_END)
    if truth.values.shape[0]:
        at = _put_truth(out, at, truth.action_values[t], truth.action_distances[t])
    at = _put_decimal(out, _put(out, at, _PRIOR), np.float64(found.priors[t]))
    at = _put_number(out, _put(out, at, _VISITS), found.visits[t])
    at = _put_decimal(out, _put(out, at, _MEAN), np.float64(found.means[t]))
    at = _put_decimal(out, _put(out, at, _IMPROVED), found.weights[t] / total)
    at = _put_line(out, _put(out, at, _LINE), found.lines[t], found.pending[t], found.lengths[t])
    return _put(out, at, _ROW_END)


@inlined
def _put_truth(out: np.ndarray, at: int, value: int, distance: int) -> int:
    """Writes the exact value of a position or an action."""
    at = _put(out, _put_number(out, _put(out, at, _EXACT), value), _DISTANCE)
    return _put(out, at, _NULL) if distance == NO_DISTANCE else _put_number(out, at, distance)


@jit
def _put(out: np.ndarray, at: int, text: np.ndarray) -> int:
    """Writes a text."""
    for k in range(text.shape[0]):
        out[at + k] = text[k]
    return at + text.shape[0]


@jit
def _put_number(out: np.ndarray, at: int, number: int) -> int:
    """Writes a whole number."""
    rest = np.int64(number)
    if rest < 0:
        out[at] = _MINUS
        at, rest = at + 1, -rest
    size, above = 1, 10
    while rest >= above:
        size, above = size + 1, 10 * above
    for k in range(size):
        out[at + size - 1 - k] = _ZERO + rest % 10
        rest //= 10
    return at + size


@jit
def _put_decimal(out: np.ndarray, at: int, number: float) -> int:
    """Writes a number from -1 to 1 as Python writes `round(number, 6)`; null for NaN."""
    if np.isnan(number):
        return _put(out, at, _NULL)
    if np.signbit(number):
        out[at] = _MINUS
        at += 1
    millionths = _millionths(abs(number))
    if 0 < millionths < 100:  # 0.000034 is written 3.4e-05
        tens = millionths >= 10
        out[at] = _ZERO + (millionths // 10 if tens else millionths)
        at += 1
        if tens and millionths % 10:
            out[at], out[at + 1] = _POINT, _ZERO + millionths % 10
            at += 2
        out[at], out[at + 1], out[at + 2] = _SMALL, _MINUS, _ZERO
        out[at + 3] = _ZERO + (5 if tens else 6)
        return at + 4
    out[at], out[at + 1] = _ZERO + millionths // _MILLION, _POINT
    at, rest, size = at + 2, millionths % _MILLION, 6
    while size > 1 and rest % 10 == 0:
        rest, size = rest // 10, size - 1
    for k in range(size):
        out[at + size - 1 - k] = _ZERO + rest % 10
        rest //= 10
    return at + size


@jit
def _millionths(number: float) -> int:
    """A number of at least 0 in millionths, rounded as Python rounds: exactly, and a half to the even number.

    A product of floats is rounded itself, so it is made of two that are exact.
    """
    high = np.float64(np.float32(number))
    much, little = high * _MILLION, (number - high) * _MILLION
    whole = np.floor(much)
    over = (much - whole) - 0.5
    up = over > -little or (over == -little and whole % 2 == 1)
    return np.int64(whole) + np.int64(up)


@jit
def _put_name(out: np.ndarray, at: int, action: int, pending: int) -> int:
    """Writes the name of an action, see `action_name`."""
    name = _NAMES[_STOP_NAME if action == STOP and pending else action]
    for k in range(_NAME_BYTES):
        if not name[k]:
            return at + k
        out[at + k] = name[k]
    return at + _NAME_BYTES


@inlined
def _put_line(out: np.ndarray, at: int, actions: np.ndarray, pending: np.ndarray, length: int) -> int:
    """Writes the turns of a line with the marks between them, as `Report.lines` has them."""
    turns, begin = 0, at  # where the last turn begins
    for k in range(length):
        action = actions[k]
        if pending[k] == 0 or not turns:
            if turns == LINE_TURNS:
                return at
            if turns:
                at = _put(out, at, _NEXT_TURN)
            turns, begin = turns + 1, at
        elif action == STOP and pending[k] != 2 and out[begin] != _MINUS:
            continue
        at = _put_name(out, at, action, pending[k])
    if pending[length] and turns > 1:
        return begin - _NEXT_TURN.shape[0]
    return at
