import os
from pathlib import Path

import pytest

from pylos.system.home import home


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PYLOS_HOME": "/p", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/p"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/pylos"),
        ({"HOME": "/h"}, "/h/.cache/pylos"),
        ({"PYLOS_HOME": "", "XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/pylos"),
        ({"PYLOS_HOME": "", "XDG_CACHE_HOME": "/x"}, "/x/pylos"),
        ({"PYLOS_HOME": "~/p", "HOME": "/h"}, "/h/p"),
        ({"XDG_CACHE_HOME": "~/x", "HOME": "/h"}, "/h/x/pylos"),
    ],
)
def test_where_it_is(environment, expected, monkeypatch):
    for name in ("PYLOS_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert home() == Path(expected)


def test_a_user_without_a_home_directory_has_none_in_the_working_directory(monkeypatch):
    for name in ("PYLOS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        os.path, "expanduser", lambda path: path
    )  # what Python does for a uid without an entry
    assert home() == Path("/.cache/pylos")
