"""The options of a server."""

from pylos.players.naming import reference_file
from pylos.web.settings import Settings


def test_the_defaults_can_be_played():
    settings = Settings()
    assert reference_file(settings.rules).is_file()
    assert settings.host == "127.0.0.1"
