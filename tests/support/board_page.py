"""The board alone in a page without anything else, in the words of somebody who uses it."""

BUILD = """async ([rules, start, mode, options]) => {
  const post = { method: "POST", headers: { "content-type": "application/json" } };
  const cells = (await (await fetch("/api/1/info")).json()).cells;
  window.states = async (actions) => {
    const body = JSON.stringify({ game: { rules, start, actions } });
    return (await (await fetch("/api/1/position", { ...post, body })).json()).state;
  };
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/css/board.css" });
  await new Promise((loaded) => { link.onload = loaded; document.head.append(link); });
  Object.defineProperty(window, "devicePixelRatio", { value: 0.4 }); // fewer pixels: the processor draws them
  const { BoardView } = await import("/static/js/board/board.js");
  const element = document.createElement("main");
  Object.assign(element.style, { position: "absolute", left: 0, top: 0, width: "250px", height: "250px" });
  document.body.replaceChildren(element);
  window.played = [];
  window.board = new BoardView(element, cells);
  board.mode = mode;
  board.addEventListener("action", (event) => {
    played.push(board.view.state.legal.find(({ action }) => action === event.detail.action).name);
  });
  window.view = { interactive: true, ghosts: true, arrows: [], ...options, state: await states([]) };
  board.show(view);
  window.frames = () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  await frames();
}"""
EMPTY = '<!doctype html><html lang="en"><title>A board</title><body></body></html>'
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"


class BoardPage:
    """A board of 250 pixels in a page, which cannot do more than the policy of the real pages allows."""

    def __init__(self, page):
        self.page = page
        headers = {"content-security-policy": POLICY}
        page.route(
            "**/empty", lambda route: route.fulfill(body=EMPTY, content_type="text/html", headers=headers)
        )
        page.goto("/empty")

    def build(self, start=None, rules="standard", mode="flat", **options):
        self.page.evaluate(BUILD, [rules, start, mode, options])
        self.cells = self.page.evaluate("board.cells.map(({name}) => name)")

    def point(self, name):
        point = self.page.evaluate("(cell) => board.pointOf(cell)", self.cells.index(name))
        return point["x"], point["y"]

    def click(self, name):
        self.page.mouse.click(*self.point(name))

    def drag(self, start, end):
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        self.page.mouse.move(*end)
        self.page.mouse.up()

    def evaluate(self, script):
        return self.page.evaluate(script)

    def wait(self, condition):
        wait = "while (!({})) await new Promise((waited) => setTimeout(waited, 10));"
        self.page.evaluate("(async () => {" + wait.format(condition) + "})()")

    @property
    def played(self):
        return self.page.evaluate("played")

    @property
    def selected(self):
        cell = self.page.evaluate("board.selected")
        return None if cell is None else self.cells[cell]

    def focused(self):
        return self.page.evaluate("document.activeElement.getAttribute('aria-label')")
