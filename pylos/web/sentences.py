"""Errors as sentences for people elsewhere: they name no folder of this machine."""

from __future__ import annotations

import os
import re
from importlib import resources

from pylos.system.home import home
from pylos.web.settings import Settings

_POSITION = re.compile(r" in '[.wb/]{33} [wb] [012]'")


def sentence(error: object, settings: Settings) -> str:
    """The text of an error without this machine's folders, and without the position, which who asks knows.

    Args:
        error: an error or its text.
        settings: of the server.
    """
    folders = [str(home()), str(resources.files("pylos") / "players" / "reference")]
    if settings.runs is not None:
        folders.append(str(settings.runs))
    if settings.ckpt_path is not None:
        folders.append(os.path.dirname(settings.ckpt_path))
    named = set(folders) - {"", "."}
    named |= {os.path.realpath(folder) for folder in named}
    text = _POSITION.sub("", str(error))
    for folder in sorted(named, key=len, reverse=True):
        text = text.replace(folder + os.sep, "").replace(folder, "the folder")
    return text
