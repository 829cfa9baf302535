"""Being stopped from outside: SIGTERM ends the program as Ctrl-C does, at once and in every phase.

Nothing needs saving then, because a run goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

PARENT_SECONDS = 0.5
"""How often a rank looks whether the process that started it is still there."""


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """What the shell expects: 128 and the number of the signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def raise_on_sigterm() -> Any:
    """Lets SIGTERM raise Terminated in the main thread; Lightning's own handler only asks the training to end.

    Returns:
        The handler so far; None where signals cannot be handled, that is in other threads than the main one.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, _raise_terminated)


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """``raise_on_sigterm`` for the length of a block."""
    before = raise_on_sigterm()
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _raise_terminated(signum: int, frame: Any) -> None:
    raise Terminated


def end_with_parent() -> None:
    """Ends this process soon after its parent: a rank whose main process was killed must not play on."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def call_interruptibly(function: Callable[[], T]) -> T:
    """Calls compiled code that runs long, in a thread: Python notices signals only between its own instructions."""
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)  # which does not keep the process alive
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
