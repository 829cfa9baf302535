import pytest

from pylos.arena.counts import MatchCounts
from pylos.arena.results import MatchResult

PAIRINGS = [("a", "random"), ("a", "b")]


def test_games_of_several_ranks_add_up():
    ranks = [MatchCounts(PAIRINGS) for _ in range(3)]
    ranks[0].update(
        [MatchResult("a", "b", (1, 0, 2), (0, 0, 3)), MatchResult("a", "random", (3, 0, 0), (2, 1, 0))]
    )
    ranks[1].update([MatchResult("a", "b", (0, 0, 0), (1, 0, 0))])
    ranks[1].update([MatchResult("a", "b", (0, 1, 0), (0, 0, 0))])
    ranks[2].update([])
    for rank in ranks[1:]:
        ranks[0].merge_state(rank)
    assert ranks[0].results() == [
        MatchResult("a", "random", (3, 0, 0), (2, 1, 0)),
        MatchResult("a", "b", (1, 1, 2), (1, 0, 3)),
    ]


def test_a_match_that_nobody_expects():
    with pytest.raises(ValueError, match="not in list"):
        MatchCounts(PAIRINGS).update([MatchResult("b", "a", (1, 0, 0), (0, 0, 0))])
