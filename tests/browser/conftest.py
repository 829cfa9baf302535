"""A real browser on a real server. Where there is no Chromium these tests are skipped; CI installs one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pylos.web.app import make_app
from pylos.web.settings import Settings
from tests.support.board_page import BoardPage
from tests.support.play_page import PlayPage
from tests.support.serving import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
REFUSED = "the server responded with a status of 400"
"""What a browser writes about every bad input that the server explains to the page."""
REFERENCE = Path(__file__).parents[2] / "lightning_logs" / "reference"
HOSTILE = "<img src=x onerror=alert(1)>"
"""The name of a run."""


@pytest.fixture(scope="package")
def browser():
    """Chromium, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        complain = pytest.fail if os.environ.get("PYLOS_TEST_BROWSER") == "required" else pytest.skip
        complain("no Chromium is installed here: the pages are not tested")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory) -> Path:
    """The folder of runs that the server watches. A test puts its runs there."""
    return tmp_path_factory.mktemp("runs")


def copy_run(source, target):
    """A copy of one of the runs that ship, without those within it."""
    target.mkdir()
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, target)


@pytest.fixture(scope="session")
def runs(runs_folder) -> Path:
    """The folder with three finished runs; the first has two checkpoints."""
    copy_run(REFERENCE, runs_folder / "first")
    copy_run(REFERENCE / "mature", runs_folder / "second")
    copy_run(REFERENCE / "children", runs_folder / HOSTILE)
    for name in ("best-052000.ckpt", "best-048000.ckpt"):
        (runs_folder / "first" / name).write_bytes(b"not opened by the page of the runs")
    return runs_folder


@pytest.fixture(scope="session")
def server(solved_folder, runs_folder) -> Iterator[str]:
    """The address of a server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYLOS_HOME", str(solved_folder))
        with served(make_app(Settings(runs=runs_folder))) as address:
            yield address


@contextmanager
def quiet_page(browser, server, **options):
    """An empty page. A message in its console fails the test, but for the browser's own about refused input."""
    context = browser.new_context(base_url=server, **options)
    page = context.new_page()
    messages: list[str] = []
    page.on(
        "console",
        lambda message: REFUSED in message.text or messages.append(f"{message.type}: {message.text}"),
    )
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    yield page
    context.close()
    assert not messages


@pytest.fixture
def page(browser, server):
    """An empty page on a desk, without motion."""
    with quiet_page(browser, server, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def phone(browser, server):
    """An empty page on a phone, which is touched."""
    size = {"width": 390, "height": 844}
    with quiet_page(
        browser, server, reduced_motion="reduce", viewport=size, has_touch=True, is_mobile=True
    ) as page:
        yield page


@pytest.fixture
def play(page) -> PlayPage:
    """The play page."""
    return PlayPage(page)


@pytest.fixture
def board(page) -> BoardPage:
    """The board alone."""
    return BoardPage(page)
