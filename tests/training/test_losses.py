"""The loss captured as CUDA graphs is the loss, and so is its gradient."""

from __future__ import annotations

import pytest
import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.network import pylos_network
from pylos.selfplay.replay_buffer import Batch
from pylos.training.losses import CapturedLosses, losses


def random_batch(size: int, seed: int, device: str) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    policy, legal = torch.rand(2, size, NUM_ACTIONS, generator=generator)
    policy = policy * (legal > 0.5)
    parts = (
        torch.rand(size, OBSERVATION_SIZE, generator=generator),
        policy / policy.sum(1, keepdim=True),
        legal > 0.5,
        torch.rand(size, 1, generator=generator) * 2 - 1,
    )
    return Batch(*(part.to(device) for part in parts))


def test_illegal_actions_do_not_count():
    batch = random_batch(4, 0, "cpu")
    values, log_policy = torch.rand(4, 1), torch.rand(4, NUM_ACTIONS)
    there = losses(values, log_policy, batch, 1.0)
    changed = torch.where(batch.legal, log_policy, torch.full_like(log_policy, 50.0))
    torch.testing.assert_close(losses(values, changed, batch, 1.0), there)
    assert there.loss == there.policy_loss + there.value_loss


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_captured_losses_train_as_the_others_do():
    torch.manual_seed(0)
    networks = [pylos_network(width=64, blocks=2).cuda() for _ in "ab"]
    networks[1].load_state_dict(networks[0].state_dict())
    captured = CapturedLosses(networks[1], random_batch(32, 0, "cuda"), 2.0)
    optimizers = [torch.optim.AdamW(network.parameters(), lr=1e-2, fused=True) for network in networks]
    for step in range(20):
        batch = random_batch(32 if step != 10 else 24, step, "cuda")  # one of another size
        for network, optimizer in zip(networks, optimizers, strict=True):
            values, log_policy = network(batch.observations)
            found = captured(batch) if network is networks[1] else losses(values, log_policy, batch, 2.0)
            optimizer.zero_grad()
            found.loss.backward()
            optimizer.step()
        torch.testing.assert_close(*(network.state_dict() for network in networks), rtol=1e-4, atol=1e-5)
