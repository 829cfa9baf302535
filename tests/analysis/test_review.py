"""Reviews by the solution, and by opinions of searches that the tests write themselves."""

from types import SimpleNamespace

import numpy as np
import pytest

from pylos.analysis.review import (
    Opinion,
    chances_by_search,
    doubtful_positions,
    opinion_of,
    played_turns,
    positions_of,
    review_by_search,
    review_by_truth,
    values_by_truth,
    whole_turns,
)
from pylos.analysis.rows import Row
from pylos.game.board import Board
from pylos.game.outcome import Outcome
from pylos.game.rules import rules_code
from pylos.game.turns import EARNING, ENDS, TURN_ROOM, ends_of_turn, moves
from pylos.kernels.randomness import draw_below
from pylos.players.perfect_player import PerfectPlayer
from pylos.solution.tablebase import Tablebase

RULES = "mini-standard"
SQUARE = "ww..w...bbb...../........./..../. w 0"
"""White can make a square with 1B2 and take balls back."""


def random_game(key: int, rules: str = RULES) -> list[int]:
    board = Board(rules)
    while not board.is_over and len(board.actions) < 60:
        legal = board.legal_actions
        board.push(int(legal[draw_below(key, len(board.actions), len(legal))]))
    return list(board.actions)


def planted_game(tablebase: Tablebase, ply: int) -> tuple[list[int], int]:
    """A game of perfect play but for one turn that throws a win away; and the number of that turn."""
    board, player, number = Board(RULES), PerfectPlayer(tablebase), None
    while not board.is_over and len(board.actions) < 100:
        found = tablebase.probe_actions([board])
        worse = found.actions[found.values < found.values.max()]
        if (
            number is None
            and len(board.actions) >= ply
            and not board.pending
            and found.values.max() > 0
            and len(worse)
        ):
            number = len(board.turns)
            board.push(int(worse[0]))
        else:
            board.push(int(player.choose(np.array([board.position]))[0]))
    return list(board.actions), number


@pytest.mark.parametrize(
    "text", [SQUARE, SQUARE.replace("w 0", "b 0"), "................/........./..../. w 0"]
)
@pytest.mark.parametrize("rules", ["standard", "mature-optional", "children"])
def test_whole_turns_are_those_of_the_rules(text, rules):
    board, out = Board.from_text(text, rules), np.empty(TURN_ROOM, np.int64)
    code = rules_code(rules)
    ended, earned = moves(board.position, code, out)
    expected = set(out[:ended].tolist())
    for position in out[EARNING : EARNING + earned].tolist():
        expected |= set(out[ENDS : ENDS + ends_of_turn(position, code, out[ENDS:])].tolist())
    turns = whole_turns(board)
    assert set(turns) == expected
    for after, actions in turns.items():
        played = board.copy()
        for action in actions:
            played.push(action)
        assert played.position == after


def test_played_turns_are_whole_and_an_unfinished_one_is_left_out():
    start = Board.from_text(SQUARE)
    start.push("1B2-1A1-1A2")
    actions = [*start.actions, 0]
    turns = played_turns(Board.from_text(SQUARE), actions)
    assert [(turn.by, turn.text) for turn in turns] == [("white", "1B2-1A1-1A2"), ("black", "1A1")]
    assert [turn.text for turn in played_turns(Board.from_text(SQUARE), actions[:2])] == []


@pytest.mark.parametrize("key", range(5))
def test_the_truth_judges_every_turn(solved, key):
    tablebase = Tablebase(RULES)
    turns = played_turns(Board(RULES), random_game(key))
    judgements = review_by_truth(turns, tablebase)
    assert [judgement.turn for judgement in judgements] == [turn.text for turn in turns]
    for turn, judgement in zip(turns, judgements, strict=True):
        (before,), _ = tablebase.probe([turn.before])
        (after,), _ = tablebase.probe([turn.after])
        assert (judgement.exact_before, judgement.exact_after) == (before, -after)
        assert judgement.lost == (before + after) / 2
        assert (judgement.verdict in ("best", "good")) == judgement.accepted == (before == -after)
        for name in judgement.best:
            better = turn.before.copy()
            better.push(name)
            assert -tablebase.probe([better])[0][0] == before
            assert better.turn != turn.by
    values = values_by_truth(judgements)
    assert len(values) == len(turns) + 1
    assert values[-1] == (1 if turns[-1].by == "white" else -1)


def test_a_planted_blunder_is_found(solved):
    tablebase = Tablebase(RULES)
    actions, planted = planted_game(tablebase, 6)
    judgements = review_by_truth(played_turns(Board(RULES), actions), tablebase)
    assert [j.number for j in judgements if j.verdict == "blunder"] == [planted]
    found = judgements[planted]
    assert found.text == f"Threw the win away, for a loss: {found.best[0]} kept it."
    assert found.turn not in found.best
    assert {j.verdict for j in judgements if j.number != planted} == {"best"}


def test_a_longer_win_is_good_and_not_best(solved):
    tablebase = Tablebase(RULES)
    turns = [turn for key in range(5) for turn in played_turns(Board(RULES), random_game(key))]
    kept = [j for j in review_by_truth(turns, tablebase) if j.exact_before == j.exact_after == 1]
    for judgement in kept:
        texts = {"good": [f"Keeps the win; {judgement.best[0]} wins faster."]}
        best = ["Keeps the win.", "The only turn that keeps the win."]
        assert judgement.text in texts.get(judgement.verdict, best)
    assert {judgement.verdict for judgement in kept} == {"best", "good"}


def test_a_draw_by_repetition_throws_a_win_away(solved):
    tablebase = Tablebase(RULES)
    turns = [turn for key in range(3) for turn in played_turns(Board(RULES), random_game(key))]
    kept = [t for t, j in zip(turns, review_by_truth(turns, tablebase), strict=True) if j.exact_after == 1]
    drawn = [turn._replace(outcome=Outcome(None, "repetition")) for turn in kept]
    judgements = review_by_truth(drawn, tablebase)
    assert {judgement.exact_after for judgement in judgements} == {0}
    thrown = [judgement for judgement in judgements if judgement.exact_before == 1]
    assert thrown
    for judgement in thrown:
        assert judgement.turn not in judgement.best
        assert judgement.text.startswith("Threw the win away, for a draw: ")


def test_the_limit_of_actions_is_nobodys_mistake(solved):
    """Whatever is played at the end of the longest game: only who could win at once has thrown something away."""
    tablebase = Tablebase(RULES)
    turns = [turn for key in range(3) for turn in played_turns(Board(RULES), random_game(key))]
    judged = review_by_truth(turns, tablebase)
    wins = [t for t, j in zip(turns, judged, strict=True) if j.exact_before == 1 and t.outcome is None]
    limited = [turn._replace(outcome=Outcome(None, "move_limit")) for turn in wins]
    missed = [any(_over(turn.before, name) for name in _names(turn.before)) for turn in limited]
    assert set(missed) == {False, True}
    for judgement, blunder in zip(review_by_truth(limited, tablebase), missed, strict=True):
        assert judgement.verdict == ("blunder" if blunder else "best")
        assert blunder or judgement.text == "A draw: 200 actions have been played."
    for turn, blunder in zip(limited, missed, strict=True):
        names = [n for n in _names(turn.before) if not blunder or _over(turn.before, n)]
        found = {turn.before.position: Opinion(1.0, names[0])}
        (judgement,) = review_by_search([turn], found)
        assert judgement.lost == (0.5 if blunder else 0)


def opinions(turns, value_of, best_of):
    boards = positions_of(turns)
    return {position: Opinion(value_of(board), best_of(board)) for position, board in boards.items()}


def test_a_position_that_occurred_again_is_judged_as_it_was_the_first_time():
    board = Board.from_text("ww..w.....bb..b./........./..../. w 0")
    start = board.copy()
    for turn in ["1B2-1B2", "1D4-1D4", "1B2-1A1", "1D4-1D4"]:
        board.push(turn)
    turns = played_turns(start, board.actions)
    assert turns[2].before == start
    found = positions_of(turns)
    assert [len(board.turns) for board in found.values()] == [0, 1, 3, 4]


def test_verdicts_of_a_search_follow_the_chance_to_win():
    turns = played_turns(Board(), [0, 1, 2, 3, 6])
    values = [0.0, 0.2, 0.2, 0.0, 0.9, 0.9]  # for white
    by_position = dict(zip(positions_of(turns), values, strict=True))
    found = opinions(
        turns, lambda b: by_position[b.position] * (1 if b.turn == "white" else -1), lambda b: "1D4"
    )
    judgements = review_by_search(turns, found)
    assert [j.verdict for j in judgements] == ["best", "best", "inaccuracy", "blunder", "best"]
    assert [round(j.lost, 6) for j in judgements] == [0, 0, 0.1, 0.45, 0]
    assert judgements[3].text == "Gave up 45 % of the chance to win: 1D4 was better."
    assert chances_by_search(turns, found) == pytest.approx([(1 + value) / 2 for value in values])


def test_the_turn_that_the_search_would_play_is_best_whatever_the_noise():
    turns = played_turns(Board(), [0])
    found = opinions(turns, lambda b: 0.9, lambda b: "1A1")
    assert review_by_search(turns, found)[0].verdict == "best"


def test_a_turn_that_is_as_good_is_named_beside_the_best():
    turns = played_turns(Board(), [0])
    found = opinions(turns, lambda b: 0.0, lambda b: "1B2")
    (judgement,) = review_by_search(turns, found)
    assert (judgement.verdict, judgement.best) == ("best", ["1A1", "1B2"])


def test_a_doubt_is_decided_by_comparing_like_with_like():
    turns = played_turns(Board(), [0])
    found = opinions(turns, lambda b: 0.6 if not b.actions else 0.0, lambda b: "1B2")
    first = review_by_search(turns, found)
    assert first[0].verdict == "blunder"
    doubtful = doubtful_positions(turns, first)
    assert {board.last_turn for board in doubtful.values()} == {"1A1", "1B2"}
    # Looked at more closely, the better turn is not better.
    closer = {position: Opinion(0.05, "") for position in doubtful}
    assert review_by_search(turns, found | closer)[0].verdict == "best"
    assert doubtful_positions(turns, review_by_search(turns, found | closer)) == {}


def test_the_end_of_a_game_needs_no_opinion():
    turns = played_turns(Board(RULES), random_game(1))
    assert turns[-1].outcome is not None
    assert turns[-1].after.position not in positions_of(turns)
    found = opinions(turns, lambda b: 0.0, lambda b: "")
    judgements = review_by_search(turns, found)
    assert judgements[-1].lost == 0
    assert judgements[-1].best == [turns[-1].text]
    assert chances_by_search(turns, found)[-1] == (1.0 if turns[-1].by == "white" else 0.0)


def test_a_win_in_one_that_was_not_taken_is_a_blunder_without_an_opinion_on_it():
    for key in range(100):
        last = played_turns(Board(RULES), random_game(key))[-1]
        others = [name for name in _names(last.before) if not _over(last.before, name)]
        if others and last.outcome is not None:
            break
    after = last.before.copy()
    after.push(others[0])
    missed = last._replace(after=after, outcome=None)
    found = {last.before.position: Opinion(0.5, last.text), after.position: Opinion(0.0, "")}
    (judgement,) = review_by_search([missed], found)
    assert (judgement.verdict, judgement.lost) == ("blunder", 0.5)


def _names(board):
    for actions in whole_turns(board).values():
        after = board.copy()
        for action in actions:
            after.push(action)
        yield after.last_turn


def _over(board, name):
    after = board.copy()
    after.push(name)
    return after.is_over


def test_an_opinion_names_a_whole_turn():
    board = Board.from_text(SQUARE)
    rows = [Row(5, "1B2", mean=0.4), Row(3, "1A4", mean=0.1)]
    report = SimpleNamespace(value=0.3, rows=rows, lines=[["1B2"], ["1A4", "1B2"]])
    assert opinion_of(report, board) == Opinion(0.4, "1A4")  # the take-back after 1B2 is not known
    report = SimpleNamespace(value=1.0, rows=rows, lines=[["1B2-1A1", "1A4"], ["1A4"]])
    assert opinion_of(report, board) == Opinion(1.0, "1B2-1A1")
