"""Batches of a suite: which positions a rank gets, and what they hold."""

import numpy as np
import pytest
import torch

from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import RULES, is_over, step
from pylos.solution.tablebase import Tablebase
from pylos.truth.batches import SuiteBatches, labelled_batch, share_of_suite
from pylos.truth.suite import STRATA
from tests.support.suites import all_batches, shipped


def seen(positions: list[int], rules: str) -> list[bytes]:
    """What a network sees of positions."""
    out = np.empty((len(positions), OBSERVATION_SIZE), np.float32)
    observe_all(np.array(positions, np.int64), RULES[rules], out)
    return [row.tobytes() for row in out]


def test_batches_hold_the_rows_in_their_order():
    suite, rows = shipped(), np.random.default_rng(0).permutation(len(shipped()))[:600]
    batches = SuiteBatches(suite, rows)
    held = list(batches)
    assert [len(batch.positions) for batch in held] == [256, 256, 88]
    assert len(batches) == 3
    assert len(SuiteBatches(suite, rows[:512])) == 2
    for name in ("positions", "strata", "legal", "keeping"):
        assert np.array_equal(np.concatenate([getattr(b, name) for b in held]), getattr(suite, name)[rows])


@pytest.mark.parametrize("rules", ["mini-standard", "mini-mature"])
def test_behind_the_positions_come_those_after_a_mistake_and_after_none(rules, solved):
    base, suite, code = Tablebase(rules), shipped(rules), RULES[rules]
    batch = labelled_batch(suite, np.arange(300))
    n = len(batch.positions)
    observations = [row.tobytes() for row in batch.observations.numpy()]
    assert observations[:n] == seen(batch.positions.tolist(), rules)
    assert batch.outcomes[:n].tolist() == suite.values[:300].tolist()
    k = n
    for i, position in enumerate(batch.positions.tolist()):
        for keeps in (False, True):
            actions = np.flatnonzero(batch.legal[i] & (batch.keeping[i] == keeps))
            after = [int(step(position, int(action), code)) for action in actions]
            values = base.probe(np.array(after))[0].tolist()
            worths = dict(zip(seen(after, rules), values, strict=True))
            if k < len(observations) and observations[k] in worths:
                assert batch.outcomes[k] == worths[observations[k]]
                k += 1
            else:
                assert any(is_over(position, code) for position in after)
    assert k == len(observations) == len(batch.outcomes)


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
    """Otherwise limit_val_batches would measure openings only."""
    suite = shipped("standard")
    for batch in list(SuiteBatches(suite, share_of_suite(suite, 2000, 0, 1)))[:-1]:
        assert (np.bincount(batch.strata.numpy(), minlength=len(STRATA)) > 30).all()
