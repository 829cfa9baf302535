"""Signals: SIGTERM ends the program as Ctrl-C does, at once and in every phase.

Nothing is saved then, because a run resumes from its last checkpoint, with the same result as without the interruption.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pylos.system.output import print_stderr

GRACE_SECONDS = 1.0
"""How long the program may take to end after a signal."""
PARENT_SECONDS = 0.5
"""The time between two looks of a rank whether the process that started it is still there."""

_resume_command = ""
_received: int | None = None
_other_end: tuple[str, int] | None = None
"""The last line, empty for the usual one, and the exit code of a process that ends because of another one."""
_silent = False


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code that shells expect: 128 plus the number of the signal."""
    return code_after(signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def code_after(number: int) -> int:
    """The exit code after a signal: 128 plus its number, unless `end_with` named another one."""
    return 128 + number if _other_end is None else _other_end[1]


def end_with(line: str, code: int) -> None:
    """Ends this process as SIGTERM would, from another thread than the main one.

    Args:
        line: what it prints at last; empty for the line of an interrupt.
        code: its exit code.
    """
    global _other_end
    _other_end = line, code
    if _received is None:  # otherwise it ends already
        if signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(2 * GRACE_SECONDS)  # by then it has ended where `end_soon_after_signals` was called
        print_interrupted()
        os._exit(code)


def received_signal() -> int | None:
    """The signal that should have ended this process, if there was one. Its exception may have been lost."""
    return _received


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """In its block, SIGTERM raises Terminated in the main thread, as SIGINT raises KeyboardInterrupt.

    Lightning's own handler only asks the training to end at its next step, and then calls this one. In another thread
    than the main one this does nothing, because Python allows no handlers there.
    """
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    # Other handlers stay: a background job of a script ignores Ctrl-C, a rank ends with its parent.
    numbers = [number for number, handler in usual.items() if signal.getsignal(number) == handler]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {number: signal.signal(number, _raise) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(signum: int, frame: Any) -> None:
    global _received
    _received = signum
    raise Terminated if signum == signal.SIGTERM else KeyboardInterrupt


class CellInterrupt(BaseException):
    """The user interrupted a fit in a notebook's cell, or at a prompt of Python.

    Not a KeyboardInterrupt, of which Lightning makes `sys.exit(1)`. A notebook shows its message alone.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted. {self}".rstrip()]


def at_prompt() -> bool:
    """Whether somebody types what is run here: in a notebook, or at a prompt of IPython or Python."""
    return hasattr(sys, "ps1")


def begin_cell_interrupts() -> None:
    """Lets SIGINT raise CellInterrupt until `end_cell_interrupts`, if it is Python's own interrupt at a prompt."""
    usual = signal.getsignal(signal.SIGINT) == signal.default_int_handler
    if at_prompt() and usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt_cell)


def end_cell_interrupts() -> None:
    """Undoes `begin_cell_interrupts`."""
    if signal.getsignal(signal.SIGINT) == _interrupt_cell:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt_cell(signum: int, frame: Any) -> None:
    raise CellInterrupt


def end_with_parent(quietly: bool) -> None:
    """Lets a rank end soon after the process that started it, which would otherwise go on playing.

    Args:
        quietly: whether it ignores signals and prints nothing, because its parent is the first rank. Ctrl-C reaches all
            ranks at once. When a rank ends, Lightning kills the first one, which could print nothing more.
    """
    for number in (signal.SIGINT, signal.SIGTERM) if quietly else ():
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        if quietly:
            os._exit(128 + signal.SIGTERM)
        end_with("", 128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def end_soon_after_signals() -> None:
    """Makes sure that this process ends `GRACE_SECONDS` after SIGINT or SIGTERM, whatever it is doing.

    Python handles a signal between two of its own instructions, so compiled code delays it. The exception that follows
    can get lost, for example in a destructor. Call this in the main thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)

    def wait() -> None:
        while (number := os.read(reader, 1)[0]) not in (signal.SIGINT, signal.SIGTERM):
            pass
        time.sleep(GRACE_SECONDS)
        print_interrupted()
        os._exit(code_after(number))

    threading.Thread(target=wait, daemon=True).start()


def print_interrupted() -> None:
    """Prints that the program was interrupted, and the command that resumes its work; or why else it ends."""
    if _silent:
        return
    other = _other_end[0] if _other_end else ""
    print_stderr(
        other or f"pylos: interrupted{f'; go on with: {_resume_command}' if _resume_command else ''}"
    )


def leave_last_line_to_others() -> None:
    """Lets this process print nothing when it is interrupted, because another one does."""
    global _silent
    _silent = True


def set_resume_command(command: str) -> None:
    """Notes the command that resumes the present work, for `print_interrupted`; empty: there is none."""
    global _resume_command
    _resume_command = command
