from __future__ import annotations

from pylos.arena.results import MatchResult
from pylos.arena.tally import as_pairs, tally_results

INDEX = {"a": 0, "b": 1, "c": 2}


def test_games_are_summed_by_who_moved_first_and_points_are_those_of_the_first() -> None:
    results = [
        MatchResult("b", "a", as_first=(5, 2, 1), as_second=(3, 0, 1)),
        MatchResult("a", "b", as_first=(1, 1, 0), as_second=(0, 0, 0)),
        MatchResult("c", "c", as_first=(2, 0, 1), as_second=(1, 0, 2)),
    ]
    tally = tally_results(results, INDEX)
    assert tally == {
        (0, 1): (1 + 1.5, 4 + 2),  # b lost one game as second, and a won one and drew one as first
        (1, 0): (6.0, 8),
        (2, 2): (4.0, 6),
    }
    assert list(tally) == sorted(tally)


def test_pairs_have_the_content_of_the_tally_in_its_order() -> None:
    pairs = as_pairs({(1, 0): (6.0, 8), (0, 1): (2.5, 6)})
    assert [column.tolist() for column in pairs] == [[1, 0], [0, 1], [6.0, 2.5], [8.0, 6.0]]
    assert [column.dtype.kind for column in pairs] == ["i", "i", "f", "f"]
    assert [column.shape for column in as_pairs({})] == [(0,)] * 4
