import warnings

import pytest

from callbacks import PlainReport
from tests.training import tiny_data, tiny_module, tiny_trainer


def fit(folder, epochs, batches, **options):
    """What a fit says of its schedule, and what it advises to run next."""
    trainer = tiny_trainer(folder, epochs, (PlainReport(),), limit_val_batches=0, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(tiny_module(), datamodule=tiny_data(batches_per_epoch=batches), ckpt_path="last")
    return " ".join(str(warning.message) for warning in caught)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").touch()
    return tmp_path


def test_the_steps_of_a_training_are_those_behind_it_and_those_to_come(folder, capsys):
    fit(folder, 1, batches=4)
    assert "--trainer.max_epochs 2 --model.schedule_steps 8\n" in capsys.readouterr().out
    assert "the model's schedule_steps should be 20" in fit(folder, 3, batches=8)
    advice = "--trainer.max_epochs 6 --model.schedule_steps 44\n"
    assert advice in capsys.readouterr().out
    fit(folder, 3, batches=8)  # nothing is left to train
    assert advice in capsys.readouterr().out
    fit(folder, 3, batches=8, accumulate_grad_batches=2)
    assert "--trainer.max_epochs 6 --model.schedule_steps 32\n" in capsys.readouterr().out
    fit(folder, 3, batches=8, limit_train_batches=2)
    assert "--trainer.max_epochs 6 --model.schedule_steps 26\n" in capsys.readouterr().out


def test_an_end_within_an_epoch_is_counted_from_the_present_one(folder):
    fit(folder, 1, batches=4)
    said = fit(folder, 3, batches=6, max_steps=12)
    assert "this training ends after 12 steps, within an epoch of 6" in said
    assert "the model's schedule_steps should be 12" in said
    assert "within an epoch" not in fit(folder, 4, batches=6)
