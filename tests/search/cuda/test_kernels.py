"""The trees that grow on a simulated device: every array is that of the host, to the last bit."""

import numpy as np
import pytest

from pylos.game.rules import RULES
from pylos.search.history import History
from pylos.search.options import SearchOptions
from pylos.search.tree import new_tree
from tests.support.cuda_compilation import compiled
from tests.support.cuda_searches import on_device, on_host, positions_of
from tests.support.cuda_simulator import simulated
from tests.support.searches import running_boards, soon_again

ROOTS = {
    "gumbel": {"root": "gumbel", "gumbel_scale": 1.0},
    "gumbel without noise": {"root": "gumbel"},
    "puct": {"dirichlet_fraction": 0.25},
    "puct without noise": {},
}


CASES = [
    *(("standard", root) for root in ROOTS),
    ("mature-optional", "gumbel"),
    ("children", "puct"),
    ("mini-standard", "gumbel"),
]


@pytest.mark.parametrize(("rules", "root"), CASES)
def test_trees_and_results_equal_those_of_the_host(rules, root):
    options = SearchOptions(simulations=12, **ROOTS[root])
    positions, keys = positions_of(rules, 5, 5), np.arange(10) * 7 + 1
    tree, expected = on_host(rules, options, positions, keys)
    [(found, result, calls)] = simulated(on_device, rules, options, [(positions, keys)])
    for name, array in tree._asdict().items():
        counts = tree.edge_count if name.startswith("edge_") else tree.node_count
        for g in range(len(positions)):
            used = slice(counts[g]) if array.ndim == 2 else ()
            assert np.array_equal(found[name][g][used], array[g][used]), (name, g)
    for name, array in expected._asdict().items():
        assert np.array_equal(getattr(result, name), array), name
    assert calls == 13
    assert (tree.proven[:, 0] != 0).any()


@pytest.mark.parametrize("root", ["gumbel", "puct"])
def test_what_has_occurred_before_is_drawn_on_a_device_too(root):
    options = SearchOptions(simulations=16, draw_value=-0.25, **ROOTS[root])
    boards, keys = running_boards("mature", 8), np.arange(8)
    positions, history = np.array([board.position for board in boards]), soon_again(boards)
    tree, expected = on_host("mature", options, positions, keys, history)
    # The last search finds what is left of the longer histories of the first.
    known, unknown = (positions, keys, history), (positions[:5], keys[:5])
    plies = history.positions.shape[1]
    found = simulated(on_device, "mature", options, [known, unknown, known], plies=plies)
    for trees, result, _ in found[::2]:
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(result, expected, strict=True))
        assert np.array_equal(trees["node_count"], tree.node_count)
        assert np.array_equal(trees["leaf"], tree.leaf)
    assert np.array_equal(found[1][1].weights, on_host("mature", options, *unknown)[1].weights)
    drawn = (tree.num_edges == 0) & (np.arange(17) < tree.node_count[:, None])
    assert np.count_nonzero(drawn.any(axis=1)) > 3


def test_kernels_compile_for_an_h100_without_spills_and_all_threads_of_a_large_search_fit():
    """65,536 games are 496 threads for each of 132 multiprocessors, which have 65,536 registers each."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")
    from pylos.search.cuda import kernels

    code, simulations, games, width = RULES["standard"], 3, 2, 107
    tree = new_tree(games, simulations)
    rows = kernels.Rows(
        positions=np.zeros(games, np.int64),
        keys=np.zeros(games, np.int64),
        earlier=np.zeros((games, 200), np.int64, order="F"),
        counts=np.zeros(games, np.int64),
        state=np.zeros(games, np.int8),
        simulation=np.zeros(1, np.int64),
        considered=np.zeros((17, simulations), np.int32),
        noise=np.zeros((games, width)),
        observations=np.zeros((games, 184), np.float32),
        leaf_values=np.zeros(games, np.float32),
        log_policy=np.zeros((games, 303), np.float32),
        actions=np.zeros((games, width), np.int16),
        weights=np.zeros((games, width), np.int16),
        values=np.zeros(games, np.float32),
        surprises=np.zeros(games, np.float32),
    )
    arguments = {
        "draw_noise": (rows, 1.0),
        "plant": (tree, rows, code),
        "observe_leaves": (tree, rows, code),
        "select": (tree, rows, History(rows.earlier, rows.counts), code, True, 1.5, 0.25, 0.0),
        "expand": (tree, rows, code),
        "add_root_noise": (tree, rows, 0.3, 0.25),
        "conclude": (tree, rows, True),
    }
    for name, given in arguments.items():
        found = compiled(getattr(kernels, name), given)
        assert found.spilled == 0, name
        assert found.registers <= 128, name
