"""The loss of a batch, against its definition."""

from __future__ import annotations

import pytest
import torch

from pylos.game.actions import parse_action
from pylos.game.rules import NUM_ACTIONS
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.training.losses import losses
from tests.support.training import random_batch, tiny_module


def test_illegal_actions_do_not_count():
    batch = random_batch(4, 0)
    values, log_policy = torch.rand(4, 1), torch.rand(4, NUM_ACTIONS)
    there = losses(values, log_policy, batch, 1.0)
    changed = torch.where(batch.legal, log_policy, torch.full_like(log_policy, 50.0))
    torch.testing.assert_close(losses(values, changed, batch, 1.0), there)
    assert there.loss == there.policy_loss + there.value_loss


def test_entropy_and_spread_are_those_of_the_outputs():
    batch = random_batch(3, 0)
    values, log_policy = torch.tensor([[0.5], [-0.5], [0.0]]), torch.rand(3, NUM_ACTIONS)
    found = losses(values, log_policy, batch, 1.0)
    rows = [torch.distributions.Categorical(logits=log_policy[i, batch.legal[i]]) for i in range(3)]
    torch.testing.assert_close(found.policy_entropy, torch.stack([row.entropy() for row in rows]).mean())
    torch.testing.assert_close(found.value_std, torch.tensor((0.5**2 * 2 / 3) ** 0.5))


START = "................/........./..../. w 0"


def batch_of(buffer_size: int = 64) -> Batch:
    """A batch of one position in which one action is the target and white is sure to win."""
    buffer = ReplayBuffer(1, 4)
    buffer.samples.actions[0, 0] = parse_action("1B2")
    buffer.samples.weights[0, 0] = 5
    buffer.samples.outcomes[0] = 1
    buffer.added = 1
    return buffer.batch(buffer_size, code=1, key=1)


def test_loss_is_cross_entropy_over_legal_actions_plus_weighted_squared_error():
    module = tiny_module(value_loss_weight=3.0)
    batch = batch_of(4)
    values, log_policy = module(batch.observations)
    expected = 0.0
    for i in range(4):
        legal = batch.legal[i].nonzero()[:, 0]
        assert len(legal) == 16  # the empty board: places on the ground only
        normaliser = torch.logsumexp(log_policy[i, legal], 0)
        cross_entropy = -(batch.policy[i, legal] * (log_policy[i, legal] - normaliser)).sum()
        expected += float((cross_entropy + 3.0 * (values[i, 0] - batch.outcomes[i, 0]) ** 2).detach()) / 4
    assert float(losses(values, log_policy, batch, 3.0).loss) == pytest.approx(expected, rel=1e-5)


def test_training_on_a_decided_position_moves_value_and_policy():
    module = tiny_module(learning_rate=1e-2)
    optimizer = module.configure_optimizers()["optimizer"]
    batch = batch_of()
    for _ in range(150):
        optimizer.zero_grad()
        losses(*module(batch.observations), batch, 1.0).loss.backward()
        optimizer.step()
    values, log_policy = module(batch.observations)
    assert values.min() > 0.9
    policy = log_policy.masked_fill(~batch.legal, -torch.inf).softmax(1)
    # The eight symmetries of the target.
    centre = [parse_action(name) for name in ("1B2", "1B3", "1C2", "1C3")]
    assert policy[:, centre].sum(1).min() > 0.95
