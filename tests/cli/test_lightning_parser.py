import importlib.resources
from pathlib import Path

import pytest
import yaml
from pylos.cli.presets import config_file

from pylos.cli.main import main
from pylos.cli.option_errors import MOST_CHARACTERS, errors_in_one_line, shorten
from pylos.errors import ConfigurationError, RulesError


def test_presets_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "trainer" in yaml.safe_load(Path(config_file("quick")).read_text())
    (tmp_path / "quick").write_text("trainer: {}\n")
    assert config_file("quick") == "quick"  # a file of that name comes first
    with pytest.raises(ConfigurationError, match=r"no configuration file quikc, .* presets: .*quick"):
        config_file("quikc")


def test_presets_of_a_working_copy_that_is_not_installed(monkeypatch):
    def fail(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.resources, "files", fail)
    assert "trainer" in yaml.safe_load(Path(config_file("quick")).read_text())


def test_complaints_are_short():
    assert shorten("Option\n  'x' is not accepted") == "Option 'x' is not accepted"
    union = """Parser key "trainer.max_epochs":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'int'>, <class 'NoneType'>]
  Errors:
    - Expected a <class 'int'>
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: many"""
    assert shorten(union) == "trainer.max_epochs: Expected a int; Expected a NoneType; got many"
    of_a_class = """Parser key "model":
  - Expected a path but x either not accessible or invalid
  - Does not validate against any of the Union subtypes
  Subtypes: [<class 'pylos.training.module.PylosModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'pylos.PylosModule':
        Parser key "width":
          Expected a <class 'int'>. Got value: x
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: x"""
    assert shorten(of_a_class) == "model.width: Expected a int. Got value: x"
    unknown = "Problem with given class_path 'my.Module': Option 'wdith' is not accepted"
    assert shorten(f'Parser key "model": {unknown}') == "my.Module has no option model.wdith"
    assert len(shorten("x" * 10_000)) == MOST_CHARACTERS


def test_the_reason_is_found_behind_other_errors():
    def fail(error):
        with errors_in_one_line():
            raise ValueError("Does not validate against any of the Union subtypes") from error

    with pytest.raises(RulesError, match="no rules"):
        fail(RulesError("no rules"))
    with pytest.raises(ConfigurationError, match="Does not validate"):
        fail(IndexError())


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "text",
    [
        f"trainer: {DEEP}\n",
        f"model: {{width: {'9' * 6000}}}\n",
        "a: !nonsense 1\n",
        "- 1\n",
        "trainer: {logger: {class_path: pylos.runs.logger.RunLogger, init_args: {save_dir: x, version: 2024_01_02}}}\n",
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
