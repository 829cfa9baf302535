"""Arrows on drawings of a board."""

from xml.etree import ElementTree

import pytest

from pylos.errors import IllegalActionError
from pylos.game.arrows import GOOD, Arrow
from pylos.game.board import Board

SVG = "{http://www.w3.org/2000/svg}"
BOARD = Board.from_text("w....ww..bb....b/........./..../. w 0")


def drawn(*arrows, colour=GOOD):
    """The shapes of a colour that arrows add to a drawing."""
    root = ElementTree.fromstring(BOARD.svg(arrows))
    return [shape for shape in root if colour in (shape.get("fill"), shape.get("stroke"))]


def middle(cell):
    (group, *_) = (
        group
        for group in ElementTree.fromstring(BOARD.svg()).iter(f"{SVG}g")
        if (group.findtext(f"{SVG}title") or "").startswith(cell)
    )
    circle = group.find(f"{SVG}circle")
    return float(circle.get("cx")), float(circle.get("cy"))


def test_placing_is_a_disc_that_grows_with_its_weight():
    small, large = drawn(("1A2", 0.1), ("1A2", 0.9))
    assert (float(large.get("cx")), float(large.get("cy"))) == middle("1A2")
    assert float(large.get("r")) > float(small.get("r"))
    assert float(large.get("opacity")) > float(small.get("opacity"))


def test_raising_is_an_arrow_to_the_target():
    (path,) = drawn(Arrow("1A1^2B2", colour="#123456"), colour="#123456")
    points = [tuple(map(float, point.split())) for point in path.get("d")[1:-1].split("L")]
    assert middle("2B2") in points
    x, y = middle("1A1")
    assert all(abs(px - x) + abs(py - y) < 25 for px, py in (points[0], points[-1]))


def test_a_whole_turn_is_drawn_with_the_balls_that_it_takes_back():
    place, *rings = drawn(("1A2-1B2-1B3",))
    assert place.get("fill") == GOOD
    assert [(float(r.get("cx")), float(r.get("cy"))) for r in rings] == [middle("1B2"), middle("1B3")]
    assert [ring.get("fill") for ring in rings] == ["none", "none"]
    assert len(drawn(("1A2=",))) == 1


def test_texts_stand_above_all_shapes_the_heaviest_last():
    root = ElementTree.fromstring(BOARD.svg([("1A2", 1.0, "+0.9"), ("1D1", 0.2, "<b>")]))
    labels = [text.text for text in root.iter(f"{SVG}text") if text.text in ("+0.9", "<b>")]
    assert labels == ["<b>", "+0.9"]


def test_what_is_no_turn_is_refused():
    with pytest.raises(IllegalActionError, match="9Z9"):
        BOARD.svg([("9Z9",)])


def test_a_drawing_has_the_size_that_was_asked_for():
    assert ElementTree.fromstring(BOARD.svg(size=300)).get("width") == "300"
