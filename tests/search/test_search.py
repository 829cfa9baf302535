"""What rows, threads and earlier searches may and may not change, and what a search sends to its evaluator."""

import threading

import numpy as np
import pytest

from pylos.game.rules import RULES
from pylos.search.options import SearchOptions
from pylos.search.root import pick_actions
from pylos.search.search import Search
from tests.support.evaluators import hashed
from tests.support.searches import late_boards, row_weights, running_boards, search


def test_a_row_depends_on_nothing_but_its_position_and_key():
    boards = running_boards("standard", 9)
    options = SearchOptions(simulations=50, dirichlet_fraction=0.25)
    result = search(boards, options)
    expected = [(row_weights(result, row), result.values[row]) for row in range(9)]
    for order, games in ([8, 2, 5], 3), ([2, 8, 2, 0], 16), ([5], 9):
        other = search([boards[i] for i in order], options, keys=np.array(order), games=games)
        for row, i in enumerate(order):
            assert (row_weights(other, row), other.values[row]) == expected[i]


def test_a_search_is_the_same_whatever_it_searched_before():
    boards, others = running_boards("mature", 4), late_boards("mature", 4)
    room = Search(4, RULES["mature"], SearchOptions(simulations=40))
    first, _, again = (
        room.run(np.array([b.position for b in group]), hashed, np.arange(4))
        for group in (boards, others, boards)
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("active", [1, 4, 5, 9, 11])
def test_threads_and_idle_rows_do_not_change_results(active):
    boards = running_boards("standard", 11)[:active]
    options = SearchOptions(simulations=40, dirichlet_fraction=0.25)
    alone = search(boards, options)
    shared = search(boards, options, games=11, threads=3)
    assert all((a == b).all() for a, b in zip(alone, shared, strict=True))


def test_batches_hold_the_leaves_that_wait_padded_to_a_multiple_of_eight():
    sizes = []

    def evaluate(positions):
        sizes.append(len(positions))
        return hashed(positions)

    search(running_boards("standard", 11), SearchOptions(simulations=10), evaluate, games=11)
    assert sizes == [16] * 11
    sizes.clear()
    search(running_boards("standard", 20), SearchOptions(simulations=10), evaluate, games=40, threads=2)
    assert sorted(sizes) == [16] * 22  # ten leaves in each of two threads
    sizes.clear()
    search(running_boards("standard", 3), SearchOptions(simulations=10), evaluate, games=40, threads=2)
    assert sizes == [8] * 11  # too few leaves to share


def test_more_positions_than_there_is_room_for_are_refused():
    with pytest.raises(ValueError, match="room for 2 positions, not for 3"):
        search(running_boards("standard", 3), games=2)


def test_choosing_takes_an_action_of_the_greatest_weight_and_the_keys_decide_between_several():
    positions = np.array([board.position for board in running_boards("standard", 40)])
    room, keys = Search(40, RULES["standard"], SearchOptions(simulations=9)), np.arange(40) + 5
    chosen = room.choose(positions, hashed, keys)
    found = room.run(positions, hashed, keys)
    weights = np.where(found.actions == chosen[:, None], found.weights, 0)
    assert np.array_equal(weights.max(1), found.weights.max(1))
    assert np.array_equal(chosen, pick_actions(found.actions, found.weights, keys, keys > 0))
    assert not np.array_equal(chosen, room.choose(positions, hashed, keys + 1000))


def test_an_exception_in_a_thread_ends_the_others_and_the_search_can_be_used_again():
    positions = np.array([board.position for board in running_boards("standard", 16)])
    room = Search(16, RULES["standard"], SearchOptions(simulations=1000), threads=2)
    other_began, others = threading.Event(), []

    def evaluate(leaves):
        if leaves[0] == positions[0]:  # the first call of the first thread
            other_began.wait(60)
            raise KeyboardInterrupt
        other_began.set()
        others.append(len(leaves))
        return hashed(leaves)

    with pytest.raises(KeyboardInterrupt):
        room.run(positions, evaluate, np.arange(16))
    assert len(others) < 1000
    again, fresh = (
        each.run(positions, hashed, np.arange(16))
        for each in (room, Search(16, RULES["standard"], SearchOptions(simulations=1000)))
    )
    assert all((a == b).all() for a, b in zip(again, fresh, strict=True))
