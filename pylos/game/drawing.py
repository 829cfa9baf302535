"""Positions as pictures: SVG for notebooks and pages, plain text for terminals. It needs no other library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from pylos.game.actions import CELL_NAMES
from pylos.game.arrows import Arrow, draw_arrows
from pylos.game.notation import format_position
from pylos.game.position import SIDES, cells_by_side, mover, take_backs
from pylos.game.rules import (
    CELLS,
    LEVEL_SIZE,
    MINI,
    cell_index,
    ground_cells,
    is_over,
    occupied_cells,
    reserves,
    supported_cells,
)

WOOD, BOARD, WOOD_EDGE, HOLLOW = "#e3c08d", "#d2a76b", "#8a5f33", "#b98b52"
INK, MARK = "#4a3118", "#e4572e"
FILL = {"white": "#fdf6e3", "black": "#3b2a20"}
RIM = {"white": "#8a6d45", "black": "#b59a80"}
SHINE = {"white": "#ffffff", "black": "#8b6f5c"}
RADIUS = (0.47, 0.335, 0.235, 0.145)
"""The radius of a ball on each level, in cells. Higher balls are smaller, so that a ring of each ball below is seen."""

PITCH = 90.0
"""The distance between neighbouring balls of a level, in drawing units."""
LEFT, TOP = 48.0, 18.0
"""The corner of the square of level 1, in drawing units. Coordinates stand on its left and below it."""
LAYERS, LAYER_PITCH = 490.0, 30.0
LAYER_BOTTOM = (444.0, 297.0, 180.0, 93.0)
"""The column of single levels: its left edge, its distance between balls, and where each level ends."""
WIDTH, HEIGHT = 640, 470


def ascii_drawing(position: int, code: int) -> str:
    """The four levels side by side, seen from above with row A nearest, and below them the state of the game.

    A free cell is a dot; the ground of the mini game is drawn as `#`.
    """
    white, black = cells_by_side(position)
    ground = ground_cells(code)
    lines = []
    for row in reversed(range(LEVEL_SIZE[0])):
        blocks = []
        for level, size in enumerate(LEVEL_SIZE):
            cells = [cell_index(level, row, column) for column in range(size)] if row < size else []
            masks = (("w", white), ("b", black), ("#", ground), (".", -1))
            marks = [next(mark for mark, mask in masks if mask >> c & 1) for c in cells]
            blocks.append(" ".join(marks).ljust(2 * size - 1))
        lines.append(f"{'ABCD'[row]}  {'    '.join(blocks)}".rstrip())
    lines.append("   " + "    ".join(" ".join("1234"[:size]) for size in LEVEL_SIZE))
    return "\n".join([*lines, describe(position, code)])


def describe(position: int, code: int) -> str:
    """The state of the game in one line: who acts next or who has won, and the reserves."""
    white, black = reserves(position, code)
    side, opponent = SIDES[::-1] if mover(position) else SIDES
    if is_over(position, code):
        state = f"{opponent} has won"
    elif pending := take_backs(position):
        state = f"{side} to take back {'a ball' if pending == 2 else 'another ball or stop'}"
    else:
        state = f"{side} to move"
    return f"{state}; reserves: white {white}, black {black}"


def svg(
    position: int, code: int, *, last: Sequence[int] = (), arrows: Iterable[Arrow] = (), size: int = 480
) -> str:
    """A drawing of a position: the pyramid from above, and beside it each level alone.

    Higher balls are drawn smaller, so that the balls under them stay in sight.

    Args:
        position: a packed position.
        code: the rule set's code.
        last: the cells of the last turn. Each gets a ring; on a cell without a ball it is dashed.
        arrows: turns to be drawn on the pyramid.
        size: the width in pixels.

    Returns:
        An SVG document. It needs no other file, and it holds the position as text for screen readers.
    """
    root = Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=str(size),
        height=str(round(size * HEIGHT / WIDTH)),
        role="img",
    )
    SubElement(root, "title").text = f"Pylos: {describe(position, code)}"
    SubElement(root, "desc").text = f"{format_position(position)}\n{ascii_drawing(position, code)}"
    draw_board(root, position, code, last)
    draw_arrows(root, arrows, _place)
    _draw_state(root, position, code)
    return tostring(root, encoding="unicode")


def draw_board(root: Element, position: int, code: int, last: Sequence[int] = ()) -> None:
    """Adds the drawing that `svg` makes to an element, without arrows and the line about the state of the game."""
    supported = supported_cells(occupied_cells(position, code))
    base = 1 if code & MINI else 0  # the lowest level with cells to play on
    _rectangle(root, 1, 1, WIDTH - 2, HEIGHT - 2, WOOD, WOOD_EDGE, 14)
    _draw_pyramid(root, position, supported, base, last)
    for level in reversed(range(base, 4)):
        _draw_layer(root, position, supported, level, last)


def _draw_pyramid(root: Element, position: int, supported: int, base: int, last: Sequence[int]) -> None:
    size, inset = LEVEL_SIZE[base], 0.5 * base * PITCH
    left, top, width = LEFT + inset, TOP + inset, size * PITCH
    for i in range(size):
        middle = (i + 0.5) * PITCH
        _text(root, left - 26, top + width - middle, "ABCD"[i], 17)
        _text(root, left + middle, top + width + 21, "1234"[i], 17)
    _rectangle(root, left - 8, top - 8, width + 16, width + 16, BOARD, WOOD_EDGE, 10)
    for cell in range(len(CELLS)):  # upwards, so that higher balls cover lower ones
        _draw_cell(root, cell, *_place(cell), position, cell in last, bool(supported >> cell & 1))


def _place(cell: int) -> tuple[float, float, float]:
    """Where a cell of the pyramid is drawn: the middle of its ball, and the ball's radius."""
    level, row, column = CELLS[cell]
    x = LEFT + (column + 0.5 * level + 0.5) * PITCH
    return x, TOP + (3.5 - row - 0.5 * level) * PITCH, RADIUS[level] * PITCH


def _draw_layer(root: Element, position: int, supported: int, level: int, last: Sequence[int]) -> None:
    """One level alone. The highest level is on top of the column."""
    size = LEVEL_SIZE[level]
    bottom = LAYER_BOTTOM[level]
    _text(root, LAYERS - 12, bottom - 0.5 * size * LAYER_PITCH, f"level {level + 1}", 13, "end")
    side = size * LAYER_PITCH
    _rectangle(root, LAYERS, bottom - side, side, side, BOARD, WOOD_EDGE, 6)
    for i in range(size):
        middle = (i + 0.5) * LAYER_PITCH
        _text(root, LAYERS + side + 9, bottom - middle, "ABCD"[i], 11)
        _text(root, LAYERS + middle, bottom + 9, "1234"[i], 11)
        for j in range(size):
            cell = cell_index(level, i, j)
            x = LAYERS + (j + 0.5) * LAYER_PITCH
            can_carry = bool(supported >> cell & 1)
            _draw_cell(root, cell, x, bottom - middle, 0.42 * LAYER_PITCH, position, cell in last, can_carry)


def _draw_cell(
    root: Element, cell: int, x: float, y: float, radius: float, position: int, marked: bool, supported: bool
) -> None:
    """A ball, or the hollow where one could lie."""
    white, black = cells_by_side(position)
    side = "white" if white >> cell & 1 else "black" if black >> cell & 1 else ""
    if not (side or supported or marked):
        return
    group = SubElement(root, "g")
    SubElement(group, "title").text = f"{CELL_NAMES[cell]} {side or 'empty'}"
    if side:
        _circle(group, x, y, radius, FILL[side], RIM[side], 2)
        _circle(group, x - 0.33 * radius, y - 0.36 * radius, 0.2 * radius, SHINE[side], opacity=0.75)
    elif supported:
        _circle(group, x, y, 0.28 * radius, HOLLOW, WOOD_EDGE, 1)
    if marked:
        ring = _circle(group, x, y, radius if side else 0.6 * radius, "none", MARK, min(4, 0.2 * radius))
        if not side:
            ring.set("stroke-dasharray", f"{0.17 * radius:.3g}")


def _draw_state(root: Element, position: int, code: int) -> None:
    """The line below the board: both reserves, and who acts next."""
    y = HEIGHT - 32
    for x, side, left in zip((LEFT + 8, LEFT + 82), SIDES, reserves(position, code), strict=True):
        _circle(root, x, y, 12, FILL[side], RIM[side], 1.5)
        _text(root, x + 19, y, str(left), 18, "start")
    _text(root, LEFT + 4 * PITCH, y, describe(position, code).split(";")[0], 18, "end")


def _rectangle(
    root: Element, x: float, y: float, width: float, height: float, fill: str, stroke: str, corner: float
) -> None:
    SubElement(
        root, "rect", x=f"{x:g}", y=f"{y:g}", width=f"{width:g}", height=f"{height:g}", rx=f"{corner:g}",
        fill=fill, stroke=stroke,
    )  # fmt: skip


def _circle(
    root: Element, x: float, y: float, radius: float, fill: str, stroke: str = "none", width: float = 0,
    opacity: float = 1,
) -> Element:  # fmt: skip
    circle = SubElement(root, "circle", cx=f"{x:.4g}", cy=f"{y:.4g}", r=f"{radius:.3g}", fill=fill)
    if stroke != "none":
        circle.set("stroke", stroke)
        circle.set("stroke-width", f"{width:g}")
    if opacity < 1:
        circle.set("opacity", f"{opacity:g}")
    return circle


def _text(root: Element, x: float, y: float, text: str, size: float, anchor: str = "middle") -> None:
    element = SubElement(root, "text", x=f"{x:g}", y=f"{y:g}", fill=INK)
    element.set("font-size", f"{size:g}")
    element.set("font-family", "Helvetica, Arial, sans-serif")
    element.set("text-anchor", anchor)
    element.set("dominant-baseline", "central")
    element.text = text
