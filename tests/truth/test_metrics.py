"""Metrics against the truth, compared with plain NumPy, perfect knowledge and pure chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics import Metric

from pylos.network.network import expected_value
from pylos.truth.batches import LabelledBatch, SuiteBatches, labelled_batch, share_of_suite
from pylos.truth.metrics import BASELINE, TruthMetrics, TruthResult
from pylos.truth.searcher import Searcher
from pylos.truth.suite import STRATA
from tests.support.suites import all_batches, shipped
from tests.support.training import tiny_module


def perfect(batch: LabelledBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """What a network that knows everything would answer."""
    return batch.outcomes[:, None], torch.where(batch.keeping, 0.0, -9.0)


def guesses(batch: LabelledBatch, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random values and a random policy."""
    generator = torch.Generator().manual_seed(seed)
    values = 2 * torch.rand(len(batch.outcomes), 1, generator=generator) - 1
    return values, torch.rand(batch.legal.shape, generator=generator)


def test_perfect_knowledge_has_no_error():
    for rules in ("mini-standard", "mini-mature"):
        truth = TruthMetrics(simulations=1)
        for batch in all_batches(shipped(rules)):
            values, log_policy = perfect(batch)
            truth.update(batch, values, log_policy, log_policy.argmax(1))
        result = truth.result()
        strata = np.bincount(shipped(rules).strata, minlength=len(STRATA)).tolist()
        assert result.positions == [*strata, len(shipped(rules))]
        for shares in (result.policy, result.search):
            assert shares is not None
            assert [share for share in shares if not np.isnan(share)] == [1.0] * (
                np.count_nonzero(strata) + 1
            )
        assert (result.value_error, result.sign_accuracy, result.calibration_error) == (0.0, 1.0, 0.0)


def test_choices_by_chance_score_as_chance_does():
    suite = shipped()
    chance = suite.uniform_accuracy
    truth = TruthMetrics(simulations=0)
    for i, batch in enumerate(all_batches(suite)):
        truth.update(batch, *guesses(batch, i))
    result = truth.result()
    assert result.uniform[-1] == pytest.approx(chance.mean(), rel=1e-5)
    deviation = np.sqrt((chance * (1 - chance)).sum()) / len(suite)
    assert abs(result.policy[-1] - chance.mean()) < 4 * deviation
    assert 0.3 < result.uniform[-1] < 0.7
    assert result.search is None


def test_metrics_are_what_numpy_computes():
    suite = shipped()
    batches = all_batches(suite)
    truth = TruthMetrics(simulations=1)
    kept, searched_kept, errors, values, outcomes = [], [], [], [], []
    for i, batch in enumerate(batches):
        guessed, log_policy = guesses(batch, i)
        searched = torch.where(batch.legal, guesses(batch, -i)[1], -1.0).argmax(1)
        truth.update(batch, guessed, log_policy, searched)
        likeliest = np.where(batch.legal, log_policy, -np.inf).argmax(1)
        rows = np.arange(len(likeliest))
        kept.append(batch.keeping.numpy()[rows, likeliest])
        searched_kept.append(batch.keeping.numpy()[rows, searched])
        values.append(guessed.numpy()[:, 0].astype(np.float64))
        outcomes.append(batch.outcomes.numpy())
        errors.append((values[-1] - outcomes[-1]) ** 2)
    result, metrics = truth.result(), truth.result().metrics()
    for name, flat in (("policy", np.concatenate(kept)), ("search", np.concatenate(searched_kept))):
        assert metrics[f"truth/{name}_accuracy"] == pytest.approx(flat.mean(), rel=1e-5)
        for number, stratum in enumerate(STRATA):
            chosen = flat[suite.strata == number]
            if len(chosen):
                expected = pytest.approx(chosen.mean(), rel=1e-5)
                assert metrics[f"truth/{name}_accuracy_{stratum}"] == expected
            else:
                assert f"truth/{name}_accuracy_{stratum}" not in metrics
    assert metrics["truth/uniform_accuracy"] == pytest.approx(suite.uniform_accuracy.mean(), rel=1e-5)
    assert metrics["truth/value_error"] == pytest.approx(np.concatenate(errors).mean(), rel=1e-5)
    value, outcome = np.concatenate(values), np.concatenate(outcomes)
    value, outcome = value[outcome != 0], outcome[outcome != 0]
    assert metrics["truth/sign_accuracy"] == pytest.approx((np.sign(value) == outcome).mean(), rel=1e-5)
    chance, error = (1 + value) / 2, 0.0
    for low in np.arange(15) / 15:
        inside = (chance >= low) & (chance < low + 1 / 15)
        if inside.any():
            error += inside.mean() * abs(chance[inside].mean() - (outcome[inside] > 0).mean())
    assert metrics["truth/calibration_error"] == pytest.approx(error, abs=1e-3)  # a bin's edge is rounded
    assert len(metrics) == 4 + 2 * np.count_nonzero(result.positions)
    assert not any(np.isnan(number) for number in metrics.values())


def test_strata_without_positions_are_absent():
    batch = labelled_batch(shipped(), np.flatnonzero(shipped().strata == STRATA.index("take_back"))[:7])
    truth = TruthMetrics(simulations=0)
    truth.update(batch, *perfect(batch))
    result = truth.result()
    assert [name for name in result.metrics() if "accuracy_" in name] == ["truth/policy_accuracy_take_back"]
    lines = str(result).splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["take-back", "all"]
    assert "opening" not in str(result)
    assert "search" not in str(result)


def test_two_ranks_add_up_to_one():
    suite, module = shipped(), tiny_module(rules="mini-standard").eval()
    searcher = Searcher(module.network, module.rules, 4, module.device)

    def measured(rank: int, ranks: int) -> TruthMetrics:
        truth = TruthMetrics(simulations=4)
        for batch in SuiteBatches(suite, share_of_suite(suite, 500, rank, ranks)):
            searched = torch.from_numpy(searcher.choose(batch.positions.numpy()))
            with torch.no_grad():
                outcomes, log_policy = module(batch.observations)
            truth.update(batch, expected_value(outcomes), log_policy, searched)
        return truth

    alone, (first, second) = measured(0, 1), [measured(rank, 2) for rank in range(2)]
    for mine, other in zip(first.children(), second.children(), strict=True):
        assert isinstance(mine, Metric)
        mine.merge_state(other)
    expected, result = alone.result(), first.result()
    assert result.positions == expected.positions
    assert result.metrics() == pytest.approx(expected.metrics(), rel=1e-5)
    for name in ("policy", "search"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))


def test_a_table():
    nan = float("nan")
    result = TruthResult(
        8, [3, 0, 0, 1200, 1203], [0.5, nan, nan, 0.25, 0.3], [0.6, nan, nan, 0.5, 0.55],
        [0.7, nan, nan, 0.75, 0.725], 0.5, 0.75, 0.125,
    )  # fmt: skip
    assert str(result).splitlines() == [
        "How often a choice keeps the exact value of the position:",
        "           positions      uniform       policy   search (8)",
        "opening            3        0.500        0.600        0.700",
        "take-back      1,200        0.250        0.500        0.750",
        "all            1,203        0.300        0.550        0.725",
        BASELINE,
        "value error 0.500   sign accuracy 0.750   calibration error 0.125",
    ]
