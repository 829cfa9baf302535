import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

from pylos.arena.results import MatchResult, interval_text, strength_label, wilson_interval
from pylos.errors import CheckpointError, PylosError

RESULT = MatchResult("a", "b", as_first=(92, 2, 6), as_second=(98, 0, 2))


def test_totals_and_score() -> None:
    assert (RESULT.wins, RESULT.draws, RESULT.losses, RESULT.games) == (190, 2, 8, 200)
    assert RESULT.score == 191 / 200
    assert str(RESULT) == "a vs b: 0.955 [0.92, 0.98] (190 wins, 2 draws, 8 losses; first 0.93, second 0.98)"
    only_first = MatchResult("a", "b", (0, 1, 0), (0, 0, 0))
    assert str(only_first).endswith("(0 wins, 1 draws, 0 losses; first 0.50, second -)")


@pytest.mark.parametrize(("wins", "games"), [(0, 1), (1, 1), (3, 10), (50, 100), (199, 200), (200, 200)])
def test_wilson_agrees_with_scipy(wins: int, games: int) -> None:
    reference = stats.binomtest(wins, games).proportion_ci(0.95, method="wilson")
    low, high = wilson_interval(wins / games, games)
    assert math.isclose(low, reference.low, abs_tol=1e-12)
    assert math.isclose(high, reference.high, abs_tol=1e-12)
    assert 0 <= low < high <= 1


def test_label_changes_exactly_at_its_bounds() -> None:
    bounds = {0.40: "Novice", 0.60: "Intermediate", 0.75: "Advanced", 0.90: "Expert"}
    assert strength_label(0.0) == "Beginner"
    below = "Beginner"
    for bound, name in bounds.items():
        assert strength_label(math.nextafter(bound, 0)) == below
        assert strength_label(bound) == name
        below = name
    assert strength_label(1.0) == "Expert"


def test_an_interval_has_an_open_end_where_nothing_is_known() -> None:
    assert interval_text(1350.4, 1474.6) == "[1350, 1475]"
    assert interval_text(0.0, None) == "[0, inf)"
    assert interval_text(None, 0.0) == "(-inf, 0]"


def test_json_round_trip() -> None:
    assert MatchResult.from_dict(json.loads(json.dumps(RESULT.to_dict()))) == RESULT


def _without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda values: {k: v for k, v in values.items() if k != key}


def _with(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda values: {**values, **changes}


@pytest.mark.parametrize(
    "spoil",
    [
        *(_without(key) for key in RESULT.to_dict()),
        _with(player=""),
        _with(opponent=3),
        _with(as_first=[1, 2]),
        _with(as_first=[1, 2, -1]),
        _with(as_first=[1, 2, 10**400]),
        _with(as_first=[1, 2, -(10**9999)]),
        _with(as_second=[1.0, 2, 3]),
        _with(as_second=[True, 2, 3]),
        _with(as_second="123"),
        _with(as_second=None),
        _with(as_first=[0, 0, 0], as_second=[0, 0, 0]),
        _with(extra=1),
        lambda values: list(values),
        lambda values: None,
    ],
)
def test_from_dict_refuses_nonsense_in_one_line(spoil: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(CheckpointError) as caught:
        MatchResult.from_dict(spoil(RESULT.to_dict()))
    assert isinstance(caught.value, PylosError)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_constructor_refuses_a_match_without_games() -> None:
    with pytest.raises(ValueError, match="at least one game"):
        MatchResult("a", "b", (0, 0, 0), (0, 0, 0))
