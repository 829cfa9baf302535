import pytest
from jsonargparse import ArgumentParser, Namespace

from pylos.cli.lightning_options import numbers_its_runs, settle_run_names, without_option
from pylos.errors import ConfigurationError
from pylos.runs.logger import RunLogger


def test_the_command_to_go_on_with():
    arguments = ["fit", "--ckpt_path", "last", "-c", "quick", "--ckpt_path=x", "--trainer.max_epochs", "3"]
    assert without_option(arguments, "--ckpt_path") == ["fit", "-c", "quick", "--trainer.max_epochs", "3"]


def test_loggers_that_number_their_runs():
    def logger(version):
        return Namespace(init_args=Namespace(version=version))

    assert numbers_its_runs(None)
    assert numbers_its_runs(True)
    assert not numbers_its_runs(False)
    assert numbers_its_runs(logger(None))
    assert not numbers_its_runs(logger("quick"))
    assert numbers_its_runs([logger(None)])
    assert not numbers_its_runs([logger(None), logger("quick")], 1)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("2024_01_02", "2024_01_02"),
        ("007", "007"),
        ("true", "true"),
        ("12:30", "12:30"),
        ("3", 3),
        ("null", None),
    ],
)
def test_a_run_is_called_as_it_is_written(written, name):
    parser = ArgumentParser()
    parser.add_argument("--logger", type=RunLogger)
    options = parser.parse_args(["--logger=RunLogger", "--logger.save_dir=x", f"--logger.version={written}"])
    settle_run_names([options.logger])
    assert options.logger.init_args.version == name


def test_a_number_that_yaml_would_make_of_a_name_is_refused():
    with pytest.raises(ConfigurationError, match="no run can be called 1e5"):
        settle_run_names(Namespace(init_args=Namespace(version="1e5")))
    settle_run_names(False)
