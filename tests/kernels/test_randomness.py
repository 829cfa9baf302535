"""Keyed randomness against plain Python integers, pinned values, and the distributions it must have."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pylos.kernels.randomness import derive_key, draw, draw_below, draw_gamma, draw_keys, draw_uniform
from tests.twins import randomness as twin_randomness

keys = st.integers(0, 2**63 - 1)
counters = st.one_of(st.integers(0, 1000), st.integers(0, 2**63 - 2))


@given(keys, counters)
def test_draw_equals_its_twin(key, counter):
    drawn = draw(key, counter)
    assert drawn == twin_randomness.draw(key, counter)
    assert 0 <= drawn < 2**63


@given(keys, counters, st.integers(1, 2**31 - 1))
def test_draw_below_equals_its_twin_and_stays_below(key, counter, n):
    drawn = draw_below(key, counter, n)
    assert drawn == twin_randomness.draw_below(key, counter, n)
    assert 0 <= drawn < n


@given(keys, counters)
def test_draw_uniform_equals_its_twin_and_stays_inside(key, counter):
    drawn = draw_uniform(key, counter)
    assert drawn == twin_randomness.draw_uniform(key, counter)
    assert 0 < drawn < 1


@given(keys, st.integers(0, 1000), st.sampled_from([0.03, 0.3, 1.0, 2.0, 10.0]))
def test_draw_gamma_equals_its_twin(key, counter, shape):
    variate, after = draw_gamma(key, counter, shape)
    expected, expected_after = twin_randomness.draw_gamma(key, counter, shape)
    assert after == expected_after
    assert variate == pytest.approx(expected, rel=1e-9)


def test_draw_keys_are_the_first_draws():
    assert draw_keys(7, 5).tolist() == [twin_randomness.draw(7, i) for i in range(5)]


def test_keys_and_draws_are_those_of_old_runs():
    """Pinned: other values would change what a resumed run draws."""
    assert derive_key(0) == 2631537505891389924
    assert derive_key(1, "selfplay", 0) == 365070684251113492
    assert derive_key(0, "openings") == 1392290330713937048
    assert draw(0, 0) == 0xE220A8397B1DCDAF >> 1  # the first number of SplitMix64 from seed 0
    assert draw(1, 0) == 5225608189600411232
    assert draw(0, 1) == 3980143261097177850
    assert draw(2**62, 12345) == 4911920613670812787
    assert draw_below(3, 4, 303) == 65
    assert draw_uniform(3, 4) == 0.21643910878148492
    assert draw_gamma(3, 4, 0.3) == (pytest.approx(0.010502944081024802), 8)


def test_scalars_of_numpy_and_torch_name_the_same_key_as_plain_numbers():
    for one in (np.int64(1), np.uint8(1), np.array(1), torch.tensor(1)):
        assert derive_key(one, "selfplay", 0) == derive_key(1, np.str_("selfplay"), one - one)
        assert derive_key(one, "selfplay", 0) == derive_key(1, "selfplay", 0)


def test_keys_of_different_names_differ():
    parts = itertools.product(range(20), ["selfplay", "batch", "1"], range(20))
    names = [*parts, (1,), (1, 2), (12,), ("1", 2), ("12",), (1, "2"), ("1", "2"), ()]
    derived = {derive_key(*name) for name in names}
    assert len(derived) == len(names)
    assert all(0 <= key < 2**63 for key in derived)


def test_draws_of_one_key_and_of_neighbouring_keys_are_uniform_and_unrelated():
    across = np.array([draw_uniform(key, 0) for key in range(5000)])
    along = np.array([draw_uniform(11, counter) for counter in range(5000)])
    for numbers in (across, along):
        assert stats.kstest(numbers, "uniform").pvalue > 0.001
        assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(across, along)[0, 1]) < 0.05


@pytest.mark.parametrize("n", [2, 7, 303])
def test_draw_below_is_uniform(n):
    counts = np.bincount([draw_below(5, counter, n) for counter in range(40 * n)], minlength=n)
    assert stats.chisquare(counts).pvalue > 0.001


def _gammas(shape: float, count: int) -> np.ndarray:
    variates, counter = [], 0
    for _ in range(count):
        variate, counter = draw_gamma(17, counter, shape)
        variates.append(variate)
    return np.array(variates)


@pytest.mark.parametrize("shape", [0.3, 2.0])
def test_gamma_variates_are_gamma_distributed(shape):
    variates = _gammas(shape, 20_000)
    assert variates.mean() == pytest.approx(shape, rel=0.05)
    assert variates.var() == pytest.approx(shape, rel=0.1)
    assert stats.kstest(variates, stats.gamma(shape).cdf).pvalue > 0.001
    assert abs(np.corrcoef(variates[:-1], variates[1:])[0, 1]) < 0.03
