import os
import subprocess
import time

import pytest

from pylos.cli.main import main
from tests.support.commands import PYLOS, run_pylos

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_answer_at_once(option):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = run_pylos(option)
        seconds.append(time.perf_counter() - start)
        assert result.returncode == 0
        assert result.stdout.startswith("usage: pylos" if option == "--help" else "pylos 0.")
    assert min(seconds) < 0.5


def test_kernels_that_may_not_be_compiled(monkeypatch, capsys):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert main(["perft", "--depth", "1"]) == 2
    assert capsys.readouterr().err.startswith("pylos: error: NUMBA_DISABLE_JIT is set")


def test_a_reader_that_goes_away():
    command = f"{PYLOS} perft --depth 5 | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.stdout.startswith("depth 1")
    assert "Traceback" not in result.stderr


# Where its output goes --------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [PYLOS, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, env=BUFFERED
        )
    assert result.returncode == 2
    assert result.stderr == "pylos: error: [Errno 28] No space left on device: 'standard output'\n"


def test_a_reader_that_is_gone_already_gets_no_message():
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [PYLOS, "--version"], stdout=writer, stderr=subprocess.PIPE, text=True, env=BUFFERED
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_is_no_error(closed):
    result = subprocess.run(
        f"{PYLOS} --version {closed}", shell=True, capture_output=True, text=True, env=BUFFERED
    )
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith("pylos ") == ("1>&-" not in closed)


def test_an_error_does_not_go_to_stdout_instead():
    result = subprocess.run(
        f"{PYLOS} nonsense 2>&-", shell=True, capture_output=True, text=True, env=BUFFERED
    )
    assert (result.returncode, result.stdout, result.stderr) == (2, "", "")
