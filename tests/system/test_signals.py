import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pylos.system import signals
from pylos.system.signals import (
    CellInterrupt,
    Terminated,
    begin_cell_interrupts,
    end_cell_interrupts,
    exit_code,
    signals_as_exceptions,
)
from tests.support.commands import hear_interrupts


def start(source: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
)
def test_signals_become_exceptions_and_handlers_come_back(monkeypatch, number, error):
    monkeypatch.setattr(signals, "_received", None)
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)
    try:
        with pytest.raises(error) as caught:
            send_inside(number)
        assert type(caught.value) is error
        assert exit_code(caught.value) == 128 + number
        assert signals.received_signal() == number
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, before)


def test_a_process_that_ignores_interrupts_is_not_made_to_listen(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_as_exceptions():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_may_ask_for_it_in_vain():
    before = signal.getsignal(signal.SIGTERM)
    done = []

    def work() -> None:
        with signals_as_exceptions():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]


def send_inside(number: int) -> None:
    with signals_as_exceptions():
        os.kill(os.getpid(), number)
        time.sleep(1)


DEAF = """
import time
from pylos.system.signals import end_soon_after_signals, set_resume_command, signals_as_exceptions
end_soon_after_signals()
set_resume_command("try again")
with signals_as_exceptions():
    for _ in range(20):
        try:
            print("ready")  # in here, or the signal that it invites could come too early
            time.sleep(20)
        except KeyboardInterrupt:
            pass
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_loses_the_exception_ends_all_the_same(number):
    process = start(DEAF)
    assert process.stdout is not None
    process.stdout.readline()
    begin = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert time.monotonic() - begin < 2
    assert errors == "pylos: interrupted; go on with: try again\n"


FAMILY = '''
import os, subprocess, sys, time
child = """
import time
from pylos.system.signals import end_with_parent
end_with_parent(quietly=True)
print("ready")
time.sleep(30)
"""
process = subprocess.Popen([sys.executable, "-u", "-c", child])
print(process.pid)
time.sleep(30)
'''


def test_a_rank_outlives_interrupts_but_not_its_parent():
    parent = start(FAMILY)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == "ready\n"
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    time.sleep(1)
    os.kill(pid, 0)  # it is there
    parent.kill()
    begin = time.monotonic()
    parent.communicate(timeout=20)  # which ends when the child has closed its output, too
    assert time.monotonic() - begin < 5


ORPHAN = FAMILY.replace("import end_with_parent", "import *").replace(
    "end_with_parent(quietly=True)",
    "end_soon_after_signals(); end_with_parent(quietly=False); set_resume_command('that')",
)


def test_a_rank_of_another_launcher_does_not_outlive_it_either_and_says_so():
    parent = start(ORPHAN)
    assert parent.stdout is not None
    int(parent.stdout.readline())
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    _, errors = parent.communicate(timeout=20)
    assert errors == "pylos: interrupted; go on with: that\n"


OTHER_END = """
import threading, time
from pylos.system.signals import code_after, end_soon_after_signals, end_with, signals_as_exceptions
end_soon_after_signals()
with signals_as_exceptions():
    threading.Timer(0.3, end_with, args=("the other rank says so", 7)).start()
    for _ in range(20):
        try:
            time.sleep(20)
        except KeyboardInterrupt:
            assert code_after(15) == 7
"""


def test_another_thread_may_end_the_process_with_a_line_of_its_own():
    process = start(OTHER_END)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (7, "the other rank says so\n")


def test_a_process_without_handlers_ends_so_too():
    process = start("from pylos.system.signals import end_with\nend_with('so', 5)")
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (5, "so\n")


def test_a_process_that_leaves_the_last_line_to_others_prints_none(monkeypatch, capsys):
    monkeypatch.setattr(signals, "_silent", False)
    signals.print_interrupted()
    signals.leave_last_line_to_others()
    signals.print_interrupted()
    assert capsys.readouterr().err.count("interrupted") == 1


@pytest.fixture
def prompt(monkeypatch):
    """As in a notebook's cell."""
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_interrupt_of_a_cell_is_one_that_lightning_hands_on(prompt):
    begin_cell_interrupts()
    with pytest.raises(CellInterrupt) as caught:
        signal.raise_signal(signal.SIGINT)
    assert not isinstance(caught.value, (Exception, KeyboardInterrupt))
    caught.value.args = ("Go on.",)
    assert caught.value._render_traceback_() == ["Interrupted. Go on."]
    end_cell_interrupts()
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_only_the_usual_interrupt_at_a_prompt_is_replaced(prompt, monkeypatch):
    with signals_as_exceptions():
        ours = signal.getsignal(signal.SIGINT)
        begin_cell_interrupts()
        end_cell_interrupts()
        assert signal.getsignal(signal.SIGINT) == ours
    monkeypatch.delattr(sys, "ps1")
    begin_cell_interrupts()
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
