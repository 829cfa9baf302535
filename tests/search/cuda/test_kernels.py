"""The trees that grow on a simulated device: every array is that of the host, to the last bit."""

import numpy as np
import pytest

from pylos.search.options import SearchOptions
from tests.support.cuda_searches import on_device, on_host, positions_of
from tests.support.cuda_simulator import simulated

ROOTS = {
    "gumbel": {"root": "gumbel", "gumbel_scale": 1.0},
    "gumbel without noise": {"root": "gumbel"},
    "puct": {"dirichlet_fraction": 0.25},
    "puct without noise": {},
}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("rules", ["standard", "mature-optional", "children", "mini-standard"])
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
