import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import optimize

from pylos.arena import ratings as module
from pylos.arena.ratings import Ratings, fit_ratings
from pylos.arena.results import Counts, MatchResult
from pylos.arena.tally import tally_results

DRAW_SHARE = 0.2
"""How much of the smaller of both players' winning chances goes to draws in the simulated games."""


def _play(
    elo: Mapping[str, float], player: str, opponent: str, games: int, first_move: float, rng: Generator
) -> MatchResult:
    """Plays that many games with either side first; the expected points follow the model exactly."""

    def side(advantage: float) -> Counts:
        expected = 1 / (1 + 10 ** (-advantage / 400))
        draw = DRAW_SHARE * min(expected, 1 - expected)
        wins, draws, losses = rng.multinomial(games, [expected - draw / 2, draw, 1 - expected - draw / 2])
        return int(wins), int(draws), int(losses)

    difference = elo[player] - elo[opponent]
    wins, draws, losses = side(-difference + first_move)  # the opponent's view of the games it began
    return MatchResult(player, opponent, side(difference + first_move), (losses, draws, wins))


def _tournament(
    elo: Mapping[str, float],
    pairs: Sequence[tuple[str, str]],
    games: int,
    first_move: float = 0.0,
    seed: int = 0,
) -> list[MatchResult]:
    rng = default_rng(seed)
    return [_play(elo, a, b, games, first_move, rng) for a, b in pairs]


ELO = {"random": 1000.0, "a": 1150.0, "b": 1320.0, "c": 1540.0, "d": 900.0}
ALL_PAIRS = [(a, b) for a in ELO for b in ELO if a < b]


def test_recovers_known_ratings_and_the_worth_of_the_first_move() -> None:
    ratings = fit_ratings(_tournament(ELO, ALL_PAIRS, games=20_000, first_move=-70.0))
    assert list(ratings.elo) == sorted(ELO)
    for name, rating in ratings.elo.items():
        assert rating.elo == pytest.approx(ELO[name], abs=6)
        assert rating.low <= rating.elo <= rating.high
    assert ratings.first_move_elo == pytest.approx(-70.0, abs=3)


def test_intervals_cover_the_truth_in_95_percent_of_tournaments() -> None:
    tournaments = 150
    hits, trials = 0, 0
    for seed in range(tournaments):
        ratings = fit_ratings(_tournament(ELO, ALL_PAIRS, games=50, first_move=40.0, seed=seed))
        for name in set(ELO) - {"random"}:
            hits += ratings.elo[name].low <= ELO[name] <= ratings.elo[name].high
            trials += 1
    # Draws vary less than the model thinks, so that the intervals may be a little wide, never narrow.
    assert 0.93 <= hits / trials <= 0.985


def test_width_of_the_interval_follows_the_number_of_games() -> None:
    def width(games: int) -> float:
        rating = fit_ratings([MatchResult("a", "random", (games, 0, games), (games, 0, games))]).elo["a"]
        return rating.high - rating.low

    # Scores of 1/2 in n games: a variance of 4 / n in the log-odds. Games here: 400 and one virtual.
    assert width(100) == pytest.approx(2 * 1.96 * 400 / math.log(10) * math.sqrt(4 / 401), rel=4e-3)
    assert width(400) == pytest.approx(width(100) / 2, rel=4e-3)


def test_order_of_the_results_changes_nothing() -> None:
    results = _tournament(ELO, ALL_PAIRS, games=37, first_move=20.0)
    mirrored = [MatchResult(r.opponent, r.player, r.as_second[::-1], r.as_first[::-1]) for r in results]
    reference = fit_ratings(results)
    rng = default_rng(1)
    for _ in range(5):
        mixed = [results[i] if rng.random() < 0.5 else mirrored[i] for i in rng.permutation(len(results))]
        assert fit_ratings(mixed) == reference


def test_match_in_pieces_is_the_same_match() -> None:
    whole = [MatchResult("a", "random", (8, 2, 0), (6, 0, 4))]
    pieces = [
        MatchResult("a", "random", (5, 2, 0), (1, 0, 4)),
        MatchResult("a", "random", (3, 0, 0), (5, 0, 0)),
    ]
    assert fit_ratings(whole) == fit_ratings(pieces)


@pytest.mark.parametrize("rating", [1000.0, 0.0, 2500.0])
def test_anchor_stays_where_it_is_and_shifts_all(rating: float) -> None:
    results = _tournament(ELO, ALL_PAIRS, games=50)
    anchored = fit_ratings(results, anchor="b", anchor_rating=rating).elo
    assert (anchored["b"].elo, anchored["b"].low, anchored["b"].high) == (rating, rating, rating)
    reference = fit_ratings(results).elo
    for name in ELO:
        shift = reference[name].elo - reference["b"].elo
        assert anchored[name].elo == pytest.approx(rating + shift, abs=0.05)


def _only(first: Counts, second: Counts) -> Ratings:
    return fit_ratings([MatchResult("a", "random", first, second)])


def test_a_clean_sweep_is_finite_and_sensible() -> None:
    ratings = _only((100, 0, 0), (100, 0, 0))
    rating = ratings.elo["a"]
    assert rating.elo == pytest.approx(1000 + 400 * math.log10(200.5 / 0.5), abs=1)
    assert ratings.first_move_elo == pytest.approx(0, abs=1e-3)
    assert 1400 < rating.low < rating.elo < rating.high == math.inf
    mirrored = _only((0, 0, 100), (0, 0, 100)).elo["a"]
    assert mirrored.elo == pytest.approx(2000 - rating.elo, abs=1e-3)
    assert rating.elo > _only((10, 0, 0), (10, 0, 0)).elo["a"].elo > 1300
    assert rating.elo > _only((100, 0, 0), (99, 0, 1)).elo["a"].elo


def test_first_move_term_takes_what_the_colour_decides() -> None:
    ratings = _only((100, 0, 0), (0, 0, 100))
    assert ratings.elo["a"].elo == pytest.approx(1000, abs=1e-3)
    assert ratings.first_move_elo > 900
    assert _only((0, 0, 100), (100, 0, 0)).first_move_elo == pytest.approx(-ratings.first_move_elo, abs=1e-3)


def test_draw_is_half_a_win_and_half_a_loss() -> None:
    drawn, split = _only((10, 20, 0), (10, 20, 0)), _only((20, 0, 10), (20, 0, 10))
    assert drawn == split


def test_many_sweeps_against_random_do_not_press_down_a_long_chain() -> None:
    """Each checkpoint beats its predecessor, and all of them win every game against random."""
    elo = {"random": 1000.0, **{f"step-{i}": 1000.0 + 60 * i for i in range(1, 41)}}
    chain = [(f"step-{i}", f"step-{i - 1}") for i in range(2, 41)]
    pairs = [(name, "random") for name in elo if name != "random"] + chain
    ratings = fit_ratings(_tournament(elo, pairs, games=100, first_move=-40.0))
    last = ratings.elo["step-40"]
    assert last.low < elo["step-40"] < last.high
    assert last.elo == pytest.approx(elo["step-40"], abs=250)
    assert ratings.first_move_elo == pytest.approx(-40, abs=12)


def test_players_without_a_chain_of_games_to_the_anchor_are_unknown_but_finite() -> None:
    connected = MatchResult("a", "random", (60, 0, 40), (60, 0, 40))
    ratings = fit_ratings([connected, MatchResult("x", "y", (60, 0, 40), (60, 0, 40))])
    x, y, a = (ratings.elo[name] for name in ("x", "y", "a"))
    assert (x.elo + y.elo) / 2 == pytest.approx(1000, abs=1)
    assert x.elo - y.elo == pytest.approx(a.elo - 1000, abs=0.5)
    assert x.high - x.low > 10_000 > 200 > a.high - a.low
    assert a.elo == pytest.approx(fit_ratings([connected]).elo["a"].elo, abs=1)


def test_degenerate_input() -> None:
    nothing = fit_ratings([])
    assert list(nothing.elo) == ["random"]
    assert (nothing.elo["random"].elo, nothing.first_move_elo) == (1000.0, 0.0)
    alone = fit_ratings([MatchResult("random", "random", (60, 0, 40), (40, 0, 60))])
    assert alone.elo["random"].elo == 1000.0
    assert alone.first_move_elo == pytest.approx(400 * math.log10(1.5), abs=1)


def test_agrees_with_a_gradient_free_fit_of_the_plain_likelihood() -> None:
    """With many games the priors vanish, and any other way to the maximum must lead to the same place."""
    elo = {"random": 1000.0, "a": 1100.0, "b": 1250.0}
    results = _tournament(elo, [("a", "random"), ("b", "random"), ("b", "a")], games=50_000, first_move=30.0)

    def loss(x: np.ndarray) -> float:
        rating = {"random": 0.0, "a": x[0], "b": x[1]}
        total = 0.0
        for r in results:
            difference = rating[r.player] - rating[r.opponent]
            for counts, advantage in ((r.as_first, difference + x[2]), (r.as_second, difference - x[2])):
                expected = 1 / (1 + 10 ** (-advantage / 400))
                won, lost = counts[0] + counts[1] / 2, counts[2] + counts[1] / 2
                total -= won * math.log(expected) + lost * math.log(1 - expected)
        return total

    options = {"xatol": 1e-4, "fatol": 1e-6, "maxiter": 2000}
    reference = optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options=options).x
    ratings = fit_ratings(results)
    found = [ratings.elo["a"].elo - 1000, ratings.elo["b"].elo - 1000, ratings.first_move_elo]
    assert found == pytest.approx(reference, abs=0.05)


def _run(evaluations: int) -> list[MatchResult]:
    """The games of a run: every checkpoint meets random, two anchors and the one before."""
    elo = {"random": 1000.0, "weak": 1450.0, "strong": 2150.0}
    elo |= {f"step-{i}": 3000 - 2000 / (1 + 10 * i / evaluations) for i in range(evaluations)}
    pairs = [("weak", "random"), ("strong", "weak")]
    for i in range(evaluations):
        pairs += [(f"step-{i}", opponent) for opponent in ("random", "weak", "strong")]
        pairs += [(f"step-{i}", f"step-{i - 1}")] if i else []
    return _tournament(elo, pairs, games=25, first_move=-80.0)


def test_the_sparse_fit_finds_what_a_dense_one_finds() -> None:
    results = _run(60)
    found = fit_ratings(results)
    names = sorted(found.elo)
    tally = module.with_virtual_draws(tally_results(results, {n: i for i, n in enumerate(names)}), len(names))
    design = np.zeros((len(tally), len(names) + 1))
    for row, (first, second) in enumerate(tally):
        design[row, [first, second, -1]] = 1, -1, 1
    design = np.delete(design, names.index("random"), axis=1)
    points, games = np.array(list(tally.values())).T
    x, prior = np.zeros(design.shape[1]), (module.ELO_PER_LOGIT / module.PRIOR_ELO) ** 2
    for _ in range(60):
        expected = 1 / (1 + np.exp(-design @ x))
        curvature = design.T @ ((games * expected * (1 - expected))[:, None] * design) + prior * np.eye(
            len(x)
        )
        step = np.linalg.solve(curvature, design.T @ (points - games * expected) - prior * x)
        x += step / max(1, np.abs(step).max())
    elo = 1000 + module.ELO_PER_LOGIT * np.insert(x[:-1], names.index("random"), 0)
    assert [found.elo[name].elo for name in names] == pytest.approx(elo, abs=1e-6)
    assert found.first_move_elo == pytest.approx(module.ELO_PER_LOGIT * x[-1], abs=1e-6)


def test_a_long_run_is_rated() -> None:
    found = fit_ratings(_run(300))
    assert found.elo["step-299"].low < 2818 < found.elo["step-299"].high
