"""Batches drawn on a device have the bits of the host's, whatever happened to the buffer in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pylos.game.rules import RULES
from pylos.selfplay.replay_buffer import BatchInPlace, ReplayBuffer
from tests.support.cuda_batches import WIDTH, drawn, epoch_drawn, filled
from tests.support.cuda_compilation import compiled
from tests.support.cuda_simulator import simulated

WEIGHTS = [(0.0, 0.0), (0.5, 0.3), (1 / 3, 0.7123), (1.0, 1.0)]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for some, others in zip(found, expected, strict=True):
        for one, other in zip(some, others, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert np.array_equal(one, other)


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "mini-standard"])
def test_simulated_batches_are_those_of_the_host(rules: str):
    assert_same(simulated(drawn, rules, 5, WEIGHTS, "cpu"), drawn(rules, 5, WEIGHTS))


def test_an_epoch_goes_on_with_the_batches_that_are_left():
    state, *found = simulated(epoch_drawn, "cpu")
    expected_state, *expected = epoch_drawn()
    assert len(found) == 3
    assert state == expected_state == {"batch": 5, "value_mix": 0.75}
    assert_same(found, expected)


def test_the_kernel_compiles_for_an_h100_and_fuses_no_product_with_a_sum():
    """The products that are added to something carry their rounding; the others are not added to anything."""
    pytest.importorskip("numba_cuda")
    from pylos.selfplay.cuda.device_buffer import Request, fill_rows

    samples = ReplayBuffer(3, WIDTH).samples
    request = Request(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(2))
    batch = BatchInPlace(*(part.numpy() for part in filled("standard").batch(2, RULES["standard"], 0)))
    found = compiled(fill_rows, (samples, request, batch, 1))
    assert found.registers <= 64
    assert found.spilled == 0
    assert "fma." not in found.code
    assert found.code.count("mul.rn.f64") == 4


@pytest.mark.gpu
@pytest.mark.parametrize("rules", ["standard", "mini-standard"])
def test_batches_of_a_device_are_those_of_the_host(rules: str):
    """More rows than a block has, and more draws than go before a capture."""
    assert_same(drawn(rules, 300, WEIGHTS, "cuda"), drawn(rules, 300, WEIGHTS))
    assert_same(epoch_drawn("cuda")[1:], epoch_drawn()[1:])
