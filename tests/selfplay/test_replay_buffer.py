"""The replay buffer: its batches against a plain-Python twin, which samples it keeps, and its state."""

import io
import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.notation import format_position
from pylos.game.rules import RULES
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer, deal_samples
from tests.support.boards import RULE_NAMES, random_game
from tests.twins import observation as twin_observation
from tests.twins import randomness as twin_randomness
from tests.twins import rules as twin_rules

WIDTH = 6


def _fill(buffer: ReplayBuffer, rules: str, count: int) -> None:
    """Adds samples as self-play does: sample number n goes to row n modulo capacity; its outcome is n / 1000."""
    samples, capacity = buffer.samples, buffer.capacity
    for number in range(buffer.added, buffer.added + count):
        row, board = number % capacity, _board(rules, number)
        visited = board.legal_actions[number % 3 :: 2][:WIDTH] if len(board.legal_actions) > 4 else [0]
        samples.positions[row] = board.position
        samples.actions[row] = 0
        samples.weights[row] = 0
        samples.actions[row, : len(visited)] = visited
        samples.weights[row, : len(visited)] = np.arange(len(visited)) * 7 + number % 5 + 1
        samples.outcomes[row] = number / 1000
        samples.games[row], samples.plies[row] = number // 10, number % 10
        samples.surprises[row] = number % 4 * 3
        samples.values[row] = -number / 500
    buffer.added += count


def _board(rules: str, number: int) -> Board:
    return random_game(rules, number % 41, number)


def _buffer(rules: str = "standard", capacity: int = 30, count: int = 30) -> ReplayBuffer:
    buffer = ReplayBuffer(capacity, WIDTH)
    _fill(buffer, rules, count)
    return buffer


def _twin_draw(buffer: ReplayBuffer, key: int, weight: float) -> int:
    for attempt in itertools.count():
        i = twin_randomness.draw_below(key, 2 * attempt, len(buffer))
        surprise = min(float(buffer.samples.surprises[i]), 7.0)
        accepted = ((twin_randomness.draw(key, 2 * attempt + 1) >> 10) + 0.5) / 2**53
        if accepted * (1 + 6 * weight) <= 1 + weight * (surprise - 1):
            return i
    raise AssertionError


def _twin_row(
    buffer: ReplayBuffer, rules: str, key: int, weight: float, mix: float, b: int
) -> tuple[list, dict, set, float]:
    i = _twin_draw(buffer, twin_randomness.draw(key, b), weight)
    actions, visits = buffer.samples.actions[i].tolist(), buffer.samples.weights[i].tolist()
    game = twin_rules.parse(format_position(int(buffer.samples.positions[i])))
    policy = {a: n / sum(visits) for a, n in zip(actions, visits, strict=True) if n}
    legal = {twin_rules.action_id(action) for action in twin_rules.legal(game, rules)}
    outcome, value = float(buffer.samples.outcomes[i]), float(buffer.samples.values[i])
    return twin_observation.observe(game, rules), policy, legal, outcome + mix * (value - outcome)


@pytest.mark.parametrize("rules", RULE_NAMES)
@pytest.mark.parametrize(("weight", "mix"), [(0.0, 0.0), (0.5, 0.25)])
def test_a_batch_equals_its_twin(rules, weight, mix):
    buffer = _buffer(rules, capacity=60, count=50)
    batch = buffer.batch(64, RULES[rules], key=5, surprise_weight=weight, value_mix=mix)
    for b in range(64):
        observation, policy, legal, outcome = _twin_row(buffer, rules, 5, weight, mix, b)
        assert batch.observations[b].tolist() == np.array(observation, np.float32).tolist()
        assert {a: batch.policy[b, a].item() for a in batch.policy[b].nonzero()[:, 0].tolist()} == (
            pytest.approx(policy, abs=1e-6)
        )
        assert set(batch.legal[b].nonzero()[:, 0].tolist()) == legal
        assert batch.outcomes[b].item() == pytest.approx(outcome, abs=1e-6)


def test_a_batch_has_the_shapes_and_types_that_training_expects():
    batch = _buffer().batch(7, RULES["standard"], key=0)
    shapes = [(tensor.shape, tensor.dtype) for tensor in batch]
    float32 = torch.float32
    assert shapes == [((7, 184), float32), ((7, 303), float32), ((7, 303), torch.bool), ((7, 1), float32)]
    assert torch.allclose(batch.policy.sum(1), torch.ones(7))


def _same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_key_names_a_batch():
    first, second = _buffer(), _buffer()
    assert _same(first.batch(16, 1, key=3), second.batch(16, 1, key=3))
    assert not _same(first.batch(16, 1, key=3), first.batch(16, 1, key=4))


def test_samples_are_drawn_uniformly():
    batch = _buffer(capacity=40, count=20).batch(8000, RULES["standard"], key=1)
    drawn = (batch.outcomes[:, 0] * 1000).round().int().numpy()
    assert stats.chisquare(np.bincount(drawn, minlength=20)).pvalue > 0.001


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_surprising_samples_are_drawn_more_often(weight):
    buffer = _buffer(capacity=40, count=20)
    batch = buffer.batch(8000, RULES["standard"], key=1, surprise_weight=weight)
    drawn = np.bincount((batch.outcomes[:, 0] * 1000).round().int().numpy(), minlength=20)
    expected = 1 - weight + weight * np.minimum(np.arange(20) % 4 * 3, 7)
    assert not drawn[expected == 0].any()
    drawn, expected = drawn[expected > 0], expected[expected > 0]
    assert stats.chisquare(drawn, 8000 * expected / expected.sum()).pvalue > 0.001


def test_where_nothing_was_surprising_samples_are_drawn_all_the_same():
    buffer = _buffer(capacity=40, count=20)
    buffer.samples.surprises[:] = 0
    drawn = (buffer.batch(200, 1, key=1, surprise_weight=1.0).outcomes[:, 0] * 1000).round().int().numpy()
    assert len(set(drawn.tolist())) > 15


def _numbers(buffer: ReplayBuffer) -> list[int]:
    """The numbers of the samples in the buffer; checks that their positions are the right ones."""
    positions, outcomes = (getattr(buffer.samples, name)[: len(buffer)] for name in ("positions", "outcomes"))
    numbers = np.rint(outcomes * 1000).astype(int).tolist()
    assert positions.tolist() == [_board("standard", number).position for number in numbers]
    return sorted(numbers)


def test_the_oldest_samples_are_overwritten():
    buffer = ReplayBuffer(10, WIDTH)
    assert len(buffer) == 0
    for added in (4, 10, 13, 27):
        _fill(buffer, "standard", added - buffer.added)
        assert len(buffer) == min(added, 10)
        assert _numbers(buffer) == list(range(max(0, added - 10), added))


def _saved(buffer: ReplayBuffer) -> dict:
    """The state, saved to a file that may hold only tensors and plain values, and read again."""
    file = io.BytesIO()
    torch.save(buffer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("count", [0, 7, 10, 27])
def test_the_state_brings_everything_back(count):
    buffer, other = _buffer(capacity=10, count=count), ReplayBuffer(10, WIDTH)
    other.load_state_dict(_saved(buffer))
    assert other.added == buffer.added == count
    assert all((a == b).all() for a, b in zip(buffer.samples, other.samples, strict=True))
    for each in (buffer, other):
        _fill(each, "standard", 5)
    assert _same(buffer.batch(50, 1, key=8), other.batch(50, 1, key=8))


@pytest.mark.parametrize("count", [3, 10, 27])
@pytest.mark.parametrize("capacity", [4, 9, 11, 25, 100])
def test_a_buffer_of_another_capacity_takes_the_newest_that_fit(count, capacity):
    buffer, other = _buffer(capacity=10, count=count), ReplayBuffer(capacity, WIDTH)
    other.load_state_dict(_saved(buffer))
    held = min(count, 10, capacity)
    assert _numbers(other) == list(range(count - held, count))
    for _ in range(12):  # further samples overwrite the oldest
        row = other.added % capacity
        other.samples.positions[row] = _board("standard", 999).position
        other.samples.outcomes[row] = 0.999
        other.added += 1
        held = min(held + 1, capacity)
        numbers = _numbers(other)
        fresh = numbers.count(999)
        assert len(numbers) == held
        assert numbers[: held - fresh] == list(range(count - held + fresh, count))


def test_a_wider_buffer_takes_the_samples_and_a_narrower_one_refuses():
    buffer, wider = _buffer(), ReplayBuffer(30, WIDTH + 3)
    wider.samples.actions[:] = 77  # nothing of this may be left
    wider.samples.weights[:] = 77
    wider.load_state_dict(_saved(buffer))
    assert _same(wider.batch(50, 1, key=2), buffer.batch(50, 1, key=2))
    with pytest.raises(ConfigurationError, match="as many simulations"):
        ReplayBuffer(30, WIDTH - 1).load_state_dict(_saved(buffer))


def test_nothing_is_drawn_from_an_empty_buffer():
    with pytest.raises(ConfigurationError, match="empty"):
        ReplayBuffer(10, WIDTH).batch(4, RULES["standard"], key=0)


def test_impossible_sizes_are_refused():
    with pytest.raises(ConfigurationError, match="at least 1"):
        ReplayBuffer(0, WIDTH)
    with pytest.raises(ConfigurationError, match="GB"):
        ReplayBuffer(10**14, 100)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_buffers_are_dealt_anew_without_losing_a_sample(ranks):
    full, partly = _buffer(count=70), _buffer(count=7)
    states = [full.state_dict(), partly.state_dict(), _buffer(count=0).state_dict()]
    dealt = [deal_samples(states, rank, ranks) for rank in range(ranks)]
    sizes = [len(state["positions"]) for state in dealt]
    assert sum(sizes) == 37
    assert max(sizes) - min(sizes) <= 1
    outcomes = sorted(value for state in dealt for value in state["outcomes"].tolist())
    assert outcomes == sorted(value for state in states for value in state["outcomes"].tolist())
    for state in dealt:
        of_full = [value for value in state["outcomes"].tolist() if value >= 0.04]  # its samples are 40 to 69
        assert of_full == sorted(of_full)
        target = ReplayBuffer(4, WIDTH)  # keeps the newest ones
        target.load_state_dict(state)
        newest = state["outcomes"][-4:].tolist()
        assert sorted(target.samples.outcomes[: len(target)].tolist()) == sorted(newest)
    last = torch.cat([state["outcomes"][-1:] for state in dealt])
    assert set(last.tolist()) <= {*states[0]["outcomes"][:10].tolist(), *states[1]["outcomes"].tolist()}


def test_a_buffer_that_no_memory_can_hold_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"replay buffer of 54,000,\d{3}\.0 GB.*lower buffer_size \(1,000,000"
    ):
        ReplayBuffer(10**15, WIDTH)


def test_the_newest_rows_come_oldest_first_across_the_end_of_the_buffer():
    buffer = _buffer(capacity=10, count=23)
    assert buffer.newest(5).tolist() == [8, 9, 0, 1, 2]
    assert buffer.newest(99).tolist() == [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert _buffer(capacity=10, count=4).newest(99).tolist() == [0, 1, 2, 3]
