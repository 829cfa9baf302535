"""Classes of the user's own, in the working directory."""

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from pylos.cli import user_modules
from pylos.cli.main import main
from tests.support.training import config_text

OWN = """
from pylos import PylosModule, SelfPlayDataModule


class Module(PylosModule):
    def __init__(self, foo: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.foo = foo

    def on_fit_start(self):
        print(f"foo is {self.foo}")


class Fixed(PylosModule):
    def __init__(self, blocks: int = 2):
        super().__init__(width=24, blocks=1, schedule_steps=4, validation_simulations=0)


class Data(SelfPlayDataModule):
    def __init__(self, bar: float = 1.0, **kwargs):
        super().__init__(**kwargs, simulations=3)
"""
TINY = config_text(max_epochs=1, games=4, evaluation_games=2, simulations=2, batches_per_epoch=4)
LAST = Path("logs/run/checkpoints/last.ckpt")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_a_run_with_classes_of_ones_own(folder, capsys):
    start = ["fit", "-c", "tiny.yaml", "--model", "own.Module", "--data", "own.Data", "--data.bar", "2"]
    assert main([*start, "--model.foo", "7"]) == 0
    assert "foo is 7" in capsys.readouterr().out
    saved = torch.load(LAST, weights_only=True)
    ours, data = saved["hyper_parameters"], saved["datamodule_hyper_parameters"]
    assert (ours["foo"], ours["width"], data["bar"]) == (7, 16, 2.0)  # the width is that of the file
    assert data["simulations"] == 3  # what the class insists on, not what the file says

    # The recorded configuration names the classes, and a named checkpoint brings their options.
    assert (
        main(["fit", "-c", "logs/run/config.yaml", "--ckpt_path", "last", "--trainer.max_epochs", "2"]) == 0
    )
    assert "foo is 7" in capsys.readouterr().out
    assert main(["fit", *start[3:], "--ckpt_path", str(LAST), "--trainer.fast_dev_run", "true"]) == 0
    assert "foo is 7" in capsys.readouterr().out

    few = ["--trainer.limit_val_batches", "1"]
    for command, *options in (["validate", *few], ["predict"]):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert main([command, "--ckpt_path", str(LAST), *options]) == 0
        messages = [str(warning.message) for warning in caught]
        for option, name in (("foo", "--model own.Module"), ("bar", "--data own.Data")):
            assert any(f"has no {option}, " in text and name in text for text in messages), messages
    assert main(["match", f"{LAST}:2", "random", "--games", "2"]) == 0


def test_what_a_class_fixes_is_no_option_and_no_complaint(folder, recwarn):
    assert main(["fit", "-c", "tiny.yaml", "--model", "own.Fixed"]) == 0
    saved = torch.load(LAST, weights_only=True)["hyper_parameters"]
    assert (saved["width"], saved["blocks"], saved["learning_rate"]) == (24, 1, 1e-3)
    assert main(["predict", "--ckpt_path", str(LAST)]) == 0
    assert main(["predict", "--ckpt_path", str(LAST), "--model", "own.Fixed"]) == 0
    assert not [warning for warning in recwarn if "has no" in str(warning.message)]


def test_an_optimizer_and_a_schedule_of_ones_own(folder):
    options = ["--optimizer", "SGD", "--optimizer.lr", "0.05", "--lr_scheduler", "StepLR"]
    start = ["fit", "-c", "tiny.yaml", *options, "--lr_scheduler.step_size", "1"]
    assert main([*start, "--trainer.max_epochs", "2"]) == 0
    (groups,) = torch.load(LAST, weights_only=True)["optimizer_states"][0]["param_groups"]
    assert groups["lr"] == pytest.approx(0.0005)
    lines = Path("logs/run/metrics.csv").read_text().splitlines()
    rate = lines[0].split(",").index("train/learning_rate")
    assert [float(line.split(",")[rate]) for line in lines[1:]] == pytest.approx([0.05, 0.005])


def test_presets_work_beside_a_folder_of_the_user_called_callbacks(folder, capsys):
    (folder / "callbacks").mkdir()
    (folder / "callbacks" / "__init__.py").write_text("class Mine: pass\n")
    small = ["--data.games_per_epoch", "4", "--data.parallel_games", "8", "--data.simulations", "2"]
    trial = ["fit", "-c", "quick", "--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu", *small]
    command = [sys.executable, "-m", "pylos", *trial, "--model", "own.Module", "--model.width", "16"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert "foo is 3" in result.stdout
    assert main(["fit", "-c", "tiny.yaml", "--trainer.callbacks+=callbacks.Mine"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert f"{folder / 'callbacks'} is hidden by the package callbacks of pylos" in error


@pytest.fixture
def not_imported(monkeypatch):
    """As if this process had not imported the callbacks; afterwards it has those that it had."""
    monkeypatch.delitem(sys.modules, "callbacks")
    yield
    sys.modules.pop("callbacks", None)


@pytest.mark.parametrize(
    "content",
    [None, "class Other: pass\n", "from callbacks.nothing import Other\n"],
    ids=["removed", "another", "broken"],
)
def test_another_package_in_place_of_our_callbacks_is_named(
    folder, monkeypatch, not_imported, capsys, content
):
    monkeypatch.setattr(user_modules, "_OURS", folder / "callbacks")
    (folder / "callbacks").mkdir()
    if content is not None:
        (folder / "callbacks" / "__init__.py").write_text(content)
    assert main(["fit", "-c", "tiny.yaml"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert f"{folder / 'callbacks'} does not hold the callbacks of pylos" in error
    assert "pip install --force-reinstall --no-deps pylos" in error
    assert "callbacks" not in sys.modules
    assert not Path("logs").exists()


def test_another_package_that_this_process_has_imported_is_named(folder, monkeypatch, not_imported, capsys):
    (folder / "callbacks.py").touch()
    monkeypatch.syspath_prepend(folder)
    importlib.import_module("callbacks")
    assert main(["fit", "-c", "tiny.yaml"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert f"has imported {folder / 'callbacks.py'} by the name callbacks" in error


def test_in_python_an_own_file_comes_first_and_its_error_names_it(folder):
    """A notebook runs in its folder as `python -c` does."""
    (folder / "callbacks.py").touch()
    command = [sys.executable, "-c", "from callbacks import Report"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert str(folder / "callbacks.py") in result.stderr.splitlines()[-1]


def test_the_working_directory_comes_behind_installed_packages(folder, monkeypatch):
    monkeypatch.setattr(sys, "path", ["", str(folder), "/somewhere"])
    user_modules.open_working_directory()
    assert sys.path == ["/somewhere", str(folder)]
    assert user_modules.name_clash() == ""


def test_our_own_callbacks_hide_nothing_in_the_checkout(folder, monkeypatch):
    monkeypatch.chdir(Path(user_modules.__file__).parents[2])
    assert user_modules.name_clash() == ""
    monkeypatch.chdir(folder)
    (folder / "callbacks.py").touch()
    assert "callbacks.py is hidden by" in user_modules.name_clash()
