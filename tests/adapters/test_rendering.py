"""Boards as text, as pixels and in a window."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pylos.adapters.rendering import PIXELS, Renderer, rgb_picture
from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.drawing import BOARD, FILL, HEIGHT, LEFT, MARK, PITCH, TOP, WIDTH, WOOD
from pylos.game.rules import RULES


def colour(text):
    return [int(text[i : i + 2], 16) for i in (1, 3, 5)]


def at(picture, x, y):
    """The colour at a point in drawing units."""
    scale = picture.shape[1] / WIDTH
    return picture[int(y * scale), int(x * scale)].tolist()


def cell(row, column):
    """A point of a cell of level 1, beside its shine."""
    return LEFT + (column + 0.6) * PITCH, TOP + (3.6 - row) * PITCH


def picture_of(*moves, rules="standard", width=PIXELS):
    board = Board(rules)
    for move in moves:
        board.push(move)
    return rgb_picture(board.position, RULES[rules], board.last_cells, width)


@pytest.mark.parametrize("width", [160, 640, PIXELS])
def test_balls_lie_where_they_were_placed(width):
    picture = picture_of("1A1", "1D4", width=width)
    assert picture.dtype == np.uint8
    assert picture.shape == (round(HEIGHT * width / WIDTH), width, 3)
    assert at(picture, *cell(0, 0)) == colour(FILL["white"])
    assert at(picture, *cell(3, 3)) == colour(FILL["black"])
    assert at(picture, LEFT + PITCH, TOP + PITCH) == colour(BOARD)
    assert at(picture, WIDTH - 8, HEIGHT / 2) == colour(WOOD)


def test_edges_are_smooth():
    picture = picture_of("1A1")
    shades = np.unique(picture.reshape(-1, 3), axis=0)
    assert len(shades) > 50  # nine colours, and what lies between them


def count(picture, text):
    return int((picture == colour(text)).all(axis=2).sum())


def test_the_last_turn_and_the_side_to_move_are_marked():
    start, one = picture_of(), picture_of("1A1")
    assert count(start, MARK) > 0  # the frame around white's balls
    assert count(one, MARK) > count(start, MARK)
    rows = [np.flatnonzero((p == colour(MARK)).all(axis=2).any(axis=1)).max() for p in (start, one)]
    assert rows[1] > rows[0]  # the frame has moved down, to black


def test_balls_to_take_back_are_counted():
    moves = ("1A1", "1D1", "1A2", "1D2", "1B1", "1D4")
    before, earned = picture_of(*moves), picture_of(*moves, "1B2")
    x, y = LEFT - 8 + 16.2 * 23 + 14, TOP + 4 * PITCH + 33
    assert at(before, x, y) == at(before, x + 18, y) == colour(WOOD)
    assert at(earned, x, y) == at(earned, x + 18, y) == colour(MARK)


def test_the_mini_board_has_three_levels():
    picture = picture_of("2A1", rules="mini-standard")
    assert at(picture, *cell(0, 0)) != colour(FILL["white"])
    assert count(picture, FILL["white"]) > 0


def test_text_and_nothing():
    board = Board("mature")
    text = Renderer("ansi").render(board)
    assert text == f"{board}\n"
    with pytest.warns(UserWarning, match="no render_mode"):
        assert Renderer(None).render(board) is None
    assert np.array_equal(Renderer("rgb_array").render(board), rgb_picture(board.position, RULES["mature"]))
    with pytest.raises(ConfigurationError, match="no render_mode 'svg'; there are ansi, rgb_array, human"):
        Renderer("svg")


WINDOW = """
import numpy as np
from pylos.adapters import rendering
from pylos.game.board import Board

rendering.FRAMES_PER_SECOND = 0
renderer, board = rendering.Renderer("human"), Board()
board.push("1A1")
assert renderer.render(board) is None
import pygame
shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
assert np.array_equal(shown, rendering.rgb_picture(board.position, 1, board.last_cells))
renderer.close()
renderer.close()
assert not pygame.display.get_init()
"""


def run(code):
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    environment.pop("PYGAME_HIDE_SUPPORT_PROMPT", None)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_a_window_shows_the_picture_and_says_nothing():
    pytest.importorskip("pygame")
    done = run(WINDOW)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_missing_pygame_is_named_in_one_line():
    code = "import sys; sys.modules['pygame'] = None\nfrom pylos import Board; from pylos.adapters.rendering import *\n"
    done = run(code + "Renderer('human').render(Board())")
    assert done.stderr.splitlines()[-1] == "ImportError: a window needs pygame: pip install pygame-ce"
