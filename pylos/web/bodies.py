"""What a request brings: its JSON and its query, read strictly. Each mistake is answered by one sentence."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pylos.game.rules import rules_code
from pylos.system.options import Range, natural, shown
from pylos.web.states import Game, read_game


def refuse(sentence: str, status: int = 400) -> NoReturn:
    """Ends the request with an error.

    Raises:
        HTTPException: always.
    """
    raise HTTPException(status, sentence)


class Body:
    """The object that a request brings as JSON.

    Args:
        values: the object.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def game(self) -> Game:
        """The field `game`."""
        return read_game(self._values.get("game"))

    def rules(self) -> str:
        """The field `rules`, a rule set that exists."""
        rules = self.text("rules")
        rules_code(rules)
        return rules

    def text(self, name: str) -> str:
        """A text, which must be there."""
        value = self._values.get(name)
        if not isinstance(value, str):
            refuse(f"{name} must be a text, got {_shown(value)}")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text, or None where it is missing or null."""
        return self.text(name) if name in self else None

    def whole(self, name: str, allowed: Range, default: int | None = None) -> int:
        """A whole number within a range."""
        value = self._values.get(name, default)
        if value not in allowed:
            refuse(f"{name} must be {allowed}, got {_shown(value)}")
        return int(value)

    def wholes(self, name: str, allowed: Range, most: int) -> list[int]:
        """A list of at most `most` whole numbers within a range."""
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) > most or not all(item in allowed for item in value):
            refuse(f"{name} must be a list of at most {most} numbers, each {allowed}")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """An object whose values are texts; empty where it is missing."""
        value = self._values.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            refuse(f"{name} must be an object of texts")
        return value

    def flag(self, name: str) -> bool:
        """A truth value; false where it is missing."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            refuse(f"{name} must be true or false, got {_shown(value)}")
        return value


async def read_body(request: Request) -> Body:
    """Reads the JSON of a request. How long it may be is tested before: see `pylos.web.security`.

    Raises:
        HTTPException: it is no JSON, or no object.
    """
    try:
        values = json.loads(await request.body(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        refuse(f"the request is no JSON: {reason}")
    if not isinstance(values, dict):
        refuse(f"the request must be a JSON object, got {_shown(values)}")
    return Body(values)


def query_rules(request: Request, default: str = "standard") -> str:
    """The rule set that the address names.

    Raises:
        RulesError: it does not exist.
    """
    rules = request.query_params.get("rules", default)
    rules_code(rules)
    return rules


def query_whole(request: Request, name: str, allowed: Range, default: int) -> int:
    """A whole number of the address.

    Raises:
        HTTPException: it is none, or out of its range.
    """
    text = request.query_params.get(name)
    number = default if text is None else natural(text, int(allowed.most))
    if number is None or number not in allowed:
        refuse(f"{name} must be {allowed}, got {shown(text)}")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _shown(value: Any) -> str:
    return "nothing" if value is None else shown(value)
