"""The names of cells and of the 303 actions."""

from __future__ import annotations

from pylos.errors import IllegalActionError
from pylos.game.position import NUM_CELLS
from pylos.game.rules import ACTION_SOURCE, ACTION_TARGET, APEX, CELLS, NUM_ACTIONS, PAIR_BASE, STOP

CELL_NAMES: tuple[str, ...] = tuple(f"{level + 1}{'ABCD'[row]}{column + 1}" for level, row, column in CELLS)
"""[30] level, row, column: `1A1` .. `1D4`, `2A1` .. `2C3`, `3A1` .. `3B2`, `4A1`."""

_CELL_BY_NAME = {name: cell for cell, name in enumerate(CELL_NAMES)}


def action_name(action: int, pending: int = 0) -> str:
    """The name of an action: `1B2` places, `1B2^2A1` raises, `-1B2` takes back, `=` stops.

    Args:
        action: the id, 0-302.
        pending: how many balls may still be taken back in the position. It matters for id 29 only: this stops a
            take-back where one is pending, and places on the apex where none is.

    Raises:
        IllegalActionError: there is no such id.

    >>> action_name(5), action_name(29), action_name(29, pending=1), action_name(302)
    ('1B2', '4A1', '=', '-3B2')
    """
    if not 0 <= action < NUM_ACTIONS:
        raise IllegalActionError(f"there is no action {action}; ids run from 0 to {NUM_ACTIONS - 1}")
    if action == STOP and pending:
        return "="
    target = int(ACTION_TARGET[action])
    if action < NUM_CELLS:
        return CELL_NAMES[target]
    source = CELL_NAMES[ACTION_SOURCE[action]]
    return f"-{source}" if target == APEX else f"{source}^{CELL_NAMES[target]}"


def parse_action(name: str) -> int:
    """The id of a named action, the inverse of `action_name`. Names in lower case are read, too.

    Raises:
        IllegalActionError: no action has that name, whatever the position.

    >>> parse_action("1B2"), parse_action("4A1"), parse_action("="), parse_action("-3B2")
    (5, 29, 29, 302)
    """
    if name == "=":
        return STOP
    if name.startswith("-"):
        source = _parse_cell(name[1:], name)
        if source == APEX:
            raise IllegalActionError(f"{name!r}: a ball on the apex ends the game and is never taken back")
        return int(PAIR_BASE[source]) + APEX
    if "^" not in name:
        return _parse_cell(name, name)
    source, target = (_parse_cell(part, name) for part in name.split("^", 1))
    if target == APEX:
        raise IllegalActionError(f"{name!r}: no ball is ever raised to the apex")
    if CELLS[target][0] <= CELLS[source][0]:
        raise IllegalActionError(f"{name!r}: a ball is raised to a higher level only")
    return int(PAIR_BASE[source]) + target


def _parse_cell(text: str, name: str) -> int:
    cell = _CELL_BY_NAME.get(text.upper())
    if cell is None:
        where = "" if text == name else f" in {name!r}"
        raise IllegalActionError(
            f"{text!r}{where} is no cell; cells are 1A1 .. 1D4, 2A1 .. 2C3, 3A1 .. 3B2 and 4A1"
        )
    return cell
