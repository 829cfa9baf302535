"""Validation and test as steps of a module."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pylos.errors import NonFiniteNetworkError
from pylos.search.evaluator import BATCH_MULTIPLE
from pylos.training.module import PylosModule
from pylos.truth.searcher import Searcher
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def test_validation_judges_in_batches_of_which_no_answer_depends(tmp_path: Path):
    sizes = []

    class Watched(PylosModule):
        def forward(self, observations):
            sizes.append(len(observations))
            return super().forward(observations)

    module = Watched(rules="mini-standard", width=16, blocks=1, validation_simulations=0)
    data = tiny_data(batches_per_epoch=1, validation_positions=7)
    tiny_trainer(tmp_path, 1, limit_train_batches=0).validate(module, datamodule=data, verbose=False)
    assert sizes
    assert all(size % BATCH_MULTIPLE == 0 for size in sizes)


def test_every_validation_counts_anew(tmp_path: Path):
    module = tiny_module(rules="mini-standard")
    trainer = tiny_trainer(tmp_path)
    found = [trainer.validate(module, datamodule=tiny_data(), verbose=False)[0] for _ in range(2)]
    assert found[0] == found[1]
    assert module.truth.metrics() == pytest.approx(found[1])


@pytest.mark.parametrize("which", [0, 1], ids=["value", "policy"])
def test_what_is_not_finite_is_neither_validated_nor_tested(tmp_path: Path, which: int):
    class Broken(PylosModule):
        def forward(self, observations):
            outputs = super().forward(observations)
            return tuple(output * torch.nan if i == which else output for i, output in enumerate(outputs))

    module = Broken(rules="mini-standard", width=16, blocks=1, validation_simulations=0)
    for measure in (tiny_trainer(tmp_path).validate, tiny_trainer(tmp_path).test):
        with pytest.raises(NonFiniteNetworkError, match="not finite numbers"):
            measure(module, datamodule=tiny_data(), verbose=False)


def test_the_search_of_a_validation_has_the_simulations_that_the_module_says(tmp_path: Path, monkeypatch):
    made = []

    def searcher(network, rules, simulations, device):
        made.append((rules, simulations))
        return Searcher(network, rules, simulations, device)

    monkeypatch.setattr("pylos.training.measured_module.Searcher", searcher)
    for simulations in (0, 3):
        module = tiny_module(rules="mini-standard", validation_simulations=simulations)
        found = tiny_trainer(tmp_path).validate(module, datamodule=tiny_data(), verbose=False)[0]
        assert ("truth/search_accuracy" in found) == (simulations > 0)
    assert made == [("mini-standard", 3)]
