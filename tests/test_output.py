import io
import sys

import pytest

from pylos.output import tell


def test_news_go_to_stderr(capsys):
    tell("hello")
    assert capsys.readouterr() == ("", "pylos: hello\n")


@pytest.mark.parametrize("kind", ["none", "closed", "full"])
def test_nobody_needs_to_listen(kind, monkeypatch, capsys):
    stream = None if kind == "none" else io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True)
    if kind == "closed" and stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    tell("hello")
    monkeypatch.undo()
    assert capsys.readouterr() == ("", "")
