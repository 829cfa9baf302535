"""Judges the turns of a game by what each threw away: from exact values, or from what searches found.

The measure is the chance to win, (value + 1) / 2. So a loss of value that changes nothing in a decided position weighs
little. The turn that was played and those that were better are whole turns, take-backs included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pylos.analysis.reports import Report
from pylos.analysis.rows import OUTCOMES
from pylos.errors import IllegalActionError
from pylos.game.board import Board, Side
from pylos.game.outcome import Outcome, outcome_on, play_on
from pylos.game.position import mover
from pylos.game.rules import MAX_LEGAL_ACTIONS, is_over, legal_actions, rules_code, step
from pylos.solution.tablebase import Tablebase

INACCURACY, MISTAKE, BLUNDER = 0.07, 0.15, 0.25
"""From how much of the chance to win a turn must throw away on, to be called so."""
_NOTHING = 0.01
"""A turn that threw away no more is as good as the best."""
_MOST_BEST = 8
"""How many of the turns that were right are named."""


class PlayedTurn(NamedTuple):
    """A whole turn of a game."""

    before: Board
    """The position before it, with the history of the game."""
    after: Board
    outcome: Outcome | None
    """How the game ended with it; None if it went on."""

    @property
    def by(self) -> Side:
        """Who played it."""
        return self.before.turn

    @property
    def text(self) -> str:
        """The turn as it is written."""
        return self.after.last_turn


class Opinion(NamedTuple):
    """What a search found in a position."""

    value: float
    """For the player to move."""
    best: str
    """The whole turn that it would play; empty if it does not know one."""


class Judgement(NamedTuple):
    """What a turn was worth, for the player who played it."""

    number: int
    """From 0 on."""
    turn: str
    by: Side
    lost: float
    """The chance to win that it threw away, from 0 to 1."""
    verdict: str
    """best, good, inaccuracy, mistake or blunder."""
    best: list[str]
    """Turns that were right, the best first."""
    exact_before: int | None
    """What the position was worth with perfect play, 1, 0 or -1; None where that is not known."""
    exact_after: int | None
    text: str
    """One sentence for people."""

    @property
    def accepted(self) -> bool:
        """Whether it is a right answer to the question for a better turn."""
        return self.lost < INACCURACY


def played_turns(start: Board, actions: Iterable[int]) -> list[PlayedTurn]:
    """The whole turns of a game. An unfinished one at its end is left out.

    Args:
        start: where the game began.
        actions: all of its actions.

    Raises:
        IllegalActionError: an action is not legal, or follows the end of the game.
    """
    turns, board, before = [], start.copy(), start.copy()
    for action in actions:
        play_on(board, action)
        outcome = outcome_on(board)
        if board.turn != before.turn or outcome is not None:
            turns.append(PlayedTurn(before, board.copy(), outcome))
            before = board.copy()
    return turns


def review_by_truth(turns: Sequence[PlayedTurn], tablebase: Tablebase) -> list[Judgement]:
    """Judges turns by the solution of the game. Among turns that keep the value its distances, if any, tell the best.

    Raises:
        RulesError: the turns are of other rules.
    """
    return [_judge_by_truth(number, turn, tablebase) for number, turn in enumerate(turns)]


def _judge_by_truth(number: int, turn: PlayedTurn, tablebase: Tablebase) -> Judgement:
    options, end = whole_turns(turn.before), turn.after.position
    values, distances = tablebase.probe(np.fromiter(options, np.int64, len(options)))
    # The shortest win and the longest loss come first. A value is that of the player who moves next.
    ranks = {
        after: (v, -v * d) for after, v, d in zip(options, values.tolist(), distances.tolist(), strict=True)
    }
    ranks |= dict.fromkeys(_drawn(turn, options), (0, 0))
    order = sorted(options, key=ranks.__getitem__)
    before, after = -ranks[order[0]][0], -ranks[end][0]
    kept = [end for end in order if ranks[end][0] == -before]
    is_best = ranks[end] == ranks[order[0]]
    best = [_name(turn.before, options[end]) for end in kept[:_MOST_BEST]]
    text = _truth_text(before, after, is_best, best[0], len(kept) == 1 < len(options))
    if before == 0 and turn.outcome is not None:
        text = turn.outcome.text
    lost = max(before - after, 0) / 2
    return Judgement(number, turn.text, turn.by, lost, _verdict(lost, is_best), best, before, after, text)


def opinion_of(report: Report, board: Board) -> Opinion:
    """What the last report of a search in a position says."""
    first = report.rows[0].mean if report.rows and abs(report.value) < 1 else None
    names = (line[0] for line in report.lines[:_MOST_BEST] if line)
    return Opinion(report.value if first is None else first, next((n for n in names if _end(board, n)), ""))


def positions_of(turns: Sequence[PlayedTurn]) -> dict[int, Board]:
    """The positions of a game that a search must judge: all but the one in which it ended.

    Of a position that occurred again it is the board of the first time, before anything after it was a repetition.
    """
    boards = [turn.before for turn in turns] + [turn.after for turn in turns if turn.outcome is None]
    found = dict[int, Board]()
    for board in boards:
        found.setdefault(board.position, board)
    return found


def doubtful_positions(turns: Sequence[PlayedTurn], judgements: Sequence[Judgement]) -> dict[int, Board]:
    """The positions whose comparison confirms or refutes that a turn was wrong: after it, and after the better one."""
    boards = []
    for turn, judgement in zip(turns, judgements, strict=True):
        if not judgement.accepted:
            better = turn.before.copy()
            for name in judgement.best[:1]:
                better.push(name)
            boards += [board for board in (better, turn.after) if not board.is_over]
    return {board.position: board for board in boards}


def review_by_search(turns: Sequence[PlayedTurn], opinions: Mapping[int, Opinion]) -> list[Judgement]:
    """Judges turns by the opinions of searches.

    Args:
        turns: of a game.
        opinions: by packed position: of all `positions_of` the game, and of as many of the `doubtful_positions` as are
            known. Where the position after the best turn is judged, too, like is compared with like.
    """
    return [_judge_by_search(number, turn, opinions) for number, turn in enumerate(turns)]


def _judge_by_search(number: int, turn: PlayedTurn, opinions: Mapping[int, Opinion]) -> Judgement:
    opinion = opinions[turn.before.position]
    best = _end(turn.before, opinion.best)
    before = opinion.value
    if best is not None:
        before = -opinions[best].value if best in opinions else before
    if best is not None and is_over(best, rules_code(turn.before.rules)):
        before = 1.0
    elif _is_limit(turn.outcome):  # nobody could win any more
        before = min(before, 0.0)
    after = _searched_value(turn, opinions)
    is_best = best == turn.after.position
    lost = 0.0 if is_best else max(before - after, 0) / 2
    verdict = _verdict(lost, is_best or lost <= _NOTHING)
    names = [opinion.best] if opinion.best else []
    if verdict == "best" and not is_best:
        names.insert(0, turn.text)
    text = _search_text(lost, verdict, is_best, opinion.best)
    return Judgement(number, turn.text, turn.by, lost, verdict, names, None, None, text)


def chances_by_search(turns: Sequence[PlayedTurn], opinions: Mapping[int, Opinion]) -> list[float]:
    """White's chance to win before the first turn and after each."""
    first = opinions[turns[0].before.position].value
    values = [(first, turns[0].by), *((_searched_value(turn, opinions), turn.by) for turn in turns)]
    return [(1 + (value if by == "white" else -value)) / 2 for value, by in values]


def values_by_truth(judgements: Sequence[Judgement]) -> list[int]:
    """What the game was worth to white before the first turn and after each, as `review_by_truth` found it."""
    sides = [1 if judgement.by == "white" else -1 for judgement in judgements]
    first = sides[0] * (judgements[0].exact_before or 0)
    return [first, *(side * (j.exact_after or 0) for side, j in zip(sides, judgements, strict=True))]


def whole_turns(board: Board) -> dict[int, list[int]]:
    """All turns that a position allows: for each position after one, the actions that lead there.

    Of turns that lead to the same position, such as those that take two balls in another order, there is one.
    """
    code, found = rules_code(board.rules), dict[int, list[int]]()
    begun: list[tuple[int, list[int]]] = [(board.position, [])]
    out = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    while begun:
        position, actions = begun.pop()
        for action in out[: legal_actions(position, code, out)].tolist():
            after, longer = int(step(position, action, code)), [*actions, action]
            if mover(after) != mover(position):
                found.setdefault(after, longer)
            else:
                begun.append((after, longer))
    return found


def _searched_value(turn: PlayedTurn, opinions: Mapping[int, Opinion]) -> float:
    """What a turn led to, for who played it."""
    result = _result(turn)
    return -opinions[turn.after.position].value if result is None else result


def _result(turn: PlayedTurn) -> int | None:
    """How the game ended with a turn, for who played it: 1, 0 or -1; None if it went on."""
    if turn.outcome is None:
        return None
    return 0 if turn.outcome.winner is None else 1 if turn.outcome.winner == turn.by else -1


def _is_limit(outcome: Outcome | None) -> bool:
    """Whether so many actions were played that the game was a draw, however the players stood."""
    return outcome is not None and outcome.reason == "move_limit"


def _drawn(turn: PlayedTurn, options: Mapping[int, list[int]]) -> set[int]:
    """The positions that are draws by the limits of a game, whatever the table calls them.

    They are looked for where a game ended so: the position after its last turn, and those after the turns that might
    have been played instead. Beyond the number of actions only a turn that wins at once is no draw.
    """
    if turn.outcome is None or turn.outcome.winner is not None:
        return set()
    drawn = {turn.after.position}
    for end, actions in options.items():
        board, outcome = turn.before.copy(), None
        for action in actions:
            board.push(action)
            outcome = outcome or outcome_on(board)
        if outcome is None and not _is_limit(turn.outcome):
            continue
        if outcome is None or outcome.winner is None:
            drawn.add(end)
    return drawn


def _end(board: Board, name: str) -> int | None:
    """The position after a whole turn; None if the text is not one."""
    after = board.copy()
    try:
        after.push(name)
    except IllegalActionError:
        return None
    return after.position if after.turn != board.turn else None


def _name(board: Board, actions: Sequence[int]) -> str:
    """The text of a turn, from its actions."""
    after = board.copy()
    for action in actions:
        after.push(action)
    return after.last_turn


def _verdict(lost: float, is_best: bool) -> str:
    limits = (BLUNDER, "blunder"), (MISTAKE, "mistake"), (INACCURACY, "inaccuracy")
    return next((name for limit, name in limits if lost >= limit), "best" if is_best else "good")


def _truth_text(before: int, after: int, is_best: bool, best: str, is_only: bool) -> str:
    was = OUTCOMES[before]
    if after < before:
        return f"Threw the {was} away, for a {OUTCOMES[after]}: {best} kept it."
    if is_only and before >= 0:
        return f"The only turn that keeps the {was}."
    if is_best:
        return f"Keeps the {was}." if before >= 0 else "Lost anyway, against perfect play."
    return f"Keeps the win; {best} wins faster." if before > 0 else f"Lost anyway; {best} holds out longer."


def _search_text(lost: float, verdict: str, is_best: bool, best: str) -> str:
    if is_best:
        return "The search would have played it, too."
    if verdict == "best":
        return f"As good as {best}." if best else "Nothing was lost."
    if verdict == "good":
        return f"{best} was a little better." if best else "Little was lost."
    return f"Gave up {100 * lost:.0f} % of the chance to win{f': {best} was better' if best else ''}."
