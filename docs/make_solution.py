"""Writes the figures of solution.md between the two marks in the page, from the tables that are solved here.

It needs matplotlib (`pip install 'pylos[docs]'`) and `pylos solve --distance` for every rule set that the page shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from pylos import Board
from pylos.game.rules import FULL_RULES, MINI_RULES
from pylos.players.perfect_player import PerfectPlayer
from pylos.solution.tablebase import Tablebase
from pylos.solution.tables import DISTANCES, VALUES, read_header, table_path

PAGE = Path(__file__).with_name("solution.md")
BEGIN, END = "<!-- written by make_solution.py: begin -->\n", "<!-- written by make_solution.py: end -->\n"
COLOURS = {"won": "#4c9f70", "drawn": "#c9c9c9", "lost": "#c8553d"}


def facts_of(rules: str) -> dict[str, Any] | None:
    """The header of a rule set's table, of that with distances if there is one."""
    for kind in (DISTANCES, VALUES):
        if (path := table_path(rules, kind)).exists():
            return read_header(path)
    return None


def totals(solved: dict[str, dict[str, Any]]) -> str:
    """The table of all rule sets."""
    lines = [
        "| rules | start | turns | won | lost | drawn | up to symmetry: won | lost | drawn |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for rules, facts in solved.items():
        start = {1: "won", 0: "drawn", -1: "lost"}[facts["start"]]
        turns = facts.get("start_distance", "not computed")
        counts = [f"{n:,}" for n in facts["wins_losses_draws"] + facts["up_to_symmetry"]]
        lines.append(f"| {rules} | {start} | {'-' if turns == -1 else turns} | {' | '.join(counts)} |")
    return "\n".join(lines)


def by_balls(facts: dict[str, Any]) -> str:
    """One rule set: wins, losses, draws and the longest of them, by the number of balls."""
    longest = facts.get("longest_by_balls")
    lines = ["| balls | won | lost | drawn |" + (" longest win | longest loss |" if longest else "")]
    lines.append("|---|---|---|---|" + ("---|---|" if longest else ""))
    for balls, counts in enumerate(facts["by_balls"]):
        row = [f"{n:,}" for n in counts]
        row += ["-" if n < 0 else str(n) for n in longest[balls]] if longest else []
        lines.append(f"| {balls} | {' | '.join(row)} |")
    return "\n".join(lines)


def perfect_game(rules: str) -> str:
    """A game of perfect play against itself, as turns."""
    player = PerfectPlayer(Tablebase(rules))
    board = Board(rules)
    while not board.is_over:
        board.push(int(player.choose([board])[0]))
    return " ".join(f"{i // 2 + 1}. {turn}" if i % 2 == 0 else turn for i, turn in enumerate(board.turns))


def plot(solved: dict[str, dict[str, Any]], path: Path) -> None:
    """Shares of wins, draws and losses, and the longest wins, by the number of balls."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pylos", "font.size": 9})
    figure, axes = plt.subplots(len(solved), 2, figsize=(8, 2 * len(solved)), squeeze=False, sharex=True)
    for (left, right), (rules, facts) in zip(axes, solved.items(), strict=True):
        won, lost, drawn = np.array(facts["by_balls"]).T
        total, bottom = won + lost + drawn, np.zeros(len(won))
        for name, counts in (("won", won), ("drawn", drawn), ("lost", lost)):
            left.bar(
                range(len(won)), counts / total, bottom=bottom, color=COLOURS[name], label=name, width=0.9
            )
            bottom += counts / total
        left.set(ylabel=rules, ylim=(0, 1))
        if "longest_by_balls" in facts:
            for name, turns in zip(("won", "lost"), np.array(facts["longest_by_balls"]).T, strict=True):
                shown = np.flatnonzero(turns >= 0)
                right.plot(shown, turns[shown], ".-", color=COLOURS[name], label=name)
            right.tick_params(labelbottom=True)  # the axes below may be empty
        else:
            right.set_axis_off()
        right.set_ylim(bottom=0)
    axes[0, 0].set_title("share of positions, for the player to move")
    axes[0, 0].legend(loc="lower center", ncols=3, fontsize=7)
    axes[0, 1].set_title("longest win and loss, in turns")
    for axis in axes[-1]:
        axis.set_xlabel("balls on the board")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Fills in the page and draws its picture."""
    full = {rules: facts for rules in FULL_RULES if (facts := facts_of(rules))}
    mini = {rules: facts for rules in MINI_RULES if (facts := facts_of(rules))}
    plot(full, PAGE.with_name("solution.svg"))
    parts = ["## What came out\n", totals(full | mini)]
    parts.append("\n![Shares and longest wins by number of balls](solution.svg)\n")
    parts.append("## A perfect game\n")
    decided = [rules for rules, facts in (full | mini).items() if facts.get("start_distance", -1) > 0]
    parts += [f"`{rules}`: {perfect_game(rules)}\n" for rules in decided]
    parts.append("## By the number of balls\n\nAll positions, not only one of each class under symmetry.\n")
    parts += [f"### {rules}\n\n{by_balls(facts)}\n" for rules, facts in full.items()]
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(parts) + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
