import os

import pytest

from pylos.runs.config_files import config_files, record_config


def test_every_configuration_of_a_run_is_kept(tmp_path):
    for text in ("a", "a", "b", "b", "a"):
        record_config(tmp_path, text)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"config.yaml": "a", "config-2.yaml": "b", "config-3.yaml": "a"}


def test_the_newest_is_that_of_the_highest_number_whatever_the_clock_says(tmp_path):
    for number in range(12):
        record_config(tmp_path, str(number))
    for name in ("config-12.yaml.old", "config-x.yaml", "config-99.yaml.part"):
        (tmp_path / name).touch()
    os.utime(tmp_path / "config-12.yaml", (0, 0))
    assert [path.name for path in config_files(tmp_path)[-2:]] == ["config-11.yaml", "config-12.yaml"]
    (tmp_path / "config.yaml").unlink()
    record_config(tmp_path, "new")
    assert config_files(tmp_path)[-1].name == "config-13.yaml"
    assert config_files(tmp_path / "missing") == []


@pytest.mark.parametrize("damage", ["bytes", "folder", "pipe"])
def test_one_that_cannot_be_read_is_kept_and_another_added(tmp_path, damage):
    if damage == "bytes":
        (tmp_path / "config.yaml").write_bytes(b"\xff\x00")
    elif damage == "folder":
        (tmp_path / "config.yaml").mkdir()
    else:
        os.mkfifo(tmp_path / "config.yaml")
    record_config(tmp_path, "a")
    assert sorted(os.listdir(tmp_path)) == ["config-2.yaml", "config.yaml"]
