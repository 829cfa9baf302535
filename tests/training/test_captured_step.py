"""A whole step in one: the weights and numbers of a step made part by part; what is not finite changes nothing."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pylos.network.network import pylos_network
from pylos.training.captured_step import CapturedStep, is_captured
from pylos.training.losses import losses
from tests.support.training import assert_equal, random_batch

CLIP = 0.5
RATES = [2.0 ** -(8 + i // 4) for i in range(12)]
"""Exact in float32, as which a fused optimizer on a device takes them."""


class Trained:
    """A network and its fused optimizer, of two groups."""

    def __init__(self, device: str = "cpu") -> None:
        torch.manual_seed(0)
        self.network = pylos_network(width=16, blocks=1).to(device)
        parameters = list(self.network.parameters())
        groups = [{"params": parameters[::2], "weight_decay": 0.25}, {"params": parameters[1::2]}]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.captured = CapturedStep(self.network, self.optimizer, 2.0, self.clip)

    def clip(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)

    def set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self, batch: Any) -> list[Tensor]:
        found, norm = self.captured(batch)
        return [*found, norm]

    def step_part_by_part(self, batch: Any) -> list[Tensor]:
        found = losses(*self.network(batch.observations), batch, 2.0)
        self.optimizer.zero_grad()
        found.loss.backward()
        norm = torch.nn.utils.get_total_norm(
            [p.grad for p in self.network.parameters() if p.grad is not None]
        )
        self.clip()
        self.optimizer.step()
        return [*(part.detach() for part in found), norm]

    def state(self) -> dict[str, Any]:
        return copy.deepcopy(
            {"network": dict(self.network.state_dict()), "optimizer": self.optimizer.state_dict()}
        )


def test_steps_are_those_made_part_by_part_to_the_last_bit():
    whole, parts = Trained(), Trained()
    for i, rate in enumerate(RATES):
        whole.set_rate(rate), parts.set_rate(rate)
        batch = random_batch(32 if i != 7 else 24, i)  # one of another size
        found = whole.step(batch)
        assert_equal(found, parts.step_part_by_part(batch))
        assert found[-1] > CLIP
    assert whole.captured.trouble() is None
    assert_equal(whole.state(), parts.state())  # the learning rate is a number again, too


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_nothing_changes_from_a_step_on_that_is_not_finite(what: str):
    trained = Trained()
    trained.set_rate(2**-8)
    for i in range(5):
        trained.step(random_batch(32, i))
    assert trained.captured.trouble() is None  # it counts anew
    trained.step(random_batch(32, 5))
    before = trained.state()
    broken = random_batch(32, 6)
    hook = None
    if what == "loss":
        broken.policy[3, broken.legal[3]] = math.inf
    else:
        weight = next(trained.network.parameters())
        hook = weight.register_hook(lambda gradient: gradient * math.nan)
    loss = trained.step(broken)[0]
    if hook:
        hook.remove()
    for i in range(2):
        assert trained.step(random_batch(32, 7 + i))[0].isfinite()
    assert trained.captured.trouble() == (2, float(loss)) == trained.captured.trouble()
    assert_equal(trained.state(), before)


def test_parameters_that_are_added_later_are_trained_from_then_on():
    """As callbacks for fine-tuning add them."""
    trained = Trained()
    *late, _ = trained.optimizer.param_groups.pop()["params"]
    kept = [p.detach().clone() for p in late]
    trained.step(random_batch(32, 0))
    assert_equal(kept, [p.detach() for p in late])
    trained.optimizer.add_param_group({"params": late, "lr": 2.0**-8})
    trained.step(random_batch(32, 1))
    assert all(not torch.equal(before, p) for before, p in zip(kept, late, strict=True))


def test_a_copy_is_none():
    assert copy.deepcopy(Trained().captured) is None


@pytest.mark.gpu
def test_a_graph_steps_as_its_kernels_do_one_by_one():
    """Captured after some steps, with a batch of another size between, and after the optimizer's state was loaded."""
    assert is_captured(torch.device("cuda"))
    graph, parts = Trained("cuda"), Trained("cuda")
    for i, rate in enumerate(RATES * 2):
        batch = random_batch(32 if i != 7 else 24, i, "cuda")
        graph.set_rate(rate), parts.set_rate(rate)
        torch.testing.assert_close(graph.step(batch), parts.step_part_by_part(batch), rtol=1e-4, atol=1e-5)
        if i == 12:
            graph.optimizer.load_state_dict(copy.deepcopy(graph.optimizer.state_dict()))
    assert graph.captured.trouble() is None
    states = (trained.state()["network"] for trained in (graph, parts))
    torch.testing.assert_close(*states, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_a_graph_has_the_same_bits_twice_and_stops_at_what_is_not_finite():
    first, second = Trained("cuda"), Trained("cuda")
    batches = [random_batch(32, i, "cuda") for i in range(12)]
    for trained in (first, second):
        trained.set_rate(2**-8)
        for batch in batches:
            trained.step(batch)
    assert_equal(first.state(), second.state())
    before = first.state()
    broken = random_batch(32, 20, "cuda")
    broken.outcomes[0] = math.nan
    for batch in (broken, *batches[:3]):
        first.step(batch)
    steps, loss = first.captured.trouble() or (None, 0.0)
    assert steps == 3
    assert math.isnan(loss)
    assert_equal(first.state(), before)
