"""Fingers on the screen of a page, as the browser gets them from the system."""


class Fingers:
    """Any number of fingers."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)

    def touch(self, kind, *points):
        """Tells where all fingers are now: kind is "touchStart", "touchMove" or "touchEnd"."""
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def tap(self, point):
        """Puts a finger down and takes it up."""
        self.touch("touchStart", point)
        self.touch("touchEnd")

    def move(self, *ways, steps=4):
        """Puts fingers down, each at the start of a way, moves them to the ends, and takes them up."""
        self.touch("touchStart", *(start for start, _ in ways))
        for step in range(1, steps + 1):
            part = step / steps
            self.touch(
                "touchMove",
                *((x + part * (to_x - x), y + part * (to_y - y)) for (x, y), (to_x, to_y) in ways),
            )
        self.touch("touchEnd")
