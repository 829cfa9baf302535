"""The widget's module in a page without anything else, with a model in the place of anywidget's."""

import pytest

from pylos.web.info import cells
from pylos.web.widget import BoardWidget, style_sheet, widget_module

PAGE = """<!doctype html><html lang="en"><title>A cell</title><style>body{margin:8px;width:420px}STYLE</style>
<body><div id="cell"></div></body></html>"""
MOUNT = """async ([source, values]) => {
  const heard = {};
  window.sent = [];
  window.model = {
    values,
    get: (name) => model.values[name],
    set: (values) => { Object.assign(model.values, values); heard["change:game"]?.(); },
    on: (name, act) => { heard[name] = act; },
    off: (name) => { delete heard[name]; },
    send: (message) => sent.push(message),
  };
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  window.unmount = await widget.render({ model, el: document.querySelector("#cell") });
}"""


class Cell:
    """A widget in a page; what the page sends reaches it, and what it shows reaches the page."""

    def __init__(self, page, widget, mode):
        self.page, self.widget = page, widget
        html = PAGE.replace("STYLE", style_sheet())
        page.route("**/cell", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto("/cell")
        values = {"cells": cells(), "mode": mode, "game": widget.shown}
        page.evaluate(MOUNT, [widget_module(), values])

    def exchange(self):
        for message in self.page.evaluate("sent.splice(0)"):
            self.widget.receive(message)
        self.widget.wait()
        self.page.evaluate("(game) => model.set({ game })", self.widget.shown)

    def play(self, name):
        """Acts on a cell by its button, which the keyboard reaches."""
        level, row, column = int(name[0]), name[1], name[2]
        label = f"level {level}, row {row}, column {column}: "
        self.page.get_by_role("gridcell", name=label).dispatch_event("click")

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()
        self.exchange()

    @property
    def words(self):
        return self.page.locator(".pylos-words").text_content()


@pytest.fixture
def cell(page, monkeypatch):
    monkeypatch.setattr("pylos.web.widget.LEAST_SECONDS", 0.0)

    def make(*arguments, mode="flat", **options):
        return Cell(page, BoardWidget(*arguments, **options), mode)

    return make


@pytest.mark.parametrize("mode", ["flat", "3d"])
def test_a_game_is_played_in_a_cell(cell, mode):
    it = cell("random", mode=mode)
    assert it.words == "White to move"
    it.play("1B2")
    it.exchange()
    assert len(it.widget.turns) == 2
    assert it.widget.turns[0] == "1B2"
    it.press("Undo")
    assert it.widget.turns == []
    it.press("Play black")
    assert (it.widget.side, len(it.widget.turns)) == ("black", 1)
    it.page.evaluate("unmount()")
    assert it.page.locator("#cell > *").count() == 0


def test_a_turn_with_a_take_back_is_ended_by_a_button(cell):
    it = cell(None, rules="standard-optional", board=None)
    for turn in ("1A1", "1D4", "1A2", "1D3", "1B1", "1D2"):
        it.widget.push(turn)
    it.exchange()
    it.play("1B2")
    it.exchange()
    assert it.words == "White to take back a ball"
    it.press("Done")
    assert it.widget.turns[-1] == "1B2="
    assert it.words == "Black to move"
