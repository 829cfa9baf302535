"""Where output leaves the program: full, closed, without a reader, and of another encoding."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pylos.system.output import LEAST_COLUMNS, MOST_COLUMNS, is_terminal, print_stderr, table_text

PYLOS = Path(sys.executable).with_name("pylos")
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_a_line_goes_to_stderr(capsys):
    print_stderr("hello")
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize("kind", ["none", "closed", "full"])
def test_nobody_needs_to_listen(kind, monkeypatch, capsys):
    stream = None if kind == "none" else io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True)
    if kind == "closed" and stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    print_stderr("hello")
    assert not is_terminal(stream)
    monkeypatch.undo()
    assert capsys.readouterr() == ("", "")


# Streams -----------------------------------------------------------------------------------------------------


def prepared(code: str, redirection: str = "", **environment: str) -> str:
    """What a process prints after it has prepared its streams."""
    command = (
        f'"$0" -c "from pylos.system.output import prepare_streams; prepare_streams(); {code}" {redirection}'
    )
    result = subprocess.run(
        ["sh", "-c", command, sys.executable],
        capture_output=True,
        env={**BUFFERED, **environment},
        check=True,
    )
    return result.stdout.decode()


def test_files_do_not_take_the_place_of_closed_streams(tmp_path):
    code = f"print('lost'); file = open('{tmp_path}/file', 'w'); import os; os.write(1, b'lost'); os.write(2, b'lost')"
    assert prepared(code, "0<&- 1>&- 2>&-") == ""
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_lacks_is_printed_all_the_same(encoding):
    assert prepared(r"print('win \u2500 \udcff')", PYTHONIOENCODING=encoding) == "win \\u2500 \\udcff\n"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_table_has_lines_that_can_be_printed(encoding, monkeypatch):
    from rich import box
    from rich.table import Table

    table = Table("name", "value", box=box.SIMPLE)
    table.add_row("[b]", "1")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    text = table_text(table)
    monkeypatch.undo()
    text.encode(encoding)
    assert "[b]" in text
    assert "\x1b" not in text
    assert len(text.splitlines()) >= 3


@pytest.mark.parametrize(
    ("columns", "expected"),
    [("1", LEAST_COLUMNS), ("100", 100), ("99999999", MOST_COLUMNS), ("x", 80), ("-3", 80), ("9" * 5000, 80)],
)
def test_lines_have_a_sensible_width(columns, expected):
    code = "import shutil; print(shutil.get_terminal_size().columns)"
    assert prepared(code, COLUMNS=columns) == f"{expected}\n"


def test_nothing_makes_a_terminal_of_a_file():
    code = "from rich import get_console; print(get_console().is_terminal)"
    assert prepared(code, FORCE_COLOR="1", TTY_COMPATIBLE="1") == "False\n"
