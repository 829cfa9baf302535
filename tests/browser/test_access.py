"""What axe finds on the pages, in both themes, on a phone and on a desk."""

from importlib import resources

import pytest

axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
AXE = (resources.files(axe) / "axe.min.js").read_text() if axe else ""
CONTRAST = {"runOnly": ["color-contrast"]}
LOOKS = [
    ("light", 1440, 900, {}),
    ("dark", 1440, 900, CONTRAST),
    ("dark", 390, 844, {}),
    ("light", 390, 844, CONTRAST),
]
"""Theme, size of the window, and what is looked for: by default everything."""
PAGES = {
    "/": "#controls button",
    "/puzzles?rules=standard&number=77": "#status button",
    "/runs": ".run",
    "/runs?run=first&with=second&show=value": ".plot-axes",
}


def faults(page, options=None):
    """The serious faults: what is wrong, and where."""
    # A change of the theme shows in the next frame.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    options = {"resultTypes": ["violations"], **(options or {})}
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    return [
        (fault["id"], node["target"], node["failureSummary"]) for fault in serious for node in fault["nodes"]
    ]


def look(page, address, wait):
    page.goto(address)
    page.locator(wait).first.wait_for()
    page.evaluate(AXE)


@pytest.mark.parametrize(("address", "wait"), PAGES.items())
def test_axe_finds_nothing_serious(page, runs, address, wait):
    look(page, address, wait)
    for theme, width, height, options in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        page.locator(f"html[data-theme={theme}]").wait_for()
        assert faults(page, options) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_serious_on_the_panels_of_the_play_page(page):
    look(page, "/", "[role=tab]")
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert faults(page) == []


def test_axe_finds_nothing_serious_where_tables_and_answers_are_open(page, runs):
    look(page, "/runs?run=first", ".plot-axes")
    for summary in page.locator("summary").all()[:2]:
        summary.click()
    assert faults(page) == []
    look(page, "/puzzles?rules=standard&number=77", "#status button")
    page.get_by_role("button", name="Show the answer").click()
    page.locator("#status[data-phase=shown]").wait_for()
    assert faults(page) == []
