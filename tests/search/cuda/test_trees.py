"""The memory of trees on a device."""

import pytest

from pylos.search.tree import most_edges, new_tree

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")

from pylos.search.cuda.trees import bytes_of_tree, usual_room


@pytest.mark.parametrize("simulations", [1, 2, 3, 16, 64, 800])
def test_there_is_room_for_the_edges_of_nearly_all_trees_and_never_more_than_for_all(simulations):
    room = usual_room(simulations)
    assert room <= most_edges(simulations)
    assert room == most_edges(simulations) or room >= 16 * (simulations + 1)


def test_the_bytes_of_a_tree_are_those_of_its_arrays():
    assert bytes_of_tree(8, 500) * 3 == sum(array.nbytes for array in new_tree(3, 8, room=500))
    assert bytes_of_tree(64, usual_room(64)) < 25_000
