"""The drawings show every ball, the last turn and the state of the game."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from pylos.game.board import Board
from pylos.game.drawing import FILL, MARK, ascii_drawing, describe, svg
from pylos.game.rules import RULES
from tests.support.boards import boards
from tests.twins import rules as twin_rules

SVG = "{http://www.w3.org/2000/svg}"
MIDDLE = "wwwbbbbbbbwwbwwb/b..bbwwww/..bw/. b 0"


def cells_drawn(text: str) -> list[tuple[str, ElementTree.Element]]:
    """(tooltip, group) of every cell in the drawing; each stands in the pyramid and on its level."""
    groups = ElementTree.fromstring(text).iter(f"{SVG}g")
    return [(group.findtext(f"{SVG}title") or "", group) for group in groups]


@settings(max_examples=40)
@given(boards())
def test_every_ball_is_drawn_twice_in_its_colour(board):
    game = twin_rules.parse(board.text)
    expected = {twin_rules.NAMES[c]: "white" for c in game.white} | {
        twin_rules.NAMES[c]: "black" for c in game.black
    }
    drawn = [title.split() for title, _ in cells_drawn(board._repr_svg_()) if not title.endswith("empty")]
    assert sorted(map(tuple, drawn)) == sorted([*expected.items()] * 2)
    for title, group in cells_drawn(board._repr_svg_()):
        colours = {circle.get("fill") for circle in group.iter(f"{SVG}circle")}
        assert [FILL[side] in colours for side in FILL] == [title.endswith(side) for side in FILL]


def test_lower_balls_stay_in_sight():
    full = Board.from_text("wbbwwbwwbwbwwbbw/wbbbbwwbw/bbww/b w 0")
    circles = [group.find(f"{SVG}circle") for _, group in cells_drawn(full._repr_svg_())[:30]]
    discs = [tuple(float(circle.get(key)) for key in ("cx", "cy", "r")) for circle in circles]
    for i, (x, y, radius) in enumerate(discs):
        # Some of the ball's disc, at the rim of what lies exactly above it or between those beside, is uncovered.
        points = [(x + f * radius * a, y + f * radius * b) for f in (0.2, 0.6, 0.8) for a, b in DIRECTIONS]
        assert any(
            all((px - u) ** 2 + (py - v) ** 2 > r**2 for u, v, r in discs[i + 1 :]) for px, py in points
        )


DIRECTIONS = [(1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7)]


def test_the_last_turn_is_marked():
    board = Board.from_text(MIDDLE)
    assert MARK not in board._repr_svg_()
    board.push("1A4^2A2-2A1")
    marks = {
        title: group.findall(f"{SVG}circle[@stroke='{MARK}']")[0].get("stroke-dasharray") is not None
        for title, group in cells_drawn(board._repr_svg_())
        if group.findall(f"{SVG}circle[@stroke='{MARK}']")
    }
    assert marks == {"1A4 empty": True, "2A1 empty": True, "2A2 black": False}


def test_the_document():
    board = Board.from_text(MIDDLE)
    root = ElementTree.fromstring(svg(board.position, RULES[board.rules], size=320))
    assert (root.get("width"), root.get("height"), root.get("role")) == ("320", "235", "img")
    assert root.findtext(f"{SVG}title") == "Pylos: black to move; reserves: white 3, black 2"
    assert board.text in root.findtext(f"{SVG}desc")
    shown = [element.text for element in root.iter(f"{SVG}text")]
    assert {"black to move", "3", "2", "A", "4", "level 3"} <= set(shown)
    assert not any("id" in element.attrib for element in root.iter()), "ids clash between boards on one page"


def test_ascii():
    board = Board.from_text(MIDDLE)
    assert (
        str(board)
        == ascii_drawing(board.position, RULES[board.rules])
        == (
            "D  b w w b\n"
            "C  b b w w    w w w\n"
            "B  b b b b    b b w    b w\n"
            "A  w w w b    b . .    . .    .\n"
            "   1 2 3 4    1 2 3    1 2    1\n"
            "black to move; reserves: white 3, black 2"
        )
    )


def test_the_ground_of_the_mini_game_shows_no_cells():
    board = Board("mini-standard")
    for name in ("2A1", "2B2"):
        board.push(name)
    assert str(board) == (
        "D  # # # #\n"
        "C  # # # #    . . .\n"
        "B  # # # #    . b .    . .\n"
        "A  # # # #    w . .    . .    .\n"
        "   1 2 3 4    1 2 3    1 2    1\n"
        "white to move; reserves: white 6, black 6"
    )
    shown = {element.text for element in ElementTree.fromstring(board._repr_svg_()).iter(f"{SVG}text")}
    assert "level 2" in shown
    assert not {"level 1", "D", "4"} & shown
    assert len(cells_drawn(board._repr_svg_())) == 2 * 9


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("................/........./..../. w 0", "white to move"),
        ("................/........./..../. b 0", "black to move"),
        ("ww..ww........../........./..../. w 2", "white to take back a ball"),
        (".w..ww........../........./..../. w 1", "white to take back another ball or stop"),
        ("wbbwwbwwbwbwwbbw/wbbbbwwbw/bbww/b w 0", "black has won"),
        ("wbbwwbwwbwbwwbbw/wbbbbwwbw/bbww/b b 0", "white has won"),
    ],
)
def test_states(text, state):
    assert describe(Board.from_text(text).position, RULES["standard"]).split(";")[0] == state
