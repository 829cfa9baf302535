from pathlib import Path

import pytest
import yaml

from pylos.configuration import config_file, record_config, shorten
from pylos.errors import ConfigurationError


def test_presets_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "trainer" in yaml.safe_load(Path(config_file("quick")).read_text())
    (tmp_path / "quick").write_text("trainer: {}\n")
    assert config_file("quick") == "quick"  # a file of that name comes first
    with pytest.raises(ConfigurationError, match=r"no configuration file quikc, .* presets: .*quick"):
        config_file("quikc")


def test_every_configuration_of_a_run_is_kept(tmp_path):
    for text in ("a", "a", "b", "b", "a"):
        record_config(tmp_path, text)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"config.yaml": "a", "config-2.yaml": "b", "config-3.yaml": "a"}


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
    assert shorten(union) == 'Parser key "trainer.max_epochs": Expected a int; Expected a NoneType; got many'
