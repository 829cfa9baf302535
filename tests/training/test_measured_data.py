"""What a data module serves to `validate`, `test` and `predict`."""

from pathlib import Path

import pytest

from pylos.errors import ConfigurationError
from pylos.truth.suite import load_suite
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def test_more_test_games_than_memory_holds_are_refused_by_their_own_name(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"GB.*: lower test_games \(1,000,000,000\)"):
        tiny_trainer(tmp_path).test(tiny_module(), datamodule=tiny_data(test_games=10**9))


def test_test_plays_games_of_the_checkpoint(tmp_path: Path):
    trainer = tiny_trainer(tmp_path)
    module = tiny_module()
    first = trainer.test(module, datamodule=tiny_data(), verbose=False)[0]
    again = trainer.test(module, datamodule=tiny_data(), verbose=False)[0]
    assert first == again
    assert first["test/policy_loss"] > 0


def test_a_fit_measures_on_a_part_of_the_suite_and_validate_on_all(tmp_path: Path):
    data, module = tiny_data(validation_positions=30), tiny_module(rules="mini-standard")
    tiny_trainer(tmp_path, fast_dev_run=True).fit(module, datamodule=data)
    assert module.truth is not None
    assert module.truth.positions[-1] == 30
    tiny_trainer(tmp_path).validate(module, datamodule=data, verbose=False)
    suite = load_suite("mini-standard")
    assert suite is not None
    assert module.truth.positions[-1] == len(suite)


def test_boards_to_judge_are_those_of_the_file_or_the_start(tmp_path: Path):
    trainer, path = tiny_trainer(tmp_path), tmp_path / "positions.txt"
    (start,) = trainer.predict(tiny_module(), datamodule=tiny_data())
    path.write_text("\n".join(judged["position"] for judged in start) + "\n")
    (again,) = trainer.predict(tiny_module(), datamodule=tiny_data(positions=str(path)))
    assert again == start
    assert len(start) == 1
