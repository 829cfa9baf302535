import io
import os
import pty
import sys

import pytest

from pylos.system import progress as module
from pylos.system.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def attach_terminal(monkeypatch):
    """To be called from the test itself: pytest replaces sys.stderr between a fixture and its test."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_REFRESH_SECONDS", 0.0)
    return stream


def test_a_terminal_sees_the_bar_and_its_text(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with progress_bar("self-play", total=256) as update:
        update(64, "1,234 positions/s [fast]")
        assert "self-play" in terminal.getvalue()
        assert "64/256" in terminal.getvalue()
        assert "1,234 positions/s [fast]" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")  # the line is cleared when the phase is over
    assert sys.stderr is terminal


def test_anything_but_a_terminal_sees_nothing(capsys):
    with progress_bar("self-play", total=256) as update:
        update(64, "1,234 positions/s")
    assert capsys.readouterr() == ("", "")


def test_disabled_shows_nothing(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with progress_bar("self-play", total=256, enabled=False) as update:
        update(64, "1,234 positions/s")
    assert terminal.getvalue() == ""


def test_only_the_outer_bar_is_alive(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with progress_bar("outer", total=2), progress_bar("inner", total=2) as update:
        update(1, "hidden")
    assert "inner" not in terminal.getvalue()
    with progress_bar("next", total=2):
        pass
    assert "next" in terminal.getvalue()


def test_an_error_in_the_body_ends_the_bar_and_passes(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with pytest.raises(RuntimeError, match="mine"), progress_bar("broken", total=2):
        raise RuntimeError("mine")
    assert sys.stderr is terminal
    with progress_bar("next", total=2):
        pass
    assert "next" in terminal.getvalue()


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_stderr(monkeypatch, stream):
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar("self-play", total=2) as update:
        update(1, "text")


def test_stderr_closed_in_the_middle(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    before = sys.stdout
    with progress_bar("self-play", total=2) as update:
        update(1, "text")
        terminal.close()
        update(2, "text")
        update(2, "text")
    assert sys.stderr is terminal
    assert sys.stdout is before


def test_a_real_terminal_that_hangs_up(monkeypatch):
    attach_terminal(monkeypatch)
    ours, theirs = pty.openpty()
    with open(theirs, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_bar("self-play", total=2) as update:
            update(1, "text")
            seen = b""
            while b"self-play" not in seen:  # it comes in pieces
                seen += os.read(ours, 10_000)
            os.close(ours)
            update(2, "text")
        assert sys.stderr is stream


def test_nothing_makes_a_terminal_of_a_file(monkeypatch, tmp_path):
    path = tmp_path / "log"
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    with path.open("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_bar("self-play", total=2) as update:
            update(1, "text")
        monkeypatch.undo()
    assert path.read_text() == ""


@pytest.mark.parametrize("columns", ["1", "40", "1000"])
def test_any_width_will_do(monkeypatch, columns):
    terminal = attach_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", columns)
    with progress_bar("self-play", total=256) as update:
        update(64, "text")
    assert len(terminal.getvalue()) < 20_000
