"""`make soak`: many kills at random instants of the real command, on one rank and on two.

Prints how many kills hit each phase, and every run whose end differs from that of an uninterrupted one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.support.killing import PHASES, TWO_RANKS, assert_same_run, random_kills, run_killed, run_straight

THREADS = 2


def soak(folder: Path, kills: int, options: tuple[str, ...]) -> int:
    """Kills runs until there were enough kills.

    Returns:
        The number of runs whose end differed.
    """
    run_straight(folder / "straight", options, THREADS)
    phases: Counter[str] = Counter()
    mismatches = trial = 0
    while phases.total() < kills:
        run = folder / f"run-{trial}"
        phases.update(run_killed(run, random_kills(10, seed=trial), options, THREADS))
        try:
            assert_same_run(folder / "straight", run)
            shutil.rmtree(run)
        except AssertionError as error:
            mismatches += 1
            print(f"{run} differs: {error}", flush=True)
        trial += 1
        counts = ", ".join(f"{phase} {phases[phase]}" for phase in PHASES)
        print(f"{phases.total()} kills in {trial} runs ({counts}), {mismatches} mismatches", flush=True)
    return mismatches


def main() -> int:
    """Reads the options, and soaks one rank and two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=100, help="on one rank; on two a quarter of it (default: 100)"
    )
    kills = parser.parse_args().kills
    folder = Path(tempfile.mkdtemp(prefix="pylos-soak-"))
    mismatches = 0
    # From this width on two threads of torch share the work on a network, in any order.
    wide = ("--model.width", "128")
    for ranks, options, number in ((1, wide, kills), (2, (*wide, *TWO_RANKS), kills // 4)):
        print(f"ranks: {ranks}", flush=True)
        mismatches += soak(folder / f"ranks-{ranks}", number, options)
    if mismatches:
        print(f"what differs lies in {folder}")
    else:
        shutil.rmtree(folder)
    return min(mismatches, 1)


if __name__ == "__main__":
    sys.exit(main())
