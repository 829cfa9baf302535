"""Positions as text, as pixels and in a window: the render modes of all environments.

The pixels show the drawing of `pylos.game.drawing`, circle by circle. There is no text in them: below the board lie the
balls that each side still holds, with a frame around those of the side to move.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.drawing import (
    BOARD,
    FILL,
    HEIGHT,
    LEFT,
    MARK,
    PITCH,
    RIM,
    SHINE,
    TOP,
    WIDTH,
    ascii_drawing,
    draw_board,
)
from pylos.game.position import SIDES, mover, take_backs
from pylos.game.rules import balls_per_player, is_over, reserves, rules_code

RENDER_MODES = ["ansi", "rgb_array", "human"]
"""Text, an array of pixels, a window. A list, because the libraries compare it with lists."""
FRAMES_PER_SECOND = 2
"""In a window."""
PIXELS = 720
"""The width of a picture."""
_PAPER = 255.0
"""Around the rounded corners."""
_RESERVE_TOP, _RESERVE_PITCH, _RESERVE_RADIUS = TOP + 4 * PITCH + 33, 23.0, 9.0
"""Where the rows of balls in reserve begin, and how large they are, in drawing units."""
_ROW_HEIGHT = 28.0


class Renderer:
    """Shows boards in one render mode.

    Args:
        mode: one of `RENDER_MODES`; None shows nothing.

    Raises:
        ConfigurationError: there is no such mode.
    """

    def __init__(self, mode: str | None) -> None:
        if mode is not None and mode not in RENDER_MODES:
            raise ConfigurationError(f"no render_mode {mode!r}; there are {', '.join(RENDER_MODES)}")
        self.mode = mode
        self._window: Window | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_window": None}  # a copy opens its own

    def render(self, board: Board) -> str | np.ndarray | None:
        """The board as text, or as pixels, uint8 [height, width, 3]; None if it is shown in the window.

        Raises:
            ImportError: the window needs pygame, which is missing.
        """
        if self.mode is None:
            warnings.warn("render() shows nothing: the environment has no render_mode", stacklevel=3)
            return None
        if self.mode == "ansi":
            return ascii_drawing(board.position, rules_code(board.rules)) + "\n"
        picture = rgb_picture(board.position, rules_code(board.rules), board.last_cells)
        if self.mode == "rgb_array":
            return picture
        self._window = self._window or Window(picture)
        self._window.show(picture)
        return None

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None


class Window:
    """A window of pygame.

    Args:
        picture: uint8 [height, width, 3] a picture of the size of those to come.

    Raises:
        ImportError: pygame is missing.
    """

    def __init__(self, picture: np.ndarray) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "hide")  # else it greets on stdout
        try:
            import pygame
        except ImportError as error:
            raise ImportError("a window needs pygame: pip install pygame-ce") from error
        self._pygame: Any = pygame
        pygame.display.init()
        pygame.display.set_caption("Pylos")
        self._screen = pygame.display.set_mode((picture.shape[1], picture.shape[0]))
        self._clock = pygame.time.Clock()

    def show(self, picture: np.ndarray) -> None:
        """Shows a picture for its time."""
        self._pygame.surfarray.blit_array(self._screen, picture.swapaxes(0, 1))
        self._pygame.event.pump()
        self._pygame.display.flip()
        self._clock.tick(FRAMES_PER_SECOND)

    def close(self) -> None:
        """Closes the window."""
        self._pygame.display.quit()


def rgb_picture(position: int, code: int, last: Sequence[int] = (), width: int = PIXELS) -> np.ndarray:
    """The picture of a position, uint8 [height, width, 3].

    Args:
        position: a packed position.
        code: the rule set's code.
        last: the cells of the last turn, which get a ring.
        width: in pixels.
    """
    root = Element("svg")
    draw_board(root, position, code, last)
    _draw_reserves(root, position, code)
    canvas = _Canvas(width)
    for element in root.iter():
        canvas.paint(element)
    return canvas.picture()


def _draw_reserves(root: Element, position: int, code: int) -> None:
    """Both rows of balls that are not on the board; dots at the end of a row count the balls to take back."""
    balls = balls_per_player(code)
    for row, (side, left) in enumerate(zip(SIDES, reserves(position, code), strict=True)):
        y = _RESERVE_TOP + row * _ROW_HEIGHT
        if row == mover(position) and not is_over(position, code):
            x, wide = LEFT - 8, (balls + 1.2) * _RESERVE_PITCH
            frame = {"x": x, "y": y - 13, "width": wide, "height": 26.0, "rx": 13.0}
            SubElement(root, "rect", {k: f"{v:g}" for k, v in frame.items()}, fill=BOARD, stroke=MARK).set(
                "stroke-width", "2.5"
            )
            for i in range(take_backs(position)):
                _circle(root, x + wide + 14 + 18 * i, y, 6, MARK)
        for i in range(left):
            x = LEFT + 10 + i * _RESERVE_PITCH
            _circle(root, x, y, _RESERVE_RADIUS, FILL[side], RIM[side])
            _circle(root, x - 3, y - 3.2, 1.8, SHINE[side])


def _circle(root: Element, x: float, y: float, radius: float, fill: str, stroke: str = "none") -> None:
    circle = SubElement(root, "circle", cx=f"{x:g}", cy=f"{y:g}", r=f"{radius:g}", fill=fill, stroke=stroke)
    circle.set("stroke-width", "1.3")


class _Canvas:
    """Pixels on which the rectangles and circles of a drawing are painted, with smooth edges.

    Each shape is the set of points whose signed distance to its outline is negative. Half a pixel around the outline
    the colour fades.
    """

    def __init__(self, width: int) -> None:
        self._scale = width / WIDTH
        self._image = np.full((round(HEIGHT * self._scale), width, 3), _PAPER, np.float32)

    def picture(self) -> np.ndarray:
        return (self._image + 0.5).astype(np.uint8)

    def paint(self, element: Element) -> None:
        """Paints a shape: its inside, then its outline. Other elements are left out."""
        number = {name: float(value) for name, value in element.items() if value[0] in "0123456789-."}
        if element.tag == "circle":
            x, y, radius = number["cx"], number["cy"], number["r"]
            left, top, right, bottom = x - radius, y - radius, x + radius, y + radius
        elif element.tag == "rect":
            left, top = number["x"], number["y"]
            right, bottom, radius = left + number["width"], top + number["height"], number["rx"]
        else:
            return
        line = number.get("stroke-width", 1.0)
        rows, columns = self._pixels(0, top, bottom, line), self._pixels(1, left, right, line)
        dy = _beyond((np.arange(rows.start, rows.stop) + 0.5) / self._scale, top + radius, bottom - radius)
        dx = _beyond(
            (np.arange(columns.start, columns.stop) + 0.5) / self._scale, left + radius, right - radius
        )
        distance = np.hypot(*np.broadcast_arrays(dy[:, None], dx[None, :])) - radius
        area = self._image[rows, columns]
        fill, stroke = element.get("fill", "none"), element.get("stroke", "none")
        if fill != "none":
            self._blend(area, distance, fill, number.get("opacity", 1.0))
        if stroke != "none":
            outline = np.abs(distance) - line / 2
            if dash := number.get("stroke-dasharray"):
                along = np.arctan2(dy[:, None], dx[None, :]) * radius % (2 * dash)
                outline = np.maximum(outline, np.abs(along - dash / 2) - dash / 2)
            self._blend(area, outline, stroke, 1.0)

    def _pixels(self, axis: int, low: float, high: float, line: float) -> slice:
        """The pixels, along one axis, that a shape can touch."""
        margin = line / 2 + 1 / self._scale
        first, last = int((low - margin) * self._scale), int((high + margin) * self._scale)
        return slice(max(0, first), min(self._image.shape[axis], last + 1))

    def _blend(self, area: np.ndarray, distance: np.ndarray, colour: str, opacity: float) -> None:
        coverage = opacity * np.clip(0.5 - distance * self._scale, 0, 1)[:, :, None]
        area += coverage * (np.array(list(bytes.fromhex(colour[1:])), np.float32) - area)


def _beyond(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """How far values lie outside a range: negative below it, positive above it."""
    return np.minimum(values - low, 0) + np.maximum(values - high, 0)
