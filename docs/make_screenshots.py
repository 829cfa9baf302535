"""Photographs the pages for `docs/pages/`, while `pylos play` runs: `python docs/make_screenshots.py ADDRESS`.

It needs playwright and Chromium. The pictures show exact values where the standard rules are solved.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).with_name("pages")
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
GAME = "#standard/14.1.10.12.0.11.6.7.9.5.13.183.43.3.10.183.29.0.4.184.15.10.230.14.23.11?black=level:club&seed=1"
PAGES = {
    "play": (f"/{GAME}", ""),
    "analysis": (f"/{GAME}", "#tab-analysis"),
    "review": (f"/{GAME}", "#tab-review"),
    "setup": (f"/{GAME}", "#tab-setup"),
    "puzzles": ("/puzzles?rules=standard&number=17", ""),
    "runs": ("/runs", ""),
    "run": ("/runs?run=reference", ""),
}
"""A picture's name, the address, and what is clicked there."""
SETTINGS = """localStorage.setItem("pylos.settings", JSON.stringify({view: "3d", bar: true}))"""


def main() -> None:
    """Takes every picture."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for size in SIZES:
            for theme in ("light", "dark"):
                photograph(browser, size, theme)
        browser.close()


def photograph(browser: Browser, size: str, theme: str) -> None:
    """Takes the pictures of one size in one theme."""
    context = browser.new_context(
        base_url=sys.argv[1], viewport=SIZES[size], color_scheme=theme, reduced_motion="reduce"
    )
    context.add_init_script(SETTINGS)
    for name, (address, tab) in PAGES.items():
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(3000)
        if tab:
            page.click(tab)
            open_panel(page, name)
        page.screenshot(path=FOLDER / f"{name}-{size}-{theme}.jpg", type="jpeg", quality=80)
        page.close()
    context.close()


def open_panel(page: Page, name: str) -> None:
    """Starts what a panel does."""
    if name == "review":
        page.get_by_role("button", name="Review this game").click()
        page.wait_for_timeout(6000)
    elif name == "analysis":
        page.get_by_role("switch", name="Analyse this position").check()
        page.wait_for_timeout(6000)


if __name__ == "__main__":
    main()
