"""The options of a server."""

from pathlib import Path

import pytest

from pylos.errors import CheckpointError, ConfigurationError, PlayerError, RulesError
from pylos.players.naming import reference_file
from pylos.web.settings import Settings, make_settings
from tests.support.players import save_player


def test_the_defaults_can_be_played():
    settings = make_settings(None, None, None, None, "127.0.0.1")
    assert settings == Settings(runs=Path("lightning_logs"))
    assert reference_file(settings.rules).is_file()


def test_a_checkpoint_brings_its_rules(tmp_path):
    path = str(save_player(tmp_path / "mine.ckpt", "mature"))
    assert make_settings(None, None, path, None, "x") == Settings(
        "mature", ckpt_path=path, runs=Path("lightning_logs"), host="x"
    )
    with pytest.raises(PlayerError, match="not for 'children'"):
        make_settings("children", None, path, None, "x")


@pytest.mark.parametrize(
    ("host", "full"), [("0", "0.0.0.0"), ("127.1", "127.0.0.1"), ("::1", "::1"), ("box", "box")]
)
def test_a_short_address_is_written_in_full(host, full):
    assert make_settings(None, None, None, None, host).host == full


def test_what_does_not_exist_is_refused(tmp_path):
    with pytest.raises(RulesError):
        make_settings("nonsense", None, None, None, "x")
    with pytest.raises(CheckpointError):
        make_settings(None, None, str(tmp_path / "none.ckpt"), None, "x")
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        make_settings(None, None, None, str(tmp_path / "none"), "x")
