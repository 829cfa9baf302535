"""The loss of a batch, against its definition."""

from __future__ import annotations

import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.actions import parse_action
from pylos.game.rules import NUM_ACTIONS
from pylos.network.network import OUTCOMES, expected_value
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.training.losses import LEGALITY, losses, outcome_targets
from tests.support.training import random_batch, tiny_module


@pytest.mark.parametrize("number", [50.0, -torch.inf])
def test_illegal_actions_do_not_count_but_for_their_share(number: float):
    batch = random_batch(4, 0)
    outcomes, log_policy = torch.rand(4, OUTCOMES), torch.rand(4, NUM_ACTIONS)
    there = losses(outcomes, log_policy, batch, 1.0)
    changed = torch.where(batch.legal, log_policy, torch.full_like(log_policy, number))
    found = losses(outcomes, changed, batch, 1.0)
    torch.testing.assert_close(found[1:3] + found[4:], there[1:3] + there[4:])
    for losses_of, policy in ((there, log_policy), (found, changed)):
        shares = policy.exp().where(batch.legal, 0).sum(1) / policy.exp().sum(1)
        torch.testing.assert_close(losses_of.illegal_loss, -shares.log().mean())
        total = losses_of.policy_loss + losses_of.value_loss + LEGALITY * losses_of.illegal_loss
        torch.testing.assert_close(losses_of.loss, total)


def test_illegal_actions_are_pushed_down_whatever_their_numbers():
    batch = random_batch(4, 0)
    log_policy = torch.where(batch.legal, 0.0, 1e4 * torch.randn(4, NUM_ACTIONS)).requires_grad_()
    found = losses(torch.zeros(4, OUTCOMES), log_policy, batch, 1.0)
    found.loss.backward()
    assert (log_policy.grad[~batch.legal] >= 0).all()
    pushed = log_policy.grad.where(~batch.legal, 0).sum(1)
    torch.testing.assert_close(pushed, torch.full((4,), LEGALITY / 4))
    assert (log_policy.grad[batch.legal] != 0).any()
    assert all(part.isfinite() for part in found)


def test_a_policy_that_has_drifted_to_illegal_actions_comes_back():
    """In bfloat16 it drifts without a loss of its own, until the logarithms of legal ones are nothing but rounding."""
    module, batch = tiny_module(learning_rate=1e-2), batch_of()
    with torch.no_grad():
        module.network.policy_head.bias += 20.0 * ~batch.legal[0]
    optimizer = module.configure_optimizers()["optimizer"]
    found = []
    for _ in range(300):
        with torch.autocast("cpu", torch.bfloat16):
            outcomes, log_policy = module(batch.observations)
        found.append(losses(outcomes, log_policy, batch, 1.0))
        optimizer.zero_grad()
        found[-1].loss.backward()
        optimizer.step()
    assert found[0].illegal_loss > 15
    assert found[-1].illegal_loss < 0.1


def test_a_network_may_rule_out_illegal_actions_and_no_legal_ones():
    batch = random_batch(4, 0)
    log_policy = torch.where(batch.legal, 0.0, -torch.inf).requires_grad_()
    found = losses(torch.zeros(4, OUTCOMES), log_policy, batch, 1.0)
    found.loss.backward()
    assert log_policy.grad.isfinite().all()
    assert (log_policy.grad[~batch.legal] == 0).all()
    assert log_policy.isneginf().any()  # what the network gave is as it was
    ruled_out = torch.where(batch.policy > 0, -torch.inf, 0.0)
    assert not losses(torch.zeros(4, OUTCOMES), ruled_out, batch, 1.0).policy_loss.isfinite()


def test_the_loss_of_numbers_in_bfloat16_is_computed_in_float32():
    batch = random_batch(64, 0)
    coarse = torch.randn(64, OUTCOMES).bfloat16(), torch.randn(64, NUM_ACTIONS).bfloat16()
    found, expected = losses(*coarse, batch, 1.0), losses(*(part.float() for part in coarse), batch, 1.0)
    assert {part.dtype for part in found} == {torch.float32}
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_entropy_and_spread_are_those_of_the_outputs():
    batch = random_batch(3, 0)
    chances = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.3, 0.6], [0.2, 0.6, 0.2]])  # values 0.5, -0.5 and 0
    log_policy = torch.rand(3, NUM_ACTIONS)
    found = losses(chances.log().clamp(min=-50), log_policy, batch, 1.0)
    rows = [torch.distributions.Categorical(logits=log_policy[i, batch.legal[i]]) for i in range(3)]
    torch.testing.assert_close(found.policy_entropy, torch.stack([row.entropy() for row in rows]).mean())
    torch.testing.assert_close(found.value_std, torch.tensor((0.5**2 * 2 / 3) ** 0.5))


VALUES = [1.0, 0.75, 0.5, 0.1, 0.0, -0.1, -0.5, -0.75, -1.0]


@pytest.mark.parametrize("value", VALUES)
def test_a_target_is_divided_between_the_two_ends_next_to_it(value: float):
    (win, draw, loss) = outcome_targets(torch.tensor([[value]]))[0].tolist()
    assert (win if value > 0 else loss) == pytest.approx(abs(value))
    assert (loss if value > 0 else win) == 0
    assert draw == pytest.approx(1 - abs(value))


def test_a_target_has_the_value_as_its_mean():
    values = torch.tensor(VALUES)[:, None]
    targets = outcome_targets(values)
    assert (targets >= 0).all()
    torch.testing.assert_close(targets.sum(1), torch.ones(len(VALUES)))
    torch.testing.assert_close(targets @ torch.tensor([[1.0], [0.0], [-1.0]]), values)


@pytest.mark.parametrize("shape", [(4, 1), (4, 4)])
def test_a_network_that_gives_no_outcomes_is_not_trained(shape: tuple[int, int]):
    with pytest.raises(ConfigurationError, match="logits of win, draw and loss first"):
        losses(torch.zeros(shape), torch.zeros(4, NUM_ACTIONS), random_batch(4, 0), 1.0)


START = "................/........./..../. w 0"


def batch_of(size: int = 64, outcome: float = 1.0) -> Batch:
    """A batch of one position in which one action is the target and white is sure to win, unless said otherwise."""
    buffer = ReplayBuffer(1, 4)
    buffer.samples.actions[0, 0] = parse_action("1B2")
    buffer.samples.weights[0, 0] = 5
    buffer.samples.outcomes[0] = outcome
    buffer.added = 1
    return buffer.batch(size, code=1, key=1)


def test_loss_is_cross_entropy_over_legal_actions_plus_that_of_outcomes_and_illegal_ones():
    module = tiny_module(value_loss_weight=3.0)
    batch = batch_of(4, outcome=0.25)
    outcomes, log_policy = module(batch.observations)
    expected = 0.0
    for i in range(4):
        legal = batch.legal[i].nonzero()[:, 0]
        assert len(legal) == 16  # the empty board: places on the ground only
        normaliser = torch.logsumexp(log_policy[i, legal], 0)
        cross_entropy = -(batch.policy[i, legal] * (log_policy[i, legal] - normaliser)).sum()
        win, draw, _ = torch.log(outcomes[i].exp() / outcomes[i].exp().sum())
        illegal = torch.logsumexp(log_policy[i], 0) - normaliser
        total = cross_entropy - 3.0 * (0.25 * win + 0.75 * draw) + LEGALITY * illegal
        expected += float(total.detach()) / 4
    assert float(losses(outcomes, log_policy, batch, 3.0).loss) == pytest.approx(expected, rel=1e-5)


def trained_on(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The chances of win, draw and loss, and the log policies, that a network has learned from a batch."""
    module = tiny_module(learning_rate=1e-2)
    optimizer = module.configure_optimizers()["optimizer"]
    for _ in range(150):
        optimizer.zero_grad()
        losses(*module(batch.observations), batch, 1.0).loss.backward()
        optimizer.step()
    outcomes, log_policy = module(batch.observations)
    return outcomes.softmax(1), log_policy


def test_training_on_a_drawn_position_makes_a_draw_likely_and_the_value_0():
    chances, _ = trained_on(batch_of(outcome=0.0))
    assert chances[:, 1].min() > 0.9
    assert expected_value(chances.log()).abs().max() < 0.05


def test_training_on_games_that_are_won_and_lost_makes_a_draw_unlikely_and_the_value_0():
    batch = batch_of()
    batch.outcomes[::2] = -1
    chances, _ = trained_on(batch)
    assert chances[:, 1].max() < 0.1
    assert expected_value(chances.log()).abs().max() < 0.05


def test_training_on_a_decided_position_moves_value_and_policy():
    batch = batch_of()
    chances, log_policy = trained_on(batch)
    assert chances[:, 0].min() > 0.9
    policy = log_policy.masked_fill(~batch.legal, -torch.inf).softmax(1)
    # The eight symmetries of the target.
    centre = [parse_action(name) for name in ("1B2", "1B3", "1C2", "1C3")]
    assert policy[:, centre].sum(1).min() > 0.95
