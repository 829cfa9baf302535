"""Playing on the play page: turns, players, what it says."""

import pytest

from tests.support.play_page import LEVEL, WHOLE_GAME, PlayPage


def test_it_can_be_played_at_once(play):
    play.open("/").says("Your turn. Place a ball.")
    assert play.tell("() => app.match.mode") == "agent"
    assert play.page.locator("dialog").count() == 0


def test_a_whole_game_by_clicks(play):
    play.open().play("2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3 2B2")
    play.says("A square! Take one or two of your free balls back.")
    assert "A square!" in play.page.locator("#live").inner_text()
    assert not play.page.get_by_role("button", name="Done", exact=True).is_visible()
    play.play("2B2")
    play.says("Take a second ball back, or press Done.")
    assert play.page.get_by_role("button", name="Done", exact=True).is_visible()
    play.play("2A3")
    play.says("Black to move.")
    play.play("2B2 2C1^3A1 3B2 2C1 3B1 2A3")
    play.says("White has won")
    assert play.turns == WHOLE_GAME.split()
    assert "White" in play.page.locator("#live").inner_text()


def test_the_help_explains_the_rules_that_are_played(play):
    play.open("/#mini-mature/")
    play.page.keyboard.press("?")
    play.page.locator("dialog", has_text="How to play: Mature (small board)").wait_for()
    assert "a whole line" in play.page.locator("dialog").inner_text()
    for address in ("/puzzles?rules=mini-standard", "/runs"):
        play.page.goto(address)
        play.page.wait_for_load_state("networkidle")
        play.press("Help: how to play, keys")
        play.page.locator("dialog", has_text="How to play").wait_for()


def test_done_ends_a_take_back(play):
    play.open().play("2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3 2B2 2B2")
    play.page.get_by_role("button", name="Done", exact=True).focus()
    play.page.keyboard.press("Enter")
    play.says("Black to move.")
    assert play.page.locator("#board [role=gridcell]:focus").count() == 1  # the button is gone
    assert play.turns[-1] == "2B2-2B2"


def test_a_begun_turn_is_cancelled(play):
    play.open().play("2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3")
    before = play.position
    play.play("2B2 2B2")
    play.press("Cancel the turn")
    assert play.position == before
    assert len(play.turns) == 8


def test_undo_takes_a_take_back_back(play):
    play.open().play("2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3")
    before = play.position
    play.play("2B2-2B2-2A3")
    after = play.position
    play.press("Undo")
    assert play.position == before
    play.press("Redo")
    assert play.position == after
    play.press("Undo")
    play.play("2B2-2B2")  # another turn: undo drops what was begun first
    play.press("Undo")
    assert play.position == before
    play.press("Undo")
    assert play.tell("() => app.game.number()") == 7


def test_turns_are_typed_and_refusals_explained(play):
    play.open()
    play.type("2B2")
    play.says("Black to move.")
    play.type("2B2")
    play.page.locator("#turn-error", has_text="occupied").wait_for()
    assert play.turns == ["2B2"]
    play.type("2A1")
    play.says("White to move.")
    assert play.page.input_value("#turn") == ""


def test_what_is_no_turn_is_explained_and_forgotten(play):
    play.open()
    trouble = play.page.locator("#turn-error")
    for text in ("", "resign"):
        play.type(text)
        trouble.filter(has_text="A turn is written like 1B2").wait_for()
    play.play("2B2")
    assert trouble.inner_text() == play.page.input_value("#turn") == ""


def test_the_board_is_drawn_anew_by_another_wish(play):
    play.open()
    drawn = play.tell("() => app.board.turns")
    for wish in ("3d", "auto"):
        play.tell("(wish) => (app.settings.view = wish)", wish)
    assert play.tell("() => app.board.turns") == drawn


def test_skip_to_the_board_lands_on_a_cell(play):
    play.open()
    play.page.keyboard.press("Tab")
    play.page.keyboard.press("Enter")
    assert play.page.locator("#board [role=gridcell]:focus").count() == 1
    play.page.keyboard.press("Enter")
    play.says("Black to move.")


def test_looking_back_is_not_playing(play):
    play.open().play("2C2 2B3 2A3")
    play.page.keyboard.press("Home")
    play.says("You are looking at turn 0 of 3.")
    play.click("2A1")
    play.page.keyboard.press("ArrowRight")
    play.says("You are looking at turn 1 of 3.")
    assert play.turns == ["2C2", "2B3", "2A3"]
    play.press("Back to the game")
    play.says("Black to move.")
    play.page.keyboard.press("Home")
    play.press("Try turns here")
    play.play("2A1")
    play.press("Back to the game")
    assert play.turns == ["2C2", "2B3", "2A3"]  # a try is a side line
    play.says("Black to move.")


def test_a_click_without_effect_is_explained(play):
    play.open().play("2C2 2B3")
    play.click("2B3")
    play.says("The ball on 2B3 is not yours.")
    play.click("2C2")
    play.says("The ball on 2C2 cannot be raised: there is no higher place for it now.")
    play.play("2A1")
    play.says("Black to move.")


def test_who_loses_against_an_agent_is_told(play):
    play.open(f"/#mini-standard/16.17?black={LEVEL}&result=0-1&why=resigned")
    play.says("You lost. White has resigned: black has won.")
    assert play.page.locator("#status").get_attribute("data-tone") == "lost"
    assert play.page.get_by_role("button", name="New game").count() == 1


def test_one_resigns(play):
    play.open().play("2C2 2B3")
    play.press("Resign")
    play.page.locator("dialog").get_by_role("button", name="Resign").click()
    play.says("White has resigned: black has won.")
    play.page.reload()
    play.says("White has resigned: black has won.")
    play.press("Undo")
    play.says("White to move.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_kept(browser, server, theme):
    page = browser.new_context(base_url=server, color_scheme=theme).new_page()
    page.goto("/puzzles")
    page.goto("/")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    other = {"light": "dark", "dark": "light"}[theme]
    page.get_by_role("button", name=f"Use the {other} theme").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == other
    page.context.close()


@pytest.mark.parametrize("size", [(390, 844), (768, 1024), (1024, 640), (1440, 900)])
def test_nothing_runs_out_of_the_window(browser, server, size):
    context = browser.new_context(base_url=server, viewport=dict(zip(("width", "height"), size, strict=True)))
    play = PlayPage(context.new_page()).open()
    assert play.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    board = play.page.locator("#board").bounding_box()
    assert min(board["width"], board["height"]) >= 260
    assert board["y"] + board["height"] <= size[1]
    for other in ("#players", "#status", "#controls", ".side"):
        box = play.page.locator(other).bounding_box()
        apart = box["x"] >= board["x"] + board["width"] or box["x"] + box["width"] <= board["x"]
        assert apart or box["y"] >= board["y"] + board["height"] or box["y"] + box["height"] <= board["y"]
    context.close()


def test_a_whole_game_by_keyboard(play):
    play.open()
    keys = play.page.keyboard
    play.page.locator("#board [role=gridcell][tabindex='0']").focus()
    steps = {
        "level": ("PageUp", "PageDown"),
        "row": ("ArrowUp", "ArrowDown"),
        "column": ("ArrowRight", "ArrowLeft"),
    }

    def enter(cell):
        goal = play.tell("(cell) => app.info.cells[cell]", play.cells.index(cell))
        for way, (more, less) in steps.items():
            while at := goal[way] - play.tell("(way) => app.info.cells[app.board.keys.at][way]", way):
                keys.press(more if at > 0 else less)
        keys.press("Enter")

    play.play(WHOLE_GAME, click=enter)
    play.says("White has won")
    assert play.turns == WHOLE_GAME.split()
