from __future__ import annotations

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping

from callbacks.early_stopping import PatientStopping


def test_only_who_watches_an_evaluation_waits_and_only_for_the_first_one():
    elo, mistake = EarlyStopping("eval/elo"), EarlyStopping("eval/eloo")
    loss, lenient = EarlyStopping("train/loss"), EarlyStopping("eval/elo_high", strict=False)
    everybody = [elo, mistake, loss, lenient]
    patient = PatientStopping()
    patient.begin(Trainer(accelerator="cpu", logger=False, callbacks=list(everybody)))
    assert [callback.strict for callback in everybody] == [False, False, True, False]
    patient.end({"eval/elo": None})  # measured, though it has no value
    assert [callback.strict for callback in everybody] == [False, True, True, False]
    elo.strict = True
    patient.end(set())
    assert elo.strict


@pytest.mark.parametrize("name", ["eval/elo", "train/loss"])
def test_evaluations_are_watched_after_training_epochs(name: str):
    callback = EarlyStopping(name)
    PatientStopping().begin(Trainer(accelerator="cpu", logger=False, callbacks=[callback]))
    assert callback._check_on_train_epoch_end == (True if name == "eval/elo" else None)
