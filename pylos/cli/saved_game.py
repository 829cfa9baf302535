"""The game that a user saved, from a file or from stdin."""

from __future__ import annotations

import sys

from pylos.errors import RecordError
from pylos.game.record import MOST_CHARACTERS, GameRecord, parse_record
from pylos.system.files import open_regular

STDIN = "-"
"""Stands for a file that is read from stdin."""


def read_game(path: str, rules: str | None = None) -> GameRecord:
    """Reads a game.

    Args:
        path: the file; "-" is stdin.
        rules: name of the rule set that it must have, and has if it does not say; None: whatever it says.

    Raises:
        RecordError: the file cannot be read or holds no game, or one of other rules.
    """
    name = "stdin" if path == STDIN else path
    most = 4 * MOST_CHARACTERS + 1  # bytes; a longer text has too many characters, whatever they are
    try:
        if path == STDIN:
            content = sys.stdin.buffer.read(most)
        else:
            with open_regular(path) as file:
                content = file.read(most)
        record = parse_record(content.decode(), rules)
    except OSError as error:
        raise RecordError(f"no game in {name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RecordError(f"no game in {name}: it is no UTF-8 text") from None
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from None
    if rules not in (None, record.rules):
        raise RecordError(f"the game in {name} is of the {record.rules} rules, not of {rules}")
    return record
