"""The play page in a browser, in the words of somebody who uses it."""

import re

WHOLE_GAME = "2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3 2B2-2B2-2A3 2B2 2C1^3A1 3B2 2C1 3B1 2A3"
"""On the small board: with a raise, a take-back of two, and an end."""
LEVEL = "level:child"
APP = "async (argument) => { const { app } = await import('/static/js/play.js'); return (%s)(argument); }"


class PlayPage:
    """The page, in the words of a player."""

    def __init__(self, page):
        self.page = page
        page.set_default_timeout(15000)

    def open(self, address="/#mini-standard/"):
        """Opens a game; without players in its address it is one of two people."""
        self.page.goto("about:blank")
        self.page.goto(address)
        self.page.locator("#controls button").first.wait_for()
        self.cells = self.tell("() => app.info.cells.map(({ name }) => name)")
        return self

    def tell(self, function, argument=None):
        return self.page.evaluate(APP % function, argument)

    def says(self, text):
        """Waits until the line below the board says this."""
        self.page.locator(
            "#status", has_text=re.compile(re.escape(text) if len(text) > 1 else text)
        ).wait_for()

    def click(self, cell):
        box = self.page.locator("#board").bounding_box()
        point = self.tell("(cell) => app.board.pointOf(cell)", self.cells.index(cell))
        self.page.mouse.click(box["x"] + point["x"], box["y"] + point["y"])

    def until(self, true):
        for _ in range(500):
            if true():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError("it did not happen")

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def play(self, turns, click=None):
        """Plays by clicks, or by another way to act on a cell."""
        for turn in turns.split():
            for cell in re.findall(r"\w+", turn):
                before = self.actions
                (click or self.click)(cell)
                if not turn.startswith(f"{cell}^"):
                    self.until(lambda before=before: self.actions > before)
        return self

    def type(self, turn):
        self.page.fill("#turn", turn)
        self.page.press("#turn", "Enter")

    @property
    def actions(self):
        return self.tell("() => app.game.request().actions.length")

    @property
    def turns(self):
        return self.page.locator(".turn-rows > li > button.turn .turn-text").all_inner_texts()

    @property
    def position(self):
        return self.tell("() => app.game.state.text")
