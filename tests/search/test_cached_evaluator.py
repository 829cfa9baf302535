"""A cached evaluator answers as the one behind it does, whatever is cached, and asks it as little as possible."""

import numpy as np
import pytest
import torch

from pylos.game.position import opponent_cells, own_cells, pack, take_backs
from pylos.game.rules import RULES
from pylos.game.symmetry import ACTION_SYMMETRY, NUM_SYMMETRIES, canonical, transform
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import pylos_network
from pylos.network.threads import single_threaded_torch
from pylos.search.cached_evaluator import CachedEvaluator
from pylos.search.options import SearchOptions
from pylos.search.search import Search
from pylos.selfplay.options import GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from tests.support.boards import random_game
from tests.support.evaluators import hashed

MATURE = RULES["mature"]


class Counting:
    """As `hashed`; keeps the batches that it was asked about."""

    def __init__(self):
        self.batches = []

    def __call__(self, positions):
        self.batches.append(positions.copy())
        return hashed(positions)


@pytest.fixture(scope="module")
def boards():
    games = (random_game("mature", steps, seed) for steps in range(4, 40) for seed in range(20))
    return [board for board in games if not board.is_over]


@pytest.fixture(scope="module")
def positions(boards):
    assert {board.pending for board in boards} == {0, 1, 2}
    assert {board.turn for board in boards} == {"white", "black"}
    return np.array([board.position for board in boards[: len(boards) // 8 * 8]])


@pytest.mark.parametrize("size", [0, 1, 40, 5000])
def test_answers_are_those_for_the_canonical_image_turned_back(boards, positions, size):
    evaluate = CachedEvaluator(hashed, MATURE, size)
    for _ in range(2):  # first from the evaluator, then, if there is room, from the cache
        values, log_policy = evaluate(positions)
        for row, (board, position) in enumerate(zip(boards, positions, strict=False)):
            image = canonical(np.array([position]))
            value, policy = hashed(image)
            assert values[row] == value[0]
            as_white = pack(own_cells(position), opponent_cells(position), take_backs(position), 0)
            ways = [s for s in range(NUM_SYMMETRIES) if transform(as_white, s) == image[0]]
            turned = [policy[0][ACTION_SYMMETRY[s][board.legal_actions]] for s in ways]
            assert any(np.array_equal(log_policy[row][board.legal_actions], one) for one in turned)


def test_what_is_in_the_cache_is_not_asked_again(positions):
    counting = Counting()
    evaluate = CachedEvaluator(counting, MATURE, 5000)
    evaluate(positions)
    asked = np.concatenate(counting.batches)
    assert set(asked[asked != 0]) == set(canonical(positions)) - {0}
    assert np.bincount(np.unique(asked[asked != 0], return_inverse=True)[1]).max() == 1
    images = np.array(
        [transform(int(p), s) for p, s in zip(positions, np.arange(len(positions)) % 8, strict=True)]
    )
    evaluate(images)
    assert len(counting.batches) == 1
    assert (evaluate.asked, evaluate.evaluated) == (2 * len(positions), len(asked))


def test_the_oldest_answers_are_forgotten_first(positions):
    positions = np.unique(canonical(positions))
    counting = Counting()
    evaluate = CachedEvaluator(counting, MATURE, len(positions) // 4)
    for first in range(0, len(positions) - 8, 8):
        evaluate(positions[first : first + 8])
    asked = len(counting.batches)
    evaluate(positions[first : first + 8])
    assert len(counting.batches) == asked
    evaluate(positions[:8])
    assert len(counting.batches) == asked + 1


def play(evaluate, threads):
    options = SearchOptions(simulations=12, dirichlet_fraction=0.25)
    searches = [Search(32, MATURE, options, threads)]
    selfplay = SelfPlay(searches, MATURE, options, GameOptions(), key=3)
    buffer = ReplayBuffer(5000, options.width)
    selfplay.play(40, evaluate, buffer)
    return buffer


@pytest.mark.parametrize("threads", [1, 2])
def test_self_play_is_the_same_to_the_last_bit_with_and_without(threads):
    torch.manual_seed(0)
    network = pylos_network(width=32, blocks=1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    with single_threaded_torch():
        judge = NetworkEvaluator(network, MATURE, "cpu", "float32")
        caches = [CachedEvaluator(judge, MATURE, size) for size in (0, 100, 100_000)]
        first, *others = [play(evaluate, threads) for evaluate in caches]
    assert len(first) > 500
    for buffer in others:
        assert buffer.added == first.added
        for ours, theirs in zip(buffer.samples, first.samples, strict=True):
            assert np.array_equal(ours, theirs)
    without, little, much = (cache.evaluated for cache in caches)
    assert much < little < without
    assert much < 0.8 * caches[2].asked
