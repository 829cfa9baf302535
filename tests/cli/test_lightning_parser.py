import warnings
from pathlib import Path

import pytest
import torch
import yaml

import pylos
from pylos.cli.lightning_parser import config_file
from pylos.cli.main import main
from pylos.errors import ConfigurationError
from pylos.runs.renamed import RENAMED, with_new_class_paths
from tests.support.training import config_text

ROOT = Path(__file__).parents[2]
REFERENCE_RUNS = sorted((ROOT / "lightning_logs" / "reference").rglob("config.yaml"))


def test_presets_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "trainer" in yaml.safe_load(Path(config_file("quick")).read_text())
    (tmp_path / "quick").write_text("trainer: {}\n")
    assert config_file("quick") == "quick"  # a file of that name comes first
    with pytest.raises(ConfigurationError, match=r"no configuration file quikc, .* presets: .*quick"):
        config_file("quikc")


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "text",
    [
        f"trainer: {DEEP}\n",
        f"model: {{width: {'9' * 6000}}}\n",
        "a: !nonsense 1\n",
        "- 1\n",
        "trainer: {logger: {class_path: pylos.RunLogger, init_args: {save_dir: x, version: 2024_01_02}}}\n",
    ],
)
def test_senseless_files_are_refused(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(text)
    assert main(["fit", "-c", "own.yaml"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pylos: error: ")
    assert "own.yaml" in error
    assert (error.count("\n"), len(error) < 700) == (1, True)


@pytest.mark.parametrize("place", ["pylos/configs", "configs"])
def test_presets_are_those_of_the_code_that_runs(tmp_path, monkeypatch, place):
    """A wheel has them in the package, a checkout beside it; other installations are never looked at."""
    monkeypatch.setattr(pylos, "__file__", str(tmp_path / "pylos" / "__init__.py"))
    with pytest.raises(ConfigurationError, match="no configuration file quick"):
        config_file("quick")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "other.yaml").touch()
    preset = tmp_path / place / "quick.yaml"
    preset.parent.mkdir(parents=True, exist_ok=True)
    preset.touch()
    assert config_file("quick") == str(preset)


# Class paths of earlier versions -----------------------------------------------------------------------------


def with_old_class_paths(text: str) -> str:
    """A configuration as a version wrote it in which the classes had other names."""
    for old, new in RENAMED.items():
        text = text.replace(f"class_path: {new}\n", f"class_path: {old}\n")
    return text


@pytest.mark.parametrize("path", REFERENCE_RUNS, ids=lambda path: path.parent.name)
def test_configurations_of_the_reference_runs_are_read(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main() replaces it
    text = with_old_class_paths(path.read_text())
    assert "pylos.logger.RunLogger" in text
    Path("old.yaml").write_text(text)
    assert main(["fit", "-c", str(path), "--print_config"]) == 0
    as_it_is = capsys.readouterr().out
    assert main(["fit", "-c", "old.yaml", "--print_config"]) == 0
    printed, written = yaml.safe_load(capsys.readouterr().out), yaml.safe_load(with_new_class_paths(text))
    assert printed == yaml.safe_load(as_it_is)
    for name, options in written["trainer"].items():
        assert printed["trainer"][name] == options, name
    for key in ("model", "data"):
        own = written[key].get("init_args", written[key])  # the oldest ones name no class
        assert printed[key]["init_args"].items() >= own.items()
    assert not any(old in yaml.dump(printed) for old in RENAMED)


def test_there_are_reference_runs():
    assert len(REFERENCE_RUNS) == 5


def test_a_run_of_an_earlier_version_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    tiny = config_text(max_epochs=1, games=4, evaluation_games=2, simulations=2, batches_per_epoch=4)
    Path("tiny.yaml").write_text(tiny)
    assert main(["fit", "-c", "tiny.yaml"]) == 0
    config, last = Path("logs/run/config.yaml"), Path("logs/run/checkpoints/last.ckpt")
    text = with_old_class_paths(config.read_text())
    assert text.count("pylos.logger.RunLogger") == 1
    config.write_text(text)
    assert main(["fit", "-c", str(config), "--ckpt_path", "last"]) == 0
    assert not Path("logs/run/config-2.yaml").exists()  # it says the same in new words
    assert main(["fit", "-c", str(config), "--ckpt_path", "last", "--trainer.max_epochs", "2"]) == 0
    assert torch.load(last, weights_only=True)["epoch"] == 1
    assert "class_path: pylos.RunLogger" in Path("logs/run/config-2.yaml").read_text()


def test_class_paths_on_the_command_line_are_renamed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    arguments = ["--model", "pylos.module.PylosModule", "--data=pylos.datamodule.SelfPlayDataModule"]
    arguments += ["--trainer.logger", "pylos.logger.RunLogger"]
    arguments += ["--trainer.plugins", '{"class_path": "pylos.checkpoints.AtomicCheckpointIO"}']
    arguments += ["--trainer.callbacks+=callbacks.live_report.Report"]
    assert main(["fit", "-c", "quick", *arguments, "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["class_path"] == "pylos.PylosModule"
    assert printed["data"]["class_path"] == "pylos.SelfPlayDataModule"
    assert printed["trainer"]["logger"]["class_path"] == "pylos.RunLogger"
    assert printed["trainer"]["plugins"]["class_path"] == "pylos.AtomicCheckpointIO"
    assert printed["trainer"]["callbacks"][-1]["class_path"] == "callbacks.Report"
