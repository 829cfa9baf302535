"""Starting and ending the server: its port, its address, the browser, signals."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from pylos.errors import ConfigurationError
from pylos.system.output import print_stderr
from pylos.web.app import make_app
from pylos.web.security import is_everywhere
from pylos.web.settings import Settings
from pylos.web.streams import Waiting

PORT = 7575
"""Where it listens unless it is asked for another port."""
_TRIES = 20
"""How many ports from there on are tried, before any that is free."""
_GRACE_SECONDS = 1
_MOST_CONNECTIONS = 1000


def serve(settings: Settings, port: int | None = None, browser: bool = True) -> None:
    """Serves until a signal ends it; the signal is raised again then.

    Args:
        settings: what was asked for.
        port: where to listen; 0 takes one that is free. None takes the usual one, or the next that is free.
        browser: whether to open a browser, where there is a display.

    Raises:
        ConfigurationError: the port is in use, or the host is no address of this machine.
    """
    with listen(settings.host, port) as listening:
        address = address_of(settings.host, listening.getsockname()[1])
        if not is_loopback(listening):
            print_stderr(
                f"pylos: everybody who can reach {settings.host} over the network can play here and use this machine's "
                "processor; there is no password, and nothing is encrypted. They open this machine's name or address, "
                f"port {listening.getsockname()[1]}"
            )

        def ready() -> None:
            print(f"Pylos is ready at {address} (Ctrl-C ends it)", flush=True)
            if browser and has_display():
                threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

        app = make_app(settings, warm=True)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        _Server(config, app.state.waiting, ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that says when it is ready, and lets nobody wait when it ends.

    Args:
        config: of the server.
        waiting: the clients that wait.
        ready: called when it answers.
    """

    def __init__(self, config: uvicorn.Config, waiting: Waiting, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._waiting = waiting
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._waiting.close()
        await super().shutdown(sockets)


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that is bound; see `serve`."""
    if port is not None:
        return _bind(host, port)
    for usual in range(PORT, PORT + _TRIES):
        try:
            return _bind(host, usual)
        except _InUseError:
            continue
    return _bind(host, 0)


class _InUseError(ConfigurationError):
    """The port is in use."""


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # a server that has just ended does not keep its port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _InUseError(f"port {port} is in use: name another with --port, or leave it out") from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(f"this user may not listen on port {port}") from None
        raise ConfigurationError(f"cannot listen on {host}: {error.strerror or error}") from None
    return listening


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine can reach a socket that is bound."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def address_of(host: str, port: int) -> str:
    """The address for a browser on this machine."""
    if is_everywhere(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def has_display() -> bool:
    """Whether a browser could be seen here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
