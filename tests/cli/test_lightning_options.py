import math
import warnings
from types import SimpleNamespace

import pytest
import torch
from jsonargparse import ArgumentParser, Namespace

from pylos.cli.lightning_options import (
    check_fits,
    hyperparameters,
    numbers_its_runs,
    settle_run_names,
    without_option,
)
from pylos.errors import ConfigurationError, PylosError
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


@pytest.mark.parametrize(
    ("made_by", "warned"),
    [("pylos.PylosModule", False), ("pylos.module.PylosModule", False), ("my.Module", True)],
)
def test_a_checkpoint_names_the_class_that_made_it(tmp_path, made_by, warned):
    path = str(tmp_path / "a.ckpt")
    saved = {"_class_path": made_by, "_instantiator": "x", "width": 24, "mine": 3}
    torch.save({"state_dict": {}, "hyper_parameters": saved, "epoch": 0, "global_step": 0}, path)
    chosen = Namespace(class_path="pylos.PylosModule", init_args=Namespace(width=16, blocks=1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = hyperparameters(path, "model", chosen)
    assert found == {"class_path": "pylos.PylosModule", "init_args": {"width": 24}}
    assert [str(warning.message) for warning in caught if "has no mine" in str(warning.message)] == (
        [
            f"pylos.PylosModule has no mine, with which {path} was made; name the class that made it: --model my.Module"
        ]
        if warned
        else []
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"state_dict": {}}, "weight is absent there and \\(2,\\) here"),
        ({"state_dict": {"weight": torch.ones(3)}}, r"weight is \(3,\) there and \(2,\) here"),
        (
            {"state_dict": {"weight": torch.ones(2), "more": torch.ones(1)}},
            r"more is \(1,\) there and absent here",
        ),
        ({"state_dict": {"weight": torch.ones(2, dtype=torch.int8)}}, "a.ckpt"),
        ({"state_dict": {"weight": torch.tensor([1, math.nan])}}, "a.ckpt"),
        ({"hyper_parameters": {"rules": "mature"}}, "mature"),
    ],
    ids=["fits", "lacks", "shape", "more", "kind", "nan", "rules"],
)
def test_a_checkpoint_must_fit_the_model(change, message):
    taken = []
    model = SimpleNamespace(
        state_dict=lambda: {"weight": torch.zeros(2)},
        rules="standard",
        take_activation=lambda *given: taken.append(given),
    )
    checkpoint = {
        "state_dict": {"weight": torch.ones(2)},
        "hyper_parameters": {"rules": "standard"},
        **change,
    }
    if message is None:
        check_fits(model, checkpoint, "a.ckpt")
        assert taken == [(checkpoint, "a.ckpt")]
    else:
        with pytest.raises(PylosError, match=message):
            check_fits(model, checkpoint, "a.ckpt")
