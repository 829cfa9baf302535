"""What the legal actions of a position are worth, as text for the terminal."""

from __future__ import annotations

from pylos.analysis.rows import OUTCOMES, analyse, network_opinion
from pylos.errors import PlayerError
from pylos.game.board import Board
from pylos.players.naming import reference_file
from pylos.players.network_player import NetworkPlayer
from pylos.solution.tablebase import NO_DISTANCE, Tablebase, not_solved_message
from pylos.system.output import table_text


def analysis_text(board: Board, tablebase: Tablebase | None, player: NetworkPlayer | None = None) -> str:
    """The board, what the position is worth, and a table of its legal actions, the best first.

    Args:
        board: the position.
        tablebase: gives the exact values. Without one, or without distances, the text names the command that
            computes them.
        player: as for `analyse`.

    Raises:
        RulesError: as for `analyse`.
        NonFiniteNetworkError: as for `analyse`.
    """
    from rich import box
    from rich.table import Table

    rows = analyse(board, tablebase, player)
    if not rows:
        return f"{board}\n\nThe game is over: {board.turn} cannot move and has lost."
    worths = []
    if tablebase is not None:
        values, distances = tablebase.probe([board])
        turns = f" in {distances[0]} turns" if distances[0] != NO_DISTANCE else ""
        worths.append(f"exact {OUTCOMES[int(values[0])]}{turns}")
    if player is not None:
        worths.append(f"network {network_opinion(board, player)[0]:+.3f}")
    table = Table(box=box.SIMPLE)
    columns = [
        ("action", [row.name for row in rows]),
        ("exact", ["" if row.exact is None else OUTCOMES[row.exact] for row in rows]),
        ("turns", [_cell(row.distance, "d") for row in rows]),
        ("prior", [_cell(row.prior, ".3f") for row in rows]),
        ("visits", [_cell(row.visits, "d") for row in rows]),
        ("mean", [_cell(row.mean, "+.3f") for row in rows]),
        ("improved", [_cell(row.improved, ".3f") for row in rows]),
    ]
    shown = [(title, cells) for title, cells in columns if any(cells)]
    for title, _ in shown:
        table.add_column(title, justify="left" if title in ("action", "exact") else "right")
    for cells in zip(*(cells for _, cells in shown), strict=True):
        table.add_row(*cells)
    parts = [str(board), f"\nFor {board.turn}: {'; '.join(worths)}" if worths else "", table_text(table)]
    if tablebase is None:
        parts.append(not_solved_message(board.rules))
        if player is None and _has_reference(board.rules):
            parts.append("a network judges them, too: `--ckpt_path reference` asks the agent that ships")
    elif not tablebase.has_distances:
        parts.append(not_solved_message(board.rules, distances=True))
    return "\n".join(part for part in parts if part)


def _cell(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)


def _has_reference(rules: str) -> bool:
    """Whether an agent ships for these rules."""
    try:
        reference_file(rules)
    except PlayerError:
        return False
    return True
