"""Batches of a suite: which positions a rank gets, and what they hold."""

import numpy as np
import pytest
import torch

from pylos.truth.batches import SuiteBatches, share_of_suite
from pylos.truth.suite import STRATA
from tests.support.suites import all_batches, shipped


def test_values_are_measured_on_wins_draws_and_losses():
    batches = all_batches(shipped("mini-mature"))
    outcomes = torch.cat([batch.outcomes for batch in batches])
    assert set(outcomes.tolist()) == {-1.0, 0.0, 1.0}
    assert all(len(batch.positions) < len(batch.outcomes) <= 3 * len(batch.positions) for batch in batches)


@pytest.mark.parametrize(("most", "ranks"), [(100, 1), (100, 3), (1857, 2), (10**6, 4), (1, 3)])
def test_a_part_of_the_suite_has_all_strata_in_proportion(most: int, ranks: int):
    suite = shipped()
    shares = [share_of_suite(suite, most, rank, ranks) for rank in range(ranks)]
    rows = np.concatenate(shares)
    assert len(rows) == len(set(rows.tolist())) == min(max(most, ranks), len(suite))
    assert min(map(len, shares)) >= 1
    counts = np.bincount(suite.strata[rows], minlength=len(STRATA))
    expected = np.bincount(suite.strata, minlength=len(STRATA)) * len(rows) / len(suite)
    assert np.abs(counts - expected).max() <= 1


def test_every_batch_of_the_suite_has_all_strata():
    """Or limit_val_batches would measure openings only."""
    suite = shipped("standard")
    for batch in list(SuiteBatches(suite, share_of_suite(suite, 2000, 0, 1)))[:-1]:
        assert (np.bincount(batch.strata.numpy(), minlength=len(STRATA)) > 30).all()
