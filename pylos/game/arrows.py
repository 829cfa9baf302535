"""Turns drawn on a board: an arrow for a ball that is raised, a disc where one is placed, a ring where one is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from pylos.game.actions import parse_action
from pylos.game.notation import split_turn
from pylos.game.rules import ACTION_SOURCE, ACTION_TARGET

GOOD = "#00805c"
"""The colour of an arrow that says nothing else."""
_INK, _EDGE = "#1d1a17", "#ffffff"

Place = Callable[[int], tuple[float, float, float]]
"""Where a cell is drawn: the middle of its ball and the radius, in drawing units."""


class Arrow(NamedTuple):
    """A turn, or one action of it, to be drawn on a board."""

    turn: str
    """As `Board.push` reads it, such as `1B2`, `1B2^2A1` or `1B2-1A1`."""
    weight: float = 1.0
    """From 0 to 1: heavier ones are larger and less transparent."""
    text: str = ""
    """What stands beside it, such as a value."""
    colour: str = GOOD
    """Any colour of CSS."""


def draw_arrows(root: Element, arrows: Iterable[Arrow], place: Place) -> None:
    """Adds turns to a drawing, the heaviest on top, and their texts above all of them.

    Raises:
        IllegalActionError: a turn is not one.
    """
    ordered = sorted(arrows, key=lambda arrow: arrow.weight)
    texts = []
    for arrow in ordered:
        weight = min(max(float(arrow.weight), 0.0), 1.0)
        names = [name for name in split_turn(arrow.turn) if name != "="]
        places = [_draw(root, name, place, weight, arrow.colour) for name in names]
        texts += [(arrow, *at) for at in places[:1] if arrow.text]
    for arrow, x, y in texts:
        _label(root, x, y, arrow.text, arrow.colour)


def _draw(root: Element, name: str, place: Place, weight: float, colour: str) -> tuple[float, float]:
    """Draws one action, and returns where its text belongs."""
    action = parse_action(name)
    source, target = int(ACTION_SOURCE[action]), int(ACTION_TARGET[action])
    if name.startswith("-"):
        x, y, radius = place(source)
        ring = SubElement(root, "circle", cx=f"{x:.4g}", cy=f"{y:.4g}", r=f"{0.72 * radius:.3g}", fill="none")
        ring.set("stroke", colour)
        ring.set("stroke-width", f"{radius * (0.1 + 0.2 * weight):.3g}")
        return x, y
    x, y, radius = place(target)
    if source < 0:
        size = radius * (0.24 + 0.36 * weight)
        shape = SubElement(root, "circle", cx=f"{x:.4g}", cy=f"{y:.4g}", r=f"{size:.3g}", fill=colour)
        text_at = x, y + size + 9
    else:
        start = place(source)
        shape = SubElement(root, "path", d=_arrow_path(start, (x, y, radius), weight), fill=colour)
        text_at = 0.85 * start[0] + 0.15 * x, 0.85 * start[1] + 0.15 * y
    shape.set("stroke", _EDGE)
    shape.set("stroke-width", "1.5")
    shape.set("stroke-linejoin", "round")
    shape.set("opacity", f"{0.55 + 0.4 * weight:.3g}")
    return text_at


def _arrow_path(start: tuple[float, float, float], end: tuple[float, float, float], weight: float) -> str:
    """The outline of an arrow between the balls of two cells, wider for a heavier one."""
    (x0, y0, _), (x1, y1, radius) = start, end
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    half = radius * (0.08 + 0.12 * weight)
    head = min(0.5 * length, 2.2 * half + 0.35 * radius)
    neck, barb = length - head, half + 0.4 * head
    outline = (
        (0.0, half),
        (neck, half),
        (neck, barb),
        (length, 0.0),
        (neck, -barb),
        (neck, -half),
        (0.0, -half),
    )
    points = (f"{x0 + ux * a - uy * b:.1f} {y0 + uy * a + ux * b:.1f}" for a, b in outline)
    return f"M{'L'.join(points)}Z"


def _label(root: Element, x: float, y: float, text: str, colour: str) -> None:
    """A text on a plate of its own, so that it is read on balls of either colour."""
    width = 8.2 * len(text) + 9
    plate = SubElement(root, "rect", x=f"{x - width / 2:.4g}", y=f"{y - 9.5:.4g}", width=f"{width:.3g}")
    plate.attrib |= {"height": "19", "rx": "5", "fill": "#fffdf8", "fill-opacity": "0.93", "stroke": colour}
    words = SubElement(root, "text", x=f"{x:.4g}", y=f"{y + 0.5:.4g}", fill=_INK)
    words.attrib |= {"font-size": "14", "font-weight": "600", "font-family": "Helvetica, Arial, sans-serif"}
    words.attrib |= {"text-anchor": "middle", "dominant-baseline": "central"}
    words.text = text
