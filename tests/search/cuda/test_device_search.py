"""Searches on a simulated device, and on a real one where there is one."""

import numpy as np
import pytest

from pylos.errors import ConfigurationError
from pylos.game.rules import MAX_LEGAL_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.search.options import SearchOptions
from pylos.search.search import Search, SearchResult
from tests.support.cuda_searches import (
    HashedObservations,
    by_graphs,
    by_network,
    errors_of_broken_networks,
    errors_without_memory,
    found_after_interrupts,
    in_turn,
    on_device,
    on_host,
    positions_of,
    refusals,
)
from tests.support.cuda_simulator import simulated
from tests.support.evaluators import small_network
from tests.support.searches import late_boards, running_boards, soon_again

GUMBEL = SearchOptions(simulations=10, root="gumbel", gumbel_scale=1.0)
PUCT = SearchOptions(simulations=10, dirichlet_fraction=0.25)


def same(one: SearchResult, other: SearchResult) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("options", [GUMBEL, PUCT], ids=["gumbel", "puct"])
def test_fewer_positions_than_rows_and_earlier_searches_change_nothing(options):
    positions, keys = positions_of("standard", 4, 4), np.arange(8)
    searches = [(positions[rows], keys[rows]) for rows in (slice(0, 8), slice(5, 7), slice(2, 6))]
    found = simulated(on_device, "standard", options, searches)
    for (given, of), (_, result, _) in zip(searches, found, strict=True):
        assert same(result, on_host("standard", options, given, of)[1])


@pytest.mark.parametrize("options", [GUMBEL, PUCT], ids=["gumbel", "puct"])
def test_a_tree_that_lacks_room_is_searched_again_and_finds_the_same(options):
    room, boards, keys = 150, running_boards("standard", 6) + late_boards("standard", 3), np.arange(9)
    positions, history = np.array([board.position for board in boards]), soon_again(boards)
    tree, expected = on_host("standard", options, positions, keys, history)
    # Room is kept for as many edges as a node can have.
    again = np.count_nonzero(tree.first_edge.max(axis=1) + MAX_LEGAL_ACTIONS > room)
    assert 2 < again < 9
    [(found, result, calls)] = simulated(
        on_device, "standard", options, [(positions, keys, history)], room=room, spare=3
    )
    assert same(result, expected)
    assert found["edge_count"].max() <= room
    assert calls == 11 * (1 + -(-again // 3))


def test_two_searches_may_be_under_way_and_a_result_outlives_the_start_of_the_next():
    positions = positions_of("standard", 4, 4)
    found = simulated(in_turn, "standard", GUMBEL, positions)
    expected = on_host("standard", GUMBEL, positions, np.arange(8))[1]
    halves = [SearchResult(*(array[rows] for array in expected)) for rows in (slice(0, 4), slice(4, 8))]
    assert [same(*pair) for pair in zip(found["results"], (*halves, halves[1]), strict=True)] == [True] * 3
    assert found["kept"]
    search = Search(4, RULES["standard"], GUMBEL)
    chosen = search.choose(positions[:4], HashedObservations("standard"), np.arange(4))
    assert np.array_equal(found["chosen"], chosen)
    changed = search.run(positions[:4], HashedObservations("standard", sharp=1), np.arange(4))
    assert np.array_equal(found["changed"], changed.weights)
    assert not np.array_equal(found["changed"], halves[0].weights)


@pytest.mark.parametrize(
    ("per_graph", "graphs"),
    [(128, [(1, 10)]), (10, [(1, 10)]), (4, [(1, 2), (0, 4)]), (1, [(1, 1), (0, 1)])],
)
def test_graphs_of_any_size_make_all_simulations(per_graph, graphs):
    """What CUDA graphs would hold is done at each replay: their number, their content and their order are real."""
    positions = positions_of("standard", 3, 1)
    captured, result = simulated(by_graphs, "standard", GUMBEL, positions, per_graph)
    assert [(graph.count("begin"), graph.count("simulate")) for graph in captured] == graphs
    assert same(result, on_host("standard", GUMBEL, positions, np.arange(4))[1])


def test_a_network_is_asked_and_answers_as_on_the_host():
    positions = positions_of("standard", 6, 2)
    evaluate = NetworkEvaluator(small_network(), RULES["standard"], "cpu", "float32")
    expected = Search(8, RULES["standard"], GUMBEL).run(positions, evaluate, np.arange(8))
    assert same(simulated(by_network, GUMBEL, positions), expected)


def test_a_network_without_numbers_is_refused_and_the_next_one_searches():
    said = simulated(errors_of_broken_networks, [np.nan, 1, np.inf])
    assert said[1] == ""
    for error in (said[0], said[2]):
        assert error.startswith("the network gives values or policies that are not finite numbers")


def test_a_search_whose_start_was_interrupted_finds_nothing():
    assert simulated(found_after_interrupts) == [0, 4, 0]


def test_a_device_without_memory_for_trees_says_what_to_lower():
    expected = "no memory left on cpu for searches: lower parallel_games or simulations"
    assert simulated(errors_without_memory) == [expected] * 2


def test_more_positions_than_there_is_room_for_are_refused():
    assert simulated(refusals) == [
        "there is room for 2 positions, not for 3",
        "there is room for 3 earlier positions, not for 4",
    ]


def test_what_cannot_search_says_why():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")
    from pylos.search.cuda.device_search import DeviceSearch

    with pytest.raises(ConfigurationError, match="cannot run on cpu: searches live on CUDA devices"):
        DeviceSearch(2, RULES["standard"], GUMBEL, "cpu")


# On a device ---------------------------------------------------------------------------------------------------

DEVICE_OPTIONS = [
    SearchOptions(simulations=64, root="gumbel", gumbel_scale=1.0),
    SearchOptions(simulations=64, dirichlet_fraction=0.25),
]


@pytest.mark.gpu
@pytest.mark.parametrize("options", DEVICE_OPTIONS, ids=["gumbel", "puct"])
@pytest.mark.parametrize("rules", ["standard", "mature", "children", "mini-standard"])
def test_trees_on_a_gpu_are_nearly_always_those_of_the_host(rules, options):
    """Both round differently in the last bit, so that a few decisions between nearly equal actions differ."""
    positions, keys = positions_of(rules, 200, 56), np.arange(256)
    tree, expected = on_host(rules, options, positions, keys)
    [(found, result, _)] = on_device(rules, options, [(positions, keys)], "cuda")
    nodes = np.arange(65) < tree.node_count[:256, None]
    alike = ((found["position"] == tree.position[:256]) | ~nodes).all(axis=1)
    assert alike.mean() > 0.97
    assert np.abs(result.values - expected.values)[alike].max() < 1e-3
    assert np.abs(result.surprises - expected.surprises)[alike].max() < 1e-3
    assert (result.actions == expected.actions)[alike].mean() > 0.99


@pytest.mark.gpu
@pytest.mark.parametrize("options", DEVICE_OPTIONS, ids=["gumbel", "puct"])
def test_a_gpu_finds_the_same_bits_whatever_else_it_searches_and_however_it_is_told(options):
    positions, keys = positions_of("standard", 200, 56), np.arange(256)
    part = slice(100, 180)
    searches = [(positions, keys), (positions[part], keys[part]), (positions, keys)]
    whole, few, again = (result for _, result, _ in on_device("standard", options, searches, "cuda"))
    assert same(whole, again)
    assert same(few, SearchResult(*(array[part] for array in whole)))
    ways = {"simulations_per_graph": 1}, {"simulations_per_graph": 24}, {"by_column": True}, {"room": 300}
    for way in ways:
        [(_, result, _)] = on_device("standard", options, searches[:1], "cuda", **way)
        assert same(result, whole), way


@pytest.mark.gpu
def test_two_searches_on_a_gpu_do_not_disturb_each_other():
    positions = positions_of("standard", 200, 56)
    found = in_turn("standard", DEVICE_OPTIONS[0], positions, "cuda")
    alone = on_device("standard", DEVICE_OPTIONS[0], [(positions, np.arange(256))], "cuda")[0][1]
    for result, rows in zip(found["results"], (slice(0, 128), slice(128, 256), slice(128, 256)), strict=True):
        assert same(result, SearchResult(*(array[rows] for array in alone)))
    assert found["kept"]


@pytest.mark.gpu
def test_a_gpu_refuses_a_network_without_numbers():
    said = errors_of_broken_networks([np.nan, 1, np.inf], "cuda")
    assert [bool(error) for error in said] == [True, False, True]
