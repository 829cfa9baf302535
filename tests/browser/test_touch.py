"""Fingers on the board and on the page."""

import pytest

from tests.support.board_page import BoardPage
from tests.support.fingers import Fingers
from tests.support.play_page import PlayPage

START = "w....ww..bb....b/........./..../. w 0"
"""White may raise the ball on 1A1 to 2B2, and place there or on the ground."""
both = pytest.mark.parametrize("mode", ["flat", "3d"])


@pytest.fixture
def board(phone):
    return BoardPage(phone)


@pytest.fixture
def fingers(phone):
    return Fingers(phone)


@both
def test_a_tap_plays_and_tells_what_was_tapped(board, fingers, mode):
    board.build(START, mode=mode)
    fingers.tap(board.point("1C1"))
    assert board.played == ["1C1"]
    assert board.page.text_content(".board-label") == "1C1"
    fingers.tap(board.point("1A1"))
    assert board.selected == "1A1"
    fingers.tap(board.point("2B2"))
    assert board.played == ["1C1", "1A1^2B2"]


@both
def test_a_finger_raises_a_ball(board, fingers, mode):
    board.build(START, mode=mode)
    fingers.move((board.point("1A1"), board.point("1C1")))  # no target of a raise: it lies down again
    assert (board.selected, board.played) == (None, [])
    fingers.move((board.point("1A1"), board.point("2B2")))
    assert (board.selected, board.played) == (None, ["1A1^2B2"])


def test_a_finger_beside_the_balls_turns_the_board(board, fingers):
    board.build(START, mode="3d")
    before = board.point("1D2")
    fingers.move((board.point("1C1"), board.point("1B1")))
    assert board.point("1D2") != before
    assert (board.selected, board.played) == (None, [])


def test_two_fingers_zoom(board, fingers):
    board.build(START, mode="3d")
    fingers.move(((100, 120), (40, 120)), ((150, 120), (210, 120)))
    assert board.evaluate("board.camera.zoom") > 2
    fingers.move(((40, 120), (100, 120)), ((210, 120), (150, 120)))
    assert board.evaluate("board.camera.zoom") < 1.2
    assert (board.selected, board.played) == (None, [])


@both
def test_a_second_finger_ends_a_drag(board, fingers, mode):
    """And the rest of the touch plays nothing."""
    board.build(START, mode=mode)
    start, end = board.point("1A1"), board.point("2B2")
    fingers.touch("touchStart", start)
    fingers.touch("touchMove", end)
    fingers.touch("touchStart", end, (20, 20))
    fingers.touch("touchEnd")
    assert (board.selected, board.played) == (None, [])
    fingers.tap(board.point("1C1"))
    assert board.played == ["1C1"]


@both
def test_a_game_is_tapped(phone, fingers, mode):
    play = PlayPage(phone).open()
    play.tell("(mode) => (app.settings.view = mode)", mode)

    def tap(cell):
        box = phone.locator("#board").bounding_box()
        point = play.tell("(cell) => app.board.pointOf(cell)", play.cells.index(cell))
        fingers.tap((box["x"] + point["x"], box["y"] + point["y"]))

    play.play("2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3 2B2-2B2-2A3 2B2 2C1^3A1", click=tap)
    play.says("Black to move.")
    assert play.turns[-1] == "2C1^3A1"


@both
def test_a_phone_scrolls_beside_the_board(phone, fingers, mode):
    play = PlayPage(phone).open()
    play.tell("(mode) => (app.settings.view = mode)", mode)
    box = phone.locator("#status").bounding_box()
    top = box["y"] + box["height"] / 2

    def scrolled(start):
        phone.evaluate("scrollTo(0, 0)")
        fingers.move((start, (start[0], start[1] - 300)), steps=12)
        phone.wait_for_timeout(100)
        return phone.evaluate("scrollY")

    assert scrolled((box["x"] + 60, top)) > 100
    board = phone.locator("#board").bounding_box()
    empty = (board["x"] + 20, board["y"] + board["height"] - 20)
    assert (scrolled(empty) > 100) == (mode == "flat")  # in 3D the finger turns the board
    assert play.actions == 0
