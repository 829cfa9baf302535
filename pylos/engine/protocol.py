"""The lines of the engine: requests are read strictly, answers written. `docs/engine.md` describes both."""

from __future__ import annotations

import json
import reprlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from pylos.analysis.tickets import MOST_SIMULATIONS
from pylos.errors import IllegalActionError, PositionError, PylosError, RulesError
from pylos.game.board import Board
from pylos.game.notation import parse_positions
from pylos.game.rules import RULES
from pylos.search.own_root import ROOTS
from pylos.system.options import Range

PROTOCOL = 1
"""The version of this protocol: it goes up when a program that talks to the engine would have to change."""
MOST_BYTES = 1_000_000
"""The longest line that is read."""
_CHUNK = 1 << 16
"""The bytes that are read together at most."""
MOST_TURNS = 1000
"""The most turns of a request."""
MOST_ROWS = 1000
"""More rows than an answer has."""
MOST_ID = 200
"""The longest id."""
ACTIONS = ("analyse", "cancel", "cancel_all", "version")
FIELDS = {
    "analyse": (
        *("id", "action", "rules", "position", "turns", "after"),
        *("simulations", "root", "report_every", "rows", "exact"),
    ),
    "cancel": ("id", "action", "cancel_id"),
    "cancel_all": ("id", "action"),
    "version": ("id", "action"),
}
"""The fields that a request may have, by its action."""
_NUMBERS = {
    "simulations": Range(int, 0, MOST_SIMULATIONS),
    "report_every": Range(int, 1, MOST_SIMULATIONS),
    "rows": Range(int, 0, MOST_ROWS),
}
Answer = dict[str, Any]
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_MOST_SHOWN = 60
"""The longest text of a value in a message."""


class _Short(reprlib.Repr):
    """Values as JSON, shortened."""

    def repr1(self, value: Any, level: int) -> str:
        if isinstance(value, str):
            value = value if len(value) <= _MOST_SHOWN else value[:_MOST_SHOWN]
        elif isinstance(value, (list, dict)):
            return super().repr1(value, level)
        return json.dumps(value, ensure_ascii=False)


_short = _Short()


class RequestError(PylosError):
    """A request that is refused.

    Args:
        message: says why.
        field: the field of the request that is wrong; None if it is the line itself.
        id: the request's, if it has one.
    """

    def __init__(self, message: str, field: str | None, id: str | None) -> None:
        super().__init__(message)
        self.field, self.id = field, id

    @property
    def answer(self) -> Answer:
        """What the engine answers."""
        return {"id": self.id, "error": str(self), "field": self.field}


class Position(NamedTuple):
    """A position of a request."""

    after: int
    """After how many of the request's turns."""
    position: int
    """Packed."""
    earlier: Sequence[int] | np.ndarray = ()
    """The packed positions that the request's turns passed through before."""


class Request(NamedTuple):
    """A request that has been read. Only "analyse" has what is behind `cancel_id`."""

    action: str
    id: str | None
    cancel_id: str | None = None
    rules: str = ""
    positions: tuple[Position, ...] = ()
    root: str | None = None
    exact: bool = False
    simulations: int = 0
    report_every: int = 0
    rows: int = MOST_ROWS
    """The most rows of an answer."""


class Source(Protocol):
    """Where requests come from, such as an unbuffered file."""

    def read(self, size: int, /) -> bytes | None:
        """At most so many bytes as soon as there are some; none at the end."""


def read_lines(source: Source) -> Iterator[list[bytes | None]]:
    """The lines of a source as they come in, those that come together in one list.

    They are without their ends; None stands for a line that is too long.
    """
    rest, too_long = b"", False
    while chunk := source.read(_CHUNK):
        *ended, rest = (rest + chunk).split(b"\n")
        lines = [line if len(line) <= MOST_BYTES else None for line in ended]
        if lines and too_long:
            lines[0], too_long = None, False
        if len(rest) > MOST_BYTES:
            rest, too_long = b"", True
        if lines:
            yield lines
    if rest or too_long:
        yield [None if too_long else rest]


def read_requests(
    lines: Sequence[bytes | None], rules: str, simulations: int
) -> list[Request | RequestError]:
    """Reads requests that came together: what each line asks, or why it is refused.

    Args:
        lines: as `read_lines` gives them.
        rules: the rule set of a request that names none.
        simulations: those of a request that says nothing about them.
    """
    read: list[dict[str, Any] | RequestError] = []
    for line in lines:
        try:
            read.append(_object(line))
        except RequestError as error:
            read.append(error)
    known = _known_positions([fields for fields in read if isinstance(fields, dict)], rules)
    requests: list[Request | RequestError] = []
    for fields in read:
        if isinstance(fields, dict):
            try:
                requests.append(_request(fields, known, rules, simulations))
            except RequestError as error:
                requests.append(error)
        else:
            requests.append(fields)
    return requests


def _known_positions(requests: list[dict[str, Any]], rules: str) -> dict[tuple[str, str], int]:
    """The packed positions of requests, by rules and text. Texts in which something is wrong are not among them."""
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for fields in requests:
        name, text = fields.get("rules", rules), fields.get("position")
        if isinstance(name, str) and name in RULES and isinstance(text, str):
            texts[name].add(text)
    return {
        (name, text): position
        for name, some in texts.items()
        for text, position in zip(some, parse_positions(list(some), name), strict=True)
        if position >= 0
    }


def _object(line: bytes | None) -> dict[str, Any]:
    """The JSON object in a line."""
    if line is None:
        raise RequestError(f"a line may have {MOST_BYTES:,} bytes, this one has more", None, None)
    try:
        encoding = (
            "utf-8" if line.startswith(b'{"') else json.detect_encoding(line)
        )  # which would find the same
        text = line.decode(encoding).strip(_SPACES)
        fields, end = _decode(text)
        if end < len(text):
            raise ValueError("there is something behind the object")
    except (ValueError, RecursionError):  # bad UTF-8 is a ValueError, too
        raise RequestError(
            "the line is not JSON: a request is a JSON object on one line", None, None
        ) from None
    if not isinstance(fields, dict):
        raise RequestError(f"a request is a JSON object, not {shown(fields)}", None, None)
    return fields


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of which no field is there twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise RequestError(f"the line has {shown(name)} more than once", name[:MOST_ID], None)
    return fields


_decode = json.JSONDecoder(object_pairs_hook=_fields).raw_decode
_SPACES = " \t\n\r"
"""What may stand around a JSON object."""


def shown(value: Any) -> str:
    """A value of a request as JSON for a message: one short line."""
    try:
        text = _short.repr(value)
    except ValueError:  # Python does not print a whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _request(
    fields: dict[str, Any], known: dict[tuple[str, str], int], rules: str, simulations: int
) -> Request:
    """Reads a request, see `read_requests`."""
    id = fields.get("id")
    if id is not None and not (isinstance(id, str) and 0 < len(id) <= MOST_ID):
        raise RequestError(f"id must be a text of 1 to {MOST_ID} characters, got {shown(id)}", "id", None)
    action = fields.get("action", "analyse")
    if action not in ACTIONS:
        raise RequestError(f"action must be one of {', '.join(ACTIONS)}, got {shown(action)}", "action", id)
    known_names = FIELDS[action]
    for name in fields:
        if name not in known_names:
            message = f"{action} has no field {shown(name)}; it has {', '.join(known_names)}"
            raise RequestError(message, name[:MOST_ID], id)
    if action == "analyse":
        return _analysis(fields, id, known, rules, simulations)
    cancel_id = fields.get("cancel_id")
    if action == "cancel" and not isinstance(cancel_id, str):
        raise RequestError(f"cancel_id must be the id of a request, got {shown(cancel_id)}", "cancel_id", id)
    return Request(action, id, cancel_id)


def _analysis(
    fields: dict[str, Any],
    id: str | None,
    known: dict[tuple[str, str], int],
    rules: str,
    simulations: int,
) -> Request:
    """Reads a request to analyse positions."""
    if id is None:
        raise RequestError("a request needs an id, by which its answers can be told", "id", None)
    rules, root, exact = fields.get("rules", rules), fields.get("root"), fields.get("exact", False)
    if "root" in fields and root not in ROOTS:
        raise RequestError(f"root must be {' or '.join(ROOTS)}, got {shown(root)}", "root", id)
    if not isinstance(exact, bool):
        raise RequestError(f"exact must be true or false, got {shown(exact)}", "exact", id)
    if not isinstance(rules, str):
        raise RequestError(f"rules must be the name of a rule set, got {shown(rules)}", "rules", id)
    text = fields.get("position")
    if "position" in fields and not isinstance(text, str):
        raise RequestError(f"position must be a text, got {shown(text)}", "position", id)
    if (position := known.get((rules, text or ""))) is None or "turns" in fields or "after" in fields:
        positions = _positions(fields, id, rules, text)
    else:
        positions = (Position(0, position),)
    for name, allowed in _NUMBERS.items():
        if name in fields and fields[name] not in allowed:
            raise RequestError(f"{name} must be {allowed}, got {shown(fields[name])}", name, id)
    numbers = (
        fields.get("simulations", simulations),
        fields.get("report_every", 0),
        fields.get("rows", MOST_ROWS),
    )
    return Request("analyse", id, None, rules, positions, root, exact, *numbers)


def _positions(fields: dict[str, Any], id: str, rules: str, text: str | None) -> tuple[Position, ...]:
    """The positions that a request asks about."""
    turns = fields.get("turns", [])
    if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
        raise RequestError(f"turns must be a list of texts, got {shown(turns)}", "turns", id)
    if len(turns) > MOST_TURNS:
        raise RequestError(f"there may be {MOST_TURNS} turns, not {len(turns)}", "turns", id)
    after = fields.get("after", [len(turns)])
    if "after" in fields:
        places = Range(int, 0, len(turns))
        if not isinstance(after, list) or not after or not all(place in places for place in after):
            message = f"after must be a list of numbers of turns, each {places}, got {shown(after)}"
            raise RequestError(message, "after", id)
        if len(set(after)) < len(after):
            raise RequestError(f"after must name each number once, got {shown(after)}", "after", id)
    try:
        board = Board(rules) if text is None else Board.from_text(text, rules)
    except RulesError as error:
        raise RequestError(str(error), "rules", id) from None
    except PositionError as error:
        raise RequestError(str(error), "position", id) from None
    actions = [0]
    for index, turn in enumerate(turns):
        try:
            board.push(turn)
        except IllegalActionError as error:
            raise RequestError(f"turns[{index}]: {error}", "turns", id) from None
        actions.append(len(board.actions))
    game = np.array(board.positions)
    return tuple(Position(place, int(game[actions[place]]), game[: actions[place]]) for place in after)


def encoded_text(text: str) -> str:
    """A text as JSON."""
    return _encode(text)


def encoded(answer: Answer) -> str:
    """An answer as its line."""
    return _encode(answer) + "\n"
