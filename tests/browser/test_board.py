"""The board alone, in a page without anything else."""

import pytest

BUILD = """async ([rules, start, mode, options]) => {
  const post = { method: "POST", headers: { "content-type": "application/json" } };
  const cells = (await (await fetch("/api/1/info")).json()).cells;
  const game = { rules, start, actions: [] };
  const answer = await (await fetch("/api/1/position", { ...post, body: JSON.stringify({ game }) })).json();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/css/board.css" });
  await new Promise((loaded) => { link.onload = loaded; document.head.append(link); });
  const { BoardView } = await import("/static/js/board/board.js");
  const element = document.createElement("div");
  Object.assign(element.style, { position: "absolute", left: 0, top: 0, width: "400px", height: "400px" });
  document.body.replaceChildren(element);
  window.played = [];
  window.board = new BoardView(element, cells);
  board.mode = mode;
  board.addEventListener("action", (event) => {
    window.played.push(board.view.state.legal.find(({ action }) => action === event.detail.action).name);
  });
  board.show({ state: answer.state, interactive: true, ghosts: true, arrows: [], marks: [], ...options });
}"""


START = "w....ww..bb....b/........./..../. w 0"
"""White may raise the ball on 1A1 to 2B2, and place there or on the ground."""


class Harness:
    """A board in a page."""

    def __init__(self, page):
        self.page = page
        page.goto("/")

    def build(self, start=None, rules="standard", mode="flat", **options):
        self.page.evaluate(BUILD, [rules, start, mode, options])
        self.cells = self.page.evaluate("board.cells.map(({name}) => name)")

    def point(self, name):
        point = self.page.evaluate("(cell) => board.pointOf(cell)", self.cells.index(name))
        return point["x"], point["y"]

    def click(self, name):
        self.page.mouse.click(*self.point(name))

    @property
    def played(self):
        return self.page.evaluate("window.played")


@pytest.fixture
def board(page):
    return Harness(page)


def test_a_click_places_a_ball(board):
    board.build()
    board.click("1B2")
    assert board.played == ["1B2"]


@pytest.mark.parametrize("mode", ["flat", "3d"])
def test_a_ball_is_selected_and_raised(board, mode):
    board.build(START, mode=mode)
    board.click("1A1")
    assert board.played == []
    assert board.page.evaluate("board.selected") == board.cells.index("1A1")
    board.click("2B2")
    assert board.played == ["1A1^2B2"]
