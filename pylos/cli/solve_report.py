"""What `pylos solve` prints: how far it is, how long it will take, and the result."""

from __future__ import annotations

import resource
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

from pylos.game.rules import LINES, SQUARES, rules_code
from pylos.solution.solving import STAGES
from pylos.solution.sweeping import Progress
from pylos.solution.tables import DISTANCES, VALUES, table_path
from pylos.system.output import is_terminal, print_stderr
from pylos.system.progress import Update, progress_bar

LINE_SECONDS = 30.0
"""The time between two lines about the progress, where no bar can be shown."""
_SHARES = dict(zip(STAGES, (0.78, 0.22, 0.02, 0.82, 0.16), strict=True))
"""A stage's share of the time for all values, or for all distances: rough, as measured with take-backs."""
_FIRST_PASS = {VALUES: 0.5, DISTANCES: 0.22}
"""The share of a stage's time that the first pass over all positions takes. Without take-backs there is no other."""
PUBLISHED = {"children": 36, "standard": 40, "mature-optional": 46}
"""Turns after which the first player loses (ICGA Journal, doi 10.1177/13896911261418683). The paper calls the third
rule set "mature"; we found that it is `mature-optional` here, see docs/solution.md."""
LEAST_FIRST_PASS = 240.0
"""Seconds; no first pass is faster, except after a resume."""
_DISTANCES_FROM = STAGES.index("open distances")
_WORDS = {1: "a win", 0: "a draw", -1: "a loss"}


class SolveReport:
    """Shows the progress of `pylos.solution.solving.solve`: a bar on a terminal, elsewhere a line every 30 seconds.

    Args:
        rules: the name of the rule set.
    """

    def __init__(self, rules: str) -> None:
        self._first_pass = _FIRST_PASS if rules_code(rules) & (SQUARES | LINES) else {}
        self._lock = threading.Lock()
        self._bars = ExitStack()
        self._stage = ""
        self._update: Update | None = None
        self._began = time.monotonic()
        self._started = self._stage_started = self._first_pass_ended = self._next_line = 0.0

    def __enter__(self) -> SolveReport:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.close()
        if self._stage and exception[0] is None:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            spent = _minutes(time.monotonic() - self._began)
            print(
                f"{self._stage}: done; {spent} in all, at most {memory:.2f} GiB of memory, mapped files included"
            )

    def __call__(self, news: Progress) -> None:
        """Shows news of the progress. Any thread may call it."""
        with self._lock:
            now = time.monotonic()
            if news.stage != self._stage:
                self._begin(news, now)
            done = news.done / news.total
            text = self._estimate(done, now)
            if self._update is not None:
                self._update(round(1000 * done), text)
            if not is_terminal(sys.stderr) and now >= self._next_line:
                self._next_line = now + LINE_SECONDS
                print_stderr(f"{self._stage}: {done:.0%}, {text}")

    def _begin(self, news: Progress, now: float) -> None:
        self._bars.close()
        if news.stage in (STAGES[0], STAGES[_DISTANCES_FROM]):
            self._started = now
        spent = now - self._stage_started
        if self._stage and spent >= 0.5:  # a resume passes through what is done already in no time
            print(f"{self._stage}: done in {_minutes(spent)}", flush=True)
        self._stage, self._stage_started, self._next_line = news.stage, now, now + LINE_SECONDS
        self._first_pass_ended = 0.0
        self._update = self._bars.enter_context(progress_bar(news.stage, total=1000))

    def _estimate(self, done: float, now: float) -> str:
        """A text about the time that is left for the values, or for the distances."""
        values, distances = STAGES[:_DISTANCES_FROM], STAGES[_DISTANCES_FROM:]
        part = values if self._stage in values else distances
        before = sum(_SHARES[stage] for stage in part[: part.index(self._stage)])
        part_done = done * self._first_pass.get(self._stage, 1)
        if done == 1 and part_done < 1:
            # The first pass is over, and nobody knows how many more there will be: time alone is an estimate. After a
            # resume the first pass is short and says nothing, so it counts as `LEAST_FIRST_PASS` at least.
            self._first_pass_ended = self._first_pass_ended or now
            first_pass = max(self._first_pass_ended - self._stage_started, LEAST_FIRST_PASS)
            part_done *= (now - self._stage_started) / first_pass
            if part_done > 0.95:
                return "nearly done, as far as one can tell"
        spent = before + _SHARES[self._stage] * part_done
        if spent < 0.02:
            return "estimating"
        return f"about {_minutes((now - self._started) * (1 - spent) / spent)} left"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def describe_solution(facts: dict[str, Any]) -> str:
    """The result in some lines.

    Args:
        facts: the header of a table.
    """
    rules = facts["rules"]
    wins, losses, draws = facts["wins_losses_draws"]
    start = f"the start is {_WORDS[facts['start']]} for the first player"
    if facts.get("start_distance", -1) >= 0:
        start += f" after {facts['start_distance']} turns with best play"
        if rules in PUBLISHED:
            agrees = facts["start"] == -1 and facts["start_distance"] == PUBLISHED[rules]
            start += f", {'as' if agrees else 'NOT as'} published (a loss after {PUBLISHED[rules]})"
    every = "value and distance" if facts["kind"] == DISTANCES else "value"
    return "\n".join(
        [
            f"{rules}: {start}",
            f"{sum(facts['wins_losses_draws']):,} positions ({sum(facts['up_to_symmetry']):,} up to symmetry): "
            f"{wins:,} won, {losses:,} lost, {draws:,} drawn for the player to move",
            f"every {every} was compared with those of its successors",
            f"kept in {table_path(rules, facts['kind']).parent}",
        ]
    )
