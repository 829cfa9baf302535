"""Who may ask, and how much: strangers' requests are refused before the application sees them.

The server listens on this machine alone, unless it was asked for more. Still, every page that the user visits can send
requests to it. So the address in `Host` must be ours (else a name of a stranger's could be made to point here), an
`Origin` must be this server itself, and a body must be JSON, which other sites' forms cannot send. Every answer has a
policy that lets the page load nothing from elsewhere and run no script but ours.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
"""The longest body."""
MOST_BYTES_OF_TEXT = 256 * 1024
"""The longest body with a saved game."""
LONG_BODIES = ("/api/1/parse", "/api/1/record")
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer has."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """Refuses what is not meant for this server, and bounds the rest. An ASGI middleware.

    Args:
        app: the application.
        host: the address on which the server listens. One that stands for all addresses of this machine allows its
            name and every numeric address: only a name can be made to point somewhere else.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        everywhere = is_everywhere(host)
        names = {host, *LOOPBACK, *([socket.gethostname()] if everywhere else [])}
        self._names = {name.lower() for name in names}
        self._any_number = everywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, _with_headers(send))
        # A websocket is closed by the server when nobody accepts it.

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope, headers):
            await _refuse(scope, receive, send, *refusal)
            return
        most = MOST_BYTES_OF_TEXT if scope["path"] in LONG_BODIES else MOST_BYTES
        try:
            body = await asyncio.wait_for(_read(headers, receive, most), BODY_SECONDS)
        except TimeoutError:
            await _refuse(scope, receive, send, 408, "the request did not arrive in time")
            return
        if body is None:
            await _refuse(
                scope, receive, send, 413, f"the request is too long: at most {most:,} bytes are read"
            )
            return
        await self._app(scope, _replayed(body, receive), send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence for a request that is refused."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 403, "this address is not served here"
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
            return 403, "requests of other sites are not answered"
        is_api = scope["path"].startswith("/api/")
        if is_api and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "requests of other sites are not answered"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            return 415, "a request with a body must be of content-type application/json"
        return None

    def _is_ours(self, authority: str) -> bool:
        """Whether the host of a request is this server, whatever the port."""
        name = host_name(authority)
        return name in self._names or (self._any_number and _is_number(name))


def full_address(host: str) -> str:
    """A number that is an IPv4 address, written in full: `0` stands for 0.0.0.0. Every other host as it is."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def is_everywhere(host: str) -> bool:
    """Whether an address stands for all addresses of this machine."""
    return _is_number(host) and ipaddress.ip_address(host).is_unspecified


def host_name(authority: str) -> str:
    """The name or number in `name:port` or `[number]:port`, in lower case."""
    name = authority.lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _read(headers: Headers, receive: Receive, most: int) -> bytes | None:
    """The whole body; None if it is longer than `most` bytes. What it says about its length is not trusted."""
    if not {"content-length", "transfer-encoding"}.intersection(headers):
        return b""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 15 or int(length) > most:
        return None
    parts: list[bytes] = []
    more, size = True, 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        more, size = message.get("more_body", False), size + len(parts[-1])
        if size > most:
            return None
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hands on a body that was read; afterwards the client's messages, of which only its leaving is left."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        if waiting:
            return waiting.pop()
        while (message := await receive())["type"] != "http.disconnect":
            pass
        return message

    return next_message


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return send_with_headers


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    # The rest of the body is not read, so the connection cannot be used again.
    answer = JSONResponse({"error": sentence}, status_code=status, headers={"Connection": "close"})
    await answer(scope, receive, send)
