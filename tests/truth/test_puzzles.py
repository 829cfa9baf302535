import numpy as np
import pytest

from pylos.errors import IllegalActionError
from pylos.game.board import Board
from pylos.game.rules import NUM_ACTIONS
from pylos.solution.tablebase import Tablebase
from pylos.truth.puzzles import MIDDLE_RATING, Puzzles, make_puzzles, rating_of
from pylos.truth.suite import STRATA, load_suite


@pytest.fixture(scope="module")
def puzzles() -> Puzzles:
    return make_puzzles(load_suite("mini-standard-optional"), None)


def turns_of(board: Board) -> list[tuple[list[int], Board]]:
    """All whole turns: their actions, and where they lead. Slow, and no code of the product's turns."""
    found, open_turns = [], [([], board.copy())]
    while open_turns:
        actions, before = open_turns.pop()
        for action in before.legal_actions.tolist():
            after = before.copy()
            after.push(action)
            (found if after.turn != board.turn else open_turns).append(([*actions, action], after))
    return found


@pytest.mark.parametrize("rules", ["mini-standard", "mini-mature-optional"])
def test_every_turn_that_keeps_the_value_is_accepted_and_no_other(solved, rules):
    puzzles, tablebase = make_puzzles(load_suite(rules), None), Tablebase(rules)
    numbers = [*range(1, 30), *range(len(puzzles) - 30, len(puzzles) + 1)]
    assert {puzzles.stratum(number) for number in numbers} == {"opening", "take_back"}
    for number in numbers:
        turns = turns_of(puzzles.board(number))
        values = -tablebase.probe([after for _, after in turns])[0]
        assert puzzles.value(number) == values.max() > values.min()
        for (actions, after), value in zip(turns, values, strict=True):
            verdict = puzzles.judge(number, actions)
            assert verdict.kept == (value == values.max()), after
            assert verdict.value_after >= value
            assert verdict.value_after == value or "at best" in verdict.text
            assert len(actions) > 1 or "at best" not in verdict.text
        kept = {
            after.last_turn for (_, after), value in zip(turns, values, strict=True) if value == values.max()
        }
        assert set(puzzles.keeping_turns(number)) == kept


def test_most_of_every_suite_are_puzzles():
    for rules, least in (("standard", 6000), ("mature-optional", 5000)):
        suite = load_suite(rules)
        puzzles = make_puzzles(suite, None)
        assert len(puzzles) > least
        assert np.bincount(suite.strata[puzzles.rows]).min() > 900


def test_what_it_asks(puzzles):
    numbers = range(1, len(puzzles) + 1)
    asked = {puzzles.board(n).pending: puzzles.asks(n) for n in numbers if puzzles.value(n) == 1}
    assert asked == {
        0: "White to move: keep the win.",
        1: "White has taken back one ball and may take another or stop: keep the win.",
        2: "White may take back one or two balls, or none: keep the win.",
    }


def test_what_is_no_whole_turn_is_refused(puzzles):
    number = next(n for n in range(1, len(puzzles) + 1) if puzzles.board(n).pending == 0)
    (legal,) = puzzles.keeping_turns(number)[:1]
    board = puzzles.board(number)
    board.push(legal)
    kept = list(board.actions)
    with pytest.raises(IllegalActionError, match="one turn"):
        puzzles.judge(number, [*kept, int(board.legal_actions[0])])
    for actions in ([], [NUM_ACTIONS]):
        with pytest.raises(IllegalActionError):
            puzzles.judge(number, actions)
    with pytest.raises(IndexError, match=f"1 to {len(puzzles)}"):
        puzzles.board(0)


def test_the_rating_follows_the_policy():
    assert rating_of(0.5) == MIDDLE_RATING
    assert rating_of(1 / 11) == MIDDLE_RATING + 400
    assert rating_of(1.0) == MIDDLE_RATING - 1200
    suite = load_suite("mini-standard")

    def knows_one(positions):
        log_policy = np.zeros((len(positions), NUM_ACTIONS), np.float32)
        log_policy[positions == suite.positions[3]] = np.where(suite.keeping[3], 0, -20)
        return np.zeros(len(positions)), log_policy

    rated, even = make_puzzles(suite, knows_one), make_puzzles(suite, None)
    differs = np.flatnonzero(abs(rated.solved - even.solved) > 1e-6)
    assert suite.positions[rated.rows[differs]].tolist() == [suite.positions[3]]
    assert rated.ratings[differs] < even.ratings[differs]


def test_draws(puzzles):
    drawn = [puzzles.near(2000, None, seed) for seed in range(40)]
    assert drawn == [puzzles.near(2000, None, seed) for seed in range(40)]
    assert len(set(drawn)) > 20
    ratings = np.sort(abs(puzzles.ratings - 2000))
    assert max(abs(puzzles.ratings[n - 1] - 2000) for n in drawn) <= ratings[99]
    assert {puzzles.stratum(puzzles.near(None, "take_back", seed)) for seed in range(5)} == {"take_back"}
    assert puzzles.near(None, STRATA[2], 0) is None  # no late positions on the small board
    days = [puzzles.daily(f"2026-11-{day}") for day in range(10, 30)]
    assert len(set(days)) > 15
    ratings = [puzzles.ratings[n - 1] for n in days]
    assert min(ratings) >= np.median(puzzles.ratings)
    assert max(ratings) <= np.quantile(puzzles.ratings, 0.76)
