"""Being stopped from outside: SIGTERM ends the program as Ctrl-C does, at once and in every phase.

Nothing needs saving then, because a run goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pylos.system.output import print_stderr

GRACE_SECONDS = 1.0
"""How long the program has for ending in an orderly way."""
PARENT_SECONDS = 0.5
"""How often a rank looks whether the process that started it is still there."""

_resume_command = ""
_received: int | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """What the shell expects: 128 and the number of the signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def received_signal() -> int | None:
    """The signal that should have ended this process, if there was one; its exception may have got lost on the way."""
    return _received


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated in the main thread, as SIGINT raises KeyboardInterrupt.

    Lightning's own handler only asks the training to end at its next step; it calls this one as well. Does nothing in
    other threads than the main one, where Python allows no handlers.
    """
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    # Others are meant so: a job in the background of a script ignores Ctrl-C, a rank leaves stopping to its parent.
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


def end_with_parent() -> None:
    """Leaves stopping to the parent, for a rank that it started: ends soon after it, and not before.

    Ctrl-C reaches all ranks at once. Lightning kills the first one without another word when it finds a rank ended,
    and a rank whose main process was killed would play on.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def end_soon_after_signals() -> None:
    """Makes sure that this process ends ``GRACE_SECONDS`` after SIGINT or SIGTERM, whatever it is doing.

    Python acts upon a signal between two of its own instructions, so compiled code delays it; and the exception that
    follows can get lost, in a destructor for example. Call it in the main thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)

    def wait() -> None:
        while (number := os.read(reader, 1)[0]) not in (signal.SIGINT, signal.SIGTERM):
            pass
        time.sleep(GRACE_SECONDS)
        print_interrupted()
        os._exit(128 + number)

    threading.Thread(target=wait, daemon=True).start()


def print_interrupted() -> None:
    """Prints the line for a user who stopped the program, who may be gone already."""
    print_stderr(f"pylos: interrupted{f'; go on with: {_resume_command}' if _resume_command else ''}")


def set_resume_command(command: str) -> None:
    """Notes the command that goes on with what is being done, for ``print_interrupted``."""
    global _resume_command
    _resume_command = command
