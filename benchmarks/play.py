"""How the page's server keeps up: when it is ready, how soon agents answer, and fifty tabs that play and analyse.

    python benchmarks/play.py

The server is `pylos play` in a process of its own, asked over HTTP; agents make 64 simulations per action. In the part
with many tabs each shows an analysis of its position while its person thinks, drops it, lets the agent move and begins
again. At the end all tabs are closed at once. The first paint needs playwright and Chromium, the memory Linux. The
first start after an installation compiles for a minute: run it again then.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from pylos.kernels.randomness import derive_key, draw_below

RULES, OPPONENT = "standard", "given@64"
MOVES = 30
"""Answers that are timed one by one."""
TABS, TURNS, THINKING_SECONDS = 50, 6, 2.0
SIMULATIONS = 20_000
"""Of the analyses."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    with server() as (process, address, ready_seconds):
        rows = [("server is ready", f"{ready_seconds:.1f} s", "5 s")]
        if (paint := first_paint(address)) is not None:
            rows.append(("first paint after that", f"{paint:.2f} s", "0.5 s"))
        rows += asyncio.run(under_load(urlsplit(address).netloc, process.pid))
    table = Table("", "measured", "wanted at most")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@contextmanager
def server(ckpt_path: str = "reference") -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """The server, its address, and the seconds until it was ready."""
    started = time.perf_counter()
    command = [Path(sys.executable).with_name("pylos"), "play", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--rules", RULES, "--ckpt_path", ckpt_path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[4]
        yield process, address, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def first_paint(address: str) -> float | None:
    """Seconds from the navigation to the first content of the page; None where no browser is installed."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with suppress(ImportError):
        from playwright.sync_api import sync_playwright

        if program is not None:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(address)
                page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
                found = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
                browser.close()
                return float(found) / 1000
    return None


async def under_load(netloc: str, pid: int) -> list[tuple[str, str, str]]:
    """Rows of the table: answers one by one, and with many tabs."""
    alone = [waited async for waited in moves(netloc, seed=0, turns=MOVES)]
    before = memory_mb(pid, "VmRSS")
    stopping = asyncio.Event()
    loop_waits: list[float] = []
    probe = asyncio.create_task(ask_info(netloc, loop_waits, stopping))
    waits = await asyncio.gather(*(tab(netloc, seed) for seed in range(TABS)))
    stopping.set()
    await probe
    peak = memory_mb(pid, "VmHWM")
    gone = await leave_at_once(netloc)
    every = [waited for waited_for in waits for waited in waited_for]
    return [
        ("an action of 64 simulations alone, median", milliseconds(statistics.median(alone)), "150 ms"),
        (f"{TABS} tabs play and analyse: an action, median", milliseconds(statistics.median(every)), ""),
        (f"{TABS} tabs: an action, the longest", milliseconds(max(every)), "2000 ms"),
        (f"{TABS} tabs: another request, the longest", milliseconds(max(loop_waits)), ""),
        ("memory with one tab", f"{before:.0f} MB", ""),
        (f"memory with {TABS} tabs, the most", f"{peak:.0f} MB", "1500 MB"),
        (f"searches of {TABS} tabs that are gone end after", milliseconds(gone), "1000 ms"),
    ]


async def tab(netloc: str, seed: int) -> list[float]:
    """One tab: it analyses while its person thinks, then the agent moves."""
    await asyncio.sleep(THINKING_SECONDS * seed / TABS)
    return [waited async for waited in moves(netloc, seed, TURNS, thinking=THINKING_SECONDS)]


async def moves(netloc: str, seed: int, turns: int, thinking: float = 0) -> AsyncIterator[float]:
    """Seconds per action of an agent, turn after turn of games that begin with random turns."""
    game = await random_opening(netloc, seed)
    for turn in range(turns):
        if thinking:
            async with analysing(netloc, game):
                await asyncio.sleep(thinking)
        started = time.perf_counter()
        answer = await post(netloc, "move", {"game": game, "opponent": OPPONENT, "seed": seed})
        found = answer["turn"]
        yield (time.perf_counter() - started) / len(found["actions"])
        game["actions"] += found["actions"]
        if found["state"]["over"]:
            game = await random_opening(netloc, derive_key(seed, turn) % 2**40)


async def random_opening(netloc: str, seed: int) -> dict[str, Any]:
    """A game after six random turns."""
    game: dict[str, Any] = {"rules": RULES, "start": None, "actions": []}
    for ply in range(6):
        state = (await post(netloc, "position", {"game": game}))["state"]
        legal = state["legal"]
        game["actions"].append(legal[draw_below(derive_key(seed, "opening"), ply, len(legal))]["action"])
    return game


@asynccontextmanager
async def analysing(netloc: str, game: dict[str, Any]) -> AsyncIterator[None]:
    """An analysis that is read as long as the block lasts; then its connection is closed."""
    reader, writer = await send(netloc, "analyse", {"game": game, "simulations": SIMULATIONS})
    reading = asyncio.create_task(reader.read(-1))
    try:
        yield
    finally:
        reading.cancel()
        writer.close()


async def leave_at_once(netloc: str) -> float:
    """Seconds from the moment that many analyses lose their tabs until no search is open."""
    streams = []
    for seed in range(TABS):
        game = await random_opening(netloc, seed)
        streams.append(await send(netloc, "analyse", {"game": game, "simulations": SIMULATIONS}))
    await asyncio.gather(*(reader.readuntil(b"data:") for reader, _ in streams))
    started = time.perf_counter()
    for _, writer in streams:
        writer.close()
    while (await get_info(netloc))["load"]["searches"]:
        await asyncio.sleep(0.01)
    return time.perf_counter() - started


async def ask_info(netloc: str, waits: list[float], stopping: asyncio.Event) -> None:
    """Asks for what needs no search, over and over, and notes how long that takes."""
    while not stopping.is_set():
        started = time.perf_counter()
        await get_info(netloc)
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.1)


async def get_info(netloc: str) -> dict[str, Any]:
    reader, writer = await connect(netloc)
    writer.write(f"GET /api/1/info HTTP/1.1\r\nHost: {netloc}\r\nConnection: close\r\n\r\n".encode())
    return await read_json(reader, writer)


async def post(netloc: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return await read_json(*await send(netloc, path, body))


async def send(
    netloc: str, path: str, body: dict[str, Any]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends a request on a connection of its own."""
    reader, writer = await connect(netloc)
    content = json.dumps(body).encode()
    head = (
        f"POST /api/1/{path} HTTP/1.1\r\nHost: {netloc}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    return reader, writer


async def connect(netloc: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = netloc.rpartition(":")
    return await asyncio.open_connection(host, int(port), limit=1 << 24)


async def read_json(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
    head, _, content = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    if b" 200 " not in head.splitlines()[0]:
        raise RuntimeError(content.decode())
    return dict(json.loads(content))


def memory_mb(pid: int, name: str) -> float:
    """`VmRSS`, the memory of a process, or `VmHWM`, the most that it had."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


if __name__ == "__main__":
    main()
