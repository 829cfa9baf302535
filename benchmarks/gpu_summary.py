"""What the stages of `gpu.py` found, read from what they printed, beside what it should be."""

from __future__ import annotations

import re
from pathlib import Path

NOTHING_YET = "not run"


def text(folder: Path, stage: str) -> str:
    """What a stage has printed so far."""
    path = folder / f"{stage}.txt"
    return path.read_text(errors="replace") if path.exists() else ""


def number(folder: Path, stage: str, pattern: str) -> float | None:
    """The last number that a pattern finds in what a stage has printed."""
    found = re.findall(pattern, text(folder, stage), re.MULTILINE)
    return float(found[-1].replace(",", "")) if found else None


def idle(folder: Path) -> float | None:
    """The share of an epoch outside self-play and training, in percent."""
    shares = [number(folder, "epoch", rf"^{part} +[\d.]+ s +([\d.]+)%") for part in ("self-play", "training")]
    return None if None in shares else 100 - sum(filter(None, shares))


def advantage(folder: Path) -> float | None:
    """How many times as many positions/s as the fastest peer."""
    ratios = re.findall(r"^mctx.* ([\d.]+)$", text(folder, "peers"), re.MULTILINE)
    return 1 / max(map(float, ratios)) if ratios and max(map(float, ratios)) > 0 else None


def truth(folder: Path, column: str) -> float | None:
    """The last figure of a column in the metrics of the fit."""
    path = folder / "gpu" / "metrics.csv"
    if not path.exists():
        return None
    names, *rows = (line.split(",") for line in path.read_text().splitlines())
    found = [row[names.index(column)] for row in rows if column in names and row[names.index(column)]]
    return float(found[-1]) if found else None


def summary(folder: Path) -> str:
    """What was found beside what it should be."""
    simulations = r"^simulations/s, device +([\d,]+)"
    share = r"^simulations/s, device +[\d,]+ +([\d.]+) of"
    rows: list[tuple[str, float | None, str, float]] = [
        ("self-play, 256 x 4, million simulations/s", number(folder, "selfplay", simulations), ">=", 40e6),
        ("the same, of the network alone", number(folder, "selfplay", share), ">=", 0.5),
        ("positions/s, times those of mctx + pgx", advantage(folder), ">=", 5),
        (
            "a step of 2,048, 256 x 4, ms",
            number(folder, "training", r"^256 x 4, in one launch: ([\d.]+)"),
            "<=",
            1.5,
        ),
        ("truth after 5 minutes, bare policy", truth(folder, "truth/policy_accuracy"), ">=", 0.942),
        ("truth after 5 minutes, 64 simulations", truth(folder, "truth/search_accuracy"), ">=", 0.982),
        ("an epoch of `gpu` outside self-play and training, %", idle(folder), "<=", 10),
        ("tests that failed", failed(folder), "<=", 0),
    ]
    lines = [f"{'':54}{'found':>10}   goal"]
    for what, found, sign, goal in rows:
        scale = 1e6 if goal >= 1e6 else 1
        if found is None:
            lines.append(f"{what:54}{NOTHING_YET:>10}   {sign} {goal / scale:g}")
        else:
            met = found >= goal if sign == ">=" else found <= goal
            lines.append(
                f"{what:54}{found / scale:10.4g}   {sign} {goal / scale:g}: {'met' if met else 'MISSED'}"
            )
    return "\n".join(lines)


def failed(folder: Path) -> float | None:
    """The tests that failed or broke; None before all have run."""
    last = re.findall(r"^=* ?((?:\d+ \w+,? ?)+) in [\d.]+s", text(folder, "tests"), re.MULTILINE)
    return float(sum(map(int, re.findall(r"(\d+) (?:failed|errors?)", last[-1])))) if last else None
