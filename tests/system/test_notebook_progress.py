"""The bar of a notebook, with a stand-in for IPython, which the tests do not install."""

import builtins
import sys
from types import ModuleType

import pytest

from pylos.system import progress as module
from pylos.system.progress import progress_bar


class ZMQInteractiveShell:
    """Named as the shell by which rich knows a notebook."""

    execution_count = 1


class Display:
    """A place in the output of a cell, and what it has shown."""

    def __init__(self, content):
        self.shown = [content]

    def update(self, content, raw):
        assert raw
        self.shown.append(content)


@pytest.fixture
def notebook(monkeypatch):
    """The running shell, and the displays that are made in it."""
    shell, made = ZMQInteractiveShell(), []

    def display(content, raw, display_id):
        assert raw
        assert display_id
        made.append(Display(content))
        return made[-1]

    ipython, displays = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell
    displays.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    monkeypatch.delitem(sys.modules, "pylos.system.notebook_progress", raising=False)
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setattr(module, "_REFRESH_SECONDS", 0.0)
    return shell, made


def test_all_bars_of_a_cell_are_drawn_in_one_place(notebook, capsys):
    shell, made = notebook
    for phase in ("self-play", "evaluation"):
        with progress_bar(phase, total=256) as update:
            update(64, "1,234 positions/s")
            (place,) = made
            text = place.shown[-1]["text/plain"]
            assert text.startswith(phase)
            assert " 64/256 " in text
            assert text.endswith("1,234 positions/s")
            assert "\n" not in text
        assert place.shown[-1] == {"text/plain": ""}
    shell.execution_count += 1
    with progress_bar("match", total=2):
        assert len(made) == 2  # another cell, another place
    assert capsys.readouterr() == ("", "")
