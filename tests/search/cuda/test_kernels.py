"""The trees that grow on a simulated device: every array is that of the host, to the last bit."""

import numpy as np
import pytest

from pylos.game.rules import RULES
from pylos.search.options import SearchOptions
from pylos.search.tree import new_tree
from tests.support.cuda_compilation import compiled
from tests.support.cuda_searches import on_device, on_host, positions_of
from tests.support.cuda_simulator import simulated

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


def test_kernels_compile_for_an_h100_without_spills_and_all_threads_of_a_large_search_fit():
    """65,536 games are 496 threads for each of 132 multiprocessors, which have 65,536 registers each."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")
    from pylos.search.cuda import kernels

    code, simulations, games, width = RULES["standard"], 3, 2, 107
    tree = new_tree(games, simulations)
    rows = kernels.Rows(
        positions=np.zeros(games, np.int64),
        keys=np.zeros(games, np.int64),
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
        "select": (tree, rows, code, True, 1.5, 0.25),
        "expand": (tree, rows, code),
        "add_root_noise": (tree, rows, 0.3, 0.25),
        "conclude": (tree, rows, True),
    }
    for name, given in arguments.items():
        found = compiled(getattr(kernels, name), given)
        assert found.spilled == 0, name
        assert found.registers <= 128, name
