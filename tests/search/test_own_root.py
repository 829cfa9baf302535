"""Root policies of one's own."""

import numpy as np
import pytest

from pylos.errors import ConfigurationError
from pylos.game.rules import RULES
from pylos.search import own_root as module
from pylos.search.options import SearchOptions
from pylos.search.own_root import RootPolicy, Roots, choose_by_scores, register_root, root_names
from pylos.search.simulation import expand
from pylos.search.tree import NO_EDGE, PROVEN_LOSS, ROOT, new_tree, start_trees
from tests.support.evaluators import hashed
from tests.support.searches import late_boards, row_weights, running_boards, search


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(module, "_registered", {})


def puct(roots: Roots) -> np.ndarray:
    """What the package does by itself, but for the value of actions without visits, which is 0 here."""
    total = roots.visits.sum(axis=1, keepdims=True) + 1
    return roots.values + 1.5 * np.sqrt(total) * roots.priors / (1 + roots.visits)


def test_simulations_begin_with_the_action_of_the_greatest_score():
    register_root("even", lambda roots: -roots.visits)
    boards = running_boards("standard", 9)
    found = search(boards, SearchOptions(simulations=60, root="even"))
    for row, board in enumerate(boards):
        visits = row_weights(found, row)
        if len(visits) > 1:  # not proven
            assert set(visits) <= set(board.legal_actions.tolist())
            assert max(visits.values()) - min(visits.values()) <= 1


def test_a_policy_sees_what_the_searches_have_found():
    seen = []

    def noting(roots):
        seen.append(roots)
        return puct(roots)

    register_root("noting", noting)
    boards = running_boards("standard", 4)
    search(boards, SearchOptions(simulations=30, root="noting"), keys=np.arange(4))
    assert [roots.simulation for roots in seen] == list(range(30))
    assert {roots.simulations for roots in seen} == {30}
    for roots in seen:
        assert roots.legal.sum(axis=1).tolist() == [len(board.legal_actions) for board in boards]
        assert np.allclose(roots.priors.sum(axis=1), 1, atol=1e-4)
        assert (roots.visits[~roots.legal] == 0).all()
        assert (abs(roots.values) <= 1).all()
        assert roots.keys.tolist() == [0, 1, 2, 3]
        assert (roots.visits.sum(axis=1) <= roots.simulation).all()
    assert seen[-1].visits.sum() > 0


def test_wins_and_losses_are_proven_as_with_other_roots():
    register_root("even", lambda roots: -roots.visits)
    boards = late_boards("standard", 12)
    even = search(boards, SearchOptions(simulations=400, root="even"))
    usual = search(boards, SearchOptions(simulations=400))
    proven = (abs(even.values) == 1) & (abs(usual.values) == 1)
    assert proven.any()
    assert (even.values[proven] == usual.values[proven]).all()


def test_an_action_that_a_policy_masks_comes_before_one_that_is_proven_to_lose():
    board, tree = running_boards("standard", 1)[0], new_tree(1, 8)
    leaves, edges = np.zeros(8, np.int64), np.full(1, NO_EDGE, np.int32)
    start_trees(tree, np.array([board.position]), RULES["standard"], leaves)
    expand(tree, 1, RULES["standard"], *hashed(leaves))
    first = tree.first_edge[0, ROOT]

    def chosen(policy: RootPolicy) -> int:
        choose_by_scores(policy, tree, 1, 0, 8, np.zeros(1, np.int64), edges)
        return edges[0] - first if edges[0] != NO_EDGE else NO_EDGE

    def only_the_first(roots: Roots) -> np.ndarray:
        return np.where(np.arange(roots.legal.shape[1]) == 0, 1, -np.inf)[None]

    assert chosen(only_the_first) == 0
    tree.edge_proven[0, first] = PROVEN_LOSS
    assert chosen(only_the_first) == 1
    tree.edge_proven[0, first : first + len(board.legal_actions)] = PROVEN_LOSS
    assert chosen(only_the_first) == NO_EDGE


def test_rows_and_threads_do_not_change_results():
    register_root("mine", puct)
    boards, options = running_boards("standard", 11), SearchOptions(simulations=30, root="mine")
    alone, shared = search(boards, options), search(boards, options, games=11, threads=3)
    assert all((a == b).all() for a, b in zip(alone, shared, strict=True))


def test_bad_policies_and_names_are_refused():
    register_root("flat", lambda roots: np.zeros(3))
    with pytest.raises(ConfigurationError, match=r"a root policy returns scores \[2, \d+\], not \[3\]"):
        search(running_boards("standard", 2), SearchOptions(simulations=2, root="flat"))
    register_root("divided", lambda roots: np.where(roots.visits, 0, np.nan))
    with pytest.raises(ConfigurationError, match="numbers as scores, not NaN"):
        search(running_boards("standard", 2), SearchOptions(simulations=2, root="divided"))
    with pytest.raises(ConfigurationError, match="choose another name"):
        register_root("gumbel", puct)
    assert root_names() == ("puct", "gumbel", "flat", "divided")
