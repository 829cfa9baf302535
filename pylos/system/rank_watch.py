"""Ranks that watch each other: if one of them ends too early, all end within seconds, and the last line says why.

Every rank has a connection to the first one. A rank that fails says why before it ends; where one is killed, the system
closes its connection. The first rank tells the others. On every machine one process prints the reason at last.
Without this a rank that plays would notice in its next exchange that another one is gone, and never why.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from pylos.system.output import print_stderr
from pylos.system.signals import end_with

if TYPE_CHECKING:
    from multiprocessing.connection import Connection, Listener

ADDRESS = "PYLOS_RANKS"
"""The variable that tells a rank which Lightning starts where the first one listens."""
ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
"""The variable by which `torchrun` names the file for the reason of a failure."""
NEWS_SECONDS = 3.0
"""How long an error may wait for the failure of another rank of which it is a consequence, as a lost connection is."""
ALIVE_SECONDS = 5
"""After how long without traffic the system asks whether the other machine is still there, and how often it asks."""
_DONE = "done"


class Failure(NamedTuple):
    """Why a rank has ended too early."""

    reason: str
    """A sentence that names the rank; empty if the rank was interrupted, as by Ctrl-C."""
    code: int
    """The exit code of all ranks."""


class RankWatch:
    """What one rank knows of the others.

    Args:
        rank: its number.
        name: what it is called in messages.
        prints: whether this process prints the reason of a failure.
        loss: says of a rank that is gone without a word what is known of its end, if anything is: the rest of the
            sentence, and the exit code.
    """

    def __init__(
        self,
        rank: int,
        name: str,
        prints: bool,
        loss: Callable[[int], tuple[str, int] | None] = lambda rank: None,
    ) -> None:
        self.rank, self.prints = rank, prints
        self.address = ""
        """Where the first rank listens, with the secret that it asks for."""
        self._name, self._loss = name, loss
        self._lock = threading.Lock()
        self._links: dict[int, Connection] = {}
        """Connections by rank: of the first one to all, of the others to the first."""
        self._names: dict[int, str] = {}
        self._failure: Failure | None = None
        self._failed = threading.Event()
        self._tried = threading.Event()
        self._left = False

    def listen(self, host: str) -> None:
        """Lets other ranks connect to this one, the first.

        Args:
            host: the name or address of this machine by which they reach it. Here it may stand for something else, as
                for 127.0.1.1 under Debian, or for nothing. So all addresses are listened to if it is not 127.0.0.1.
        """
        from multiprocessing.connection import Listener  # late: most commands have a single rank

        secret = os.urandom(16).hex()
        listener = Listener((host if host == "127.0.0.1" else "", 0), backlog=128)
        self.address = f"{secret}@{host}:{listener.address[1]}"
        _in_background(self._accept, listener, secret.encode())

    def connect(self, address: str) -> None:
        """Connects to the first rank, once, and waits a little for that.

        Args:
            address: that of the first rank's watch; empty if it has none.
        """
        if address and not self.address:
            self.address = address
            _in_background(self._connect)
            self._tried.wait(NEWS_SECONDS)

    def hears_failure(self, seconds: float) -> bool:
        """Waits for news of another rank's failure; whether there are any."""
        return self._failed.wait(seconds)

    def report(self, sentence: str, code: int) -> tuple[str, int]:
        """Tells the other ranks that this one has failed, unless another one did so before.

        Args:
            sentence: why; empty if it was interrupted.
            code: the exit code.

        Returns:
            the last line, empty if another process prints it, and the exit code: those of the first failure.
        """
        own = Failure(f"{self._name}: {sentence}" if sentence else "", code)
        first = self._note(own) or own
        heard_by_others = self.rank == 0 or bool(self._links)
        line = note_for_launcher(first.reason)
        return line if self.prints or not heard_by_others else "", first.code

    def leave(self) -> None:
        """Tells the other ranks that this one has done all that it had to do."""
        with self._lock:
            self._left = True
            self._tell([_DONE])

    def _accept(self, listener: Listener, secret: bytes) -> None:
        while True:
            try:
                _in_background(self._welcome, listener.accept(), secret)
            except OSError:  # no file is left to be opened, for example
                time.sleep(1.0)

    def _welcome(self, link: Connection, secret: bytes) -> None:
        """Asks for the secret, in a thread of its own: a stranger may connect and say nothing. Then listens."""
        from multiprocessing import AuthenticationError
        from multiprocessing.connection import answer_challenge, deliver_challenge

        with suppress(OSError, EOFError, AuthenticationError, ValueError, TypeError):
            deliver_challenge(link, secret)
            answer_challenge(link, secret)
            rank, name = json.loads(link.recv_bytes())
            with self._lock:
                self._links[rank], self._names[rank] = link, name
                if self._failure is not None:  # it joins too late to have heard
                    _send(link, self._failure)
            self._hear(rank, link)

    def _connect(self) -> None:
        from multiprocessing import AuthenticationError
        from multiprocessing.connection import Client

        place, _, port = self.address.rpartition(":")
        secret, _, host = place.partition("@")
        try:
            link = Client((host, int(port)), authkey=secret.encode())
            link.send_bytes(json.dumps([self.rank, self._name]).encode())
        except (OSError, EOFError, AuthenticationError) as error:
            print_stderr(
                f"pylos: warning: {self._name} does not reach the first rank at {host}:{port} ({error}): "
                "if one of them fails, the other one hears of it late"
            )
            self._tried.set()  # nobody need wait any longer
            return
        with self._lock:
            self._links[0], self._names[0] = link, "rank 0"
        self._tried.set()
        self._hear(0, link)

    def _hear(self, rank: int, link: Connection) -> None:
        """Listens to a rank until it is gone."""
        done = False
        with suppress(OSError, EOFError, ValueError, TypeError):
            _ask_whether_alive(link)
            while True:
                message = json.loads(link.recv_bytes())
                if message == [_DONE]:
                    done = True
                else:
                    self._learn(Failure(*message))
        if not done:
            rest, code = self._loss(rank) or ("was killed, or its machine is lost", 1)
            self._learn(Failure(f"{self._names[rank]} {rest}", code))

    def _learn(self, failure: Failure) -> None:
        """Ends this process because another rank has failed."""
        if self._note(failure) is not failure:  # it has done its work, or fails itself
            return
        line = note_for_launcher(failure.reason)
        if self.prints:
            end_with(
                line, failure.code
            )  # returns if a signal ends it already: then it prints its own last line
        else:
            os._exit(failure.code)

    def _note(self, failure: Failure) -> Failure | None:
        """Notes a failure and tells the other ranks, unless there was one before; returns the first.

        None if this rank has done its work, so that the failure does not matter any more.
        """
        with self._lock:
            if self._failure is None and not self._left:
                self._failure = failure
                self._tell(failure)
                self._failed.set()
            return self._failure

    def _tell(self, message: Failure | list[str]) -> None:
        for link in self._links.values():
            _send(link, message)


def note_for_launcher(reason: str) -> str:
    """Writes why this process ends where `torchrun` looks for it, if that has started it; returns the last line."""
    path = os.environ.get(ERROR_FILE)
    if path and reason:
        note = {"message": {"message": reason, "extraInfo": {"timestamp": str(int(time.time()))}}}
        with suppress(OSError), open(path, "w", encoding="utf-8") as file:
            json.dump(note, file)
    return f"pylos: error: {reason}" if reason else ""


_watch: RankWatch | None = None


def begin_watch(watch: RankWatch) -> RankWatch:
    """Makes a watch that of this process."""
    global _watch
    _watch = watch
    return watch


def present_watch() -> RankWatch | None:
    """The watch of this process; None where it has not begun, as for a single rank."""
    return _watch


def end_watch(well: bool) -> None:
    """Ends the watch of this process, if it has begun.

    Args:
        well: whether this rank has done all that it had to do; otherwise the others have been told why not.
    """
    global _watch
    if _watch is not None and well:
        _watch.leave()
    _watch = None


def join_parent() -> None:
    """Begins the watch of a rank that Lightning has started, if the first one told it where to connect.

    A command that a rank starts is no rank: the first one has the number 0, and others do not hand the address on.
    """
    number, address = os.environ.get("LOCAL_RANK", ""), os.environ.pop(ADDRESS, "")
    rank = int(number) if number.isdecimal() else 0
    if address and rank:
        begin_watch(RankWatch(rank, f"rank {rank}", prints=False)).connect(address)


def _in_background(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _send(link: Connection, message: Failure | list[str]) -> None:
    with suppress(OSError):  # it is gone
        link.send_bytes(json.dumps(message).encode())


def _ask_whether_alive(link: Connection) -> None:
    """Lets the system find out within seconds that a machine is lost, which closes no connection."""
    import socket

    with socket.socket(fileno=os.dup(link.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", ALIVE_SECONDS),
            ("TCP_KEEPINTVL", ALIVE_SECONDS),
            ("TCP_KEEPCNT", 2),
        ):
            if hasattr(socket, name):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
