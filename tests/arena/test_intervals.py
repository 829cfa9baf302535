"""Intervals of ratings: they hold the truth as often as they say, and have no end that no game supports."""

import itertools
import math

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import optimize

from pylos.arena import intervals
from pylos.arena.ratings import PRIOR_ELO, Rating, fit_ratings
from pylos.arena.results import Counts, MatchResult

FIRST_MOVE = -80.0


def _play(elo: dict[str, float], player: str, opponent: str, games: int, rng: Generator) -> MatchResult:
    """Half of the games with either side first."""

    def side(advantage: float) -> Counts:
        wins = int(rng.binomial(games // 2, 1 / (1 + 10 ** (-advantage / 400))))
        return wins, 0, games // 2 - wins

    difference = elo[player] - elo[opponent]
    return MatchResult(player, opponent, side(difference + FIRST_MOVE), side(-difference + FIRST_MOVE)[::-1])


def _evaluation(true: float, seed: int) -> Rating:
    """What an evaluation with the defaults finds of an agent: 50 games with everybody, 200 between the anchors."""
    elo = {"random": 1000.0, "weak": 1450.0, "strong": 2150.0, "agent": true}
    rng = default_rng(seed)
    results = [_play(elo, "weak", "random", 200, rng), _play(elo, "strong", "weak", 200, rng)]
    results += [_play(elo, "agent", opponent, 50, rng) for opponent in ("random", "weak", "strong")]
    return fit_ratings(results).elo["agent"]


@pytest.mark.parametrize(
    ("true", "width", "share_open"),
    [(1450, 250, 0.0), (2400, 600, 0.02), (2900, 1100, 0.5), (3400, 1100, 0.95), (3700, 1100, 0.98)],
)
def test_the_interval_of_an_evaluation_covers_the_truth(true: float, width: float, share_open: float) -> None:
    """Also where most evaluations win every game. Two standard deviations did so in 69 % (3400) and 3 % (3700)."""
    found = [_evaluation(true, seed) for seed in range(150)]
    assert sum(rating.low <= true <= rating.high for rating in found) / len(found) >= 0.93
    closed = [rating.high - rating.low for rating in found if math.isfinite(rating.high)]
    assert np.median(closed) < width
    assert 1 - len(closed) / len(found) == pytest.approx(share_open, abs=0.03)


def _rating(*matches: tuple[str, str, Counts]) -> dict[str, Rating]:
    return fit_ratings([MatchResult(a, b, counts, counts) for a, b, counts in matches]).elo


def test_who_never_lost_has_no_upper_end() -> None:
    swept = _rating(("a", "random", (25, 0, 0)))["a"]
    assert (1000 < swept.low < swept.elo, swept.high) == (True, math.inf)
    beaten = _rating(("a", "random", (0, 0, 25)))["a"]
    assert beaten.low == -math.inf
    assert beaten.high == pytest.approx(2000 - swept.low, abs=0.01)
    assert beaten.elo == pytest.approx(2000 - swept.elo, abs=0.01)


@pytest.mark.parametrize("counts", [(24, 0, 1), (24, 1, 0)])
def test_half_a_point_makes_an_end(counts: Counts) -> None:
    rating = _rating(("a", "random", counts))["a"]
    assert rating.elo < rating.high < 4000
    assert rating.high - rating.elo > 1.2 * (rating.elo - rating.low)  # it may be far stronger, hardly weaker


def test_points_lost_to_somebody_without_an_end_make_none() -> None:
    found = _rating(("a", "random", (25, 0, 0)), ("b", "random", (25, 0, 0)), ("a", "b", (10, 0, 15)))
    assert found["a"].high == found["b"].high == math.inf
    assert found["a"].low > 1000
    bounded = _rating(("a", "random", (25, 0, 0)), ("b", "random", (24, 0, 1)), ("a", "b", (10, 0, 15)))
    assert math.isfinite(bounded["a"].high)
    above = _rating(("a", "random", (20, 0, 5)), ("b", "a", (25, 0, 0)))
    assert math.isfinite(above["a"].high)
    assert above["b"].high == math.inf


def test_a_player_that_no_chain_of_games_connects_is_unknown() -> None:
    found = _rating(("a", "random", (20, 0, 5)), ("x", "y", (20, 0, 5)), ("z", "z", (20, 0, 5)))
    for name in "xyz":
        assert (found[name].low, found[name].high) == (-math.inf, math.inf)
        assert math.isfinite(found[name].elo)
    assert found["random"] == Rating(1000.0, 1000.0, 1000.0)


def _likelihood_ends(results: list[MatchResult], names: list[str], player: str) -> tuple[float, float]:
    """The ends of the profile likelihood of the games alone, by brute force; random has 1000."""
    others = [name for name in names if name != player]

    def loss(values: np.ndarray, elo: float) -> float:
        x = dict(zip([*others, "first"], values / 100, strict=True)) | {"random": 0.0, player: elo / 100}
        total = float((values**2).sum() + elo**2) / PRIOR_ELO**2 / 2
        for r in results:
            for counts, d in (
                (r.as_first, x[r.player] - x[r.opponent]),
                (r.as_second, x[r.opponent] - x[r.player]),
            ):
                won, lost = counts[0] + counts[1] / 2, counts[2] + counts[1] / 2
                if counts is r.as_second:
                    won, lost = lost, won
                logit = (d + x["first"]) * math.log(10) / 4
                total += won * np.logaddexp(0, -logit) + lost * np.logaddexp(0, logit)
        return total

    def profile(elo: float) -> float:
        return float(optimize.minimize(loss, np.zeros(len(others) + 1), elo, method="BFGS").fun)

    best = optimize.minimize_scalar(profile, bracket=(0.0, 100.0))
    ends = [
        optimize.brentq(
            lambda elo: profile(elo) - best.fun - 1.920729, best.x, best.x + side * 1500, xtol=0.1
        )
        for side in (-1, 1)
    ]
    return 1000 + ends[0], 1000 + ends[1]


def test_ends_are_those_of_the_profile_likelihood() -> None:
    """With so many games the virtual draws hardly matter. Every player is an opponent of all others: all is exact."""
    elo = {"random": 1000.0, "a": 1200.0, "b": 1500.0, "c": 1650.0}
    rng = default_rng(3)
    results = [_play(elo, a, b, 60, rng) for a, b in itertools.combinations(elo, 2)]
    found = fit_ratings(results).elo
    for player in ("a", "c"):
        low, high = _likelihood_ends(results, ["a", "b", "c"], player)
        assert low - 8 < found[player].low < low + 1
        assert high - 1 < found[player].high < high + 8


def test_with_few_games_the_virtual_draws_make_no_interval_narrower() -> None:
    results = [MatchResult("a", "random", (2, 0, 2), (2, 0, 2))]
    low, high = _likelihood_ends(results, ["a"], "a")
    found = fit_ratings(results).elo["a"]
    assert (found.low, found.high) == (pytest.approx(low, abs=0.5), pytest.approx(high, abs=0.5))


def test_of_many_opponents_those_that_say_the_most_count_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent won all games against most of them, which say little, and lost to two of them."""
    weak = [f"weak-{i}" for i in range(4)]
    known = [("middle", "random", (15, 0, 10)), ("strong", "middle", (20, 0, 5))]
    known += [(name, "random", (12, 0, 13)) for name in weak]
    swept = [("agent", name, (25, 0, 0)) for name in (*weak, "random")]
    lost = [("agent", "middle", (24, 0, 1)), ("agent", "strong", (2, 0, 1))]
    exact = _rating(*known, *swept, *lost)["agent"]
    monkeypatch.setattr(intervals, "OPPONENTS", 3)
    found = _rating(*known, *swept, *lost)["agent"]
    assert found != exact
    assert (found.low, found.high) == (pytest.approx(exact.low, abs=10), pytest.approx(exact.high, abs=30))
