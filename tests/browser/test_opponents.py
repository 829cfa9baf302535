"""Games against levels, agents and checkpoints, and what a page keeps from one to the next."""

import re
import shutil

import pytest

from tests.support.play_page import LEVEL
from tests.support.players import save_player


def test_a_level_answers_and_undo_takes_both_turns_back(play):
    play.open(f"/#mini-standard/?black={LEVEL}&seed=5")
    play.play("2B2")
    play.says("Your turn.")
    assert len(play.turns) == 2
    answer = play.turns[1]
    play.press("Undo")
    assert play.actions == 0
    play.play("2B2")
    play.says("Your turn.")
    assert play.turns == ["2B2", answer]  # draws come from the game's seed


def test_nobody_moves_for_an_agent(play):
    """The answer to a turn is held back: nothing that is tried meanwhile is played, now or later."""
    held = []
    play.page.route("**/api/1/move", lambda route: held.append(route))
    play.open(f"/#mini-standard/?black={LEVEL}&seed=5").play("2B2")
    play.says("is thinking")
    play.click("2A1")
    play.type("2A1")
    play.page.locator("#turn-error", has_text="not your turn").wait_for()
    play.press("Undo")
    play.play("2C3")  # the first question is forgotten
    play.until(lambda: len(held) == 2)
    held[1].continue_()
    play.says("Your turn.")
    assert play.turns[0] == "2C3"
    assert len(play.turns) == 2


def test_agents_play_each_other(play):
    play.open(f"/#mini-standard/?white={LEVEL}&black={LEVEL}&seed=5")
    play.tell("() => (app.settings.delay = 0.1)")
    play.until(lambda: play.actions >= 3)
    play.page.keyboard.press("Home")
    play.says("You are looking at turn 0")
    shown = len(play.turns)
    play.until(lambda: len(play.turns) > shown)  # the game goes on
    assert play.actions == 0  # and what is looked at stays
    play.press("Back to the game")
    play.page.keyboard.press("Space")
    play.says("Paused.")
    before = play.position
    play.press("One turn")
    play.until(lambda: play.position != before)
    play.says("Paused.")
    play.tell("() => (app.settings.delay = 0)")
    play.press("Go on")
    play.page.locator("#status[data-tone=over]").wait_for()
    play.page.locator("#controls").get_by_role("button", name="New game").click()
    play.page.locator("dialog").get_by_label("Two people").check()
    assert not play.page.locator("dialog select").nth(1).is_visible()
    play.press("Start")
    play.says("White to move.")


def test_agents_wait_for_the_free_board_and_then_go_on(play):
    play.open(f"/#mini-standard/?white={LEVEL}&black={LEVEL}&seed=5")
    play.page.get_by_role("tab", name="Set up").click()
    play.tell("() => (app.settings.delay = 0)")
    play.until(lambda: play.tell("() => app.match.thinking === null"))
    before = play.actions
    assert play.page.get_by_role("button", name="Pause").is_visible()  # it is not over
    play.page.get_by_role("tab", name="Game").click()
    play.until(lambda: play.actions > before)


def test_a_new_game_against_a_level(play):
    play.open()
    play.press("New game")
    dialog = play.page.locator("dialog")
    dialog.get_by_label("You against an agent").check()
    dialog.get_by_label("Black", exact=True).first.check()
    dialog.get_by_label("Rules").select_option("mini-mature")
    dialog.locator(".opponent select:visible").select_option(LEVEL)
    play.press("Start")
    play.says("Your turn.")  # the agent has begun
    assert play.tell("() => [app.match.person, app.game.rules, app.match.players.white]") == [
        "black",
        "mini-mature",
        LEVEL,
    ]


def test_a_checkpoint_is_told_with_how_often_it_beats_random_play(play, runs):
    about = """async () => {
      const { checkpoints } = await app.opponents.load("standard");
      return app.opponents.about("standard", checkpoints.find(({ label }) => label).id);
    }"""
    assert re.fullmatch(r"It wins \d+ % of its games against random play\.", play.open("/").tell(about))


@pytest.mark.parametrize("audio", ["heard", "none"])
def test_a_ball_sounds_where_there_is_audio(play, audio):
    count = """(() => {
      window.tones = 0;
      const make = AudioContext.prototype.createOscillator;
      AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
    })()"""
    play.page.add_init_script({"heard": count, "none": "delete window.AudioContext"}[audio])
    play.open().tell("() => (app.settings.sounds = true)")
    play.play("2C2 2B3")
    play.says("White to move.")
    assert audio == "none" or play.page.evaluate("tones") >= 4


def test_the_words_of_a_hint_stay_as_long_as_its_arrow(play):
    """A press without effect is explained and a ball is chosen meanwhile."""
    play.open("/#mini-standard/?start=................/ww.bb...w/..../. w 0")
    play.press("Hint")
    play.page.locator("#board .arrow, #board .arrow-ring").first.wait_for()
    said = play.page.locator(".status-words").inner_text()
    play.click("2B2")
    play.says("The ball on 2B2 is not yours.")
    play.click("2C3")
    play.says(said)
    assert play.tell("() => app.board.selected") == play.cells.index("2C3")
    play.play("3A1")
    play.says("Black to move.")
    play.page.locator("#board .arrow").first.wait_for(state="detached")


def test_resigning_ends_a_hint(play):
    play.open(f"/#mini-standard/?black={LEVEL}&seed=5").play("2B2")
    play.says("Your turn.")
    play.press("Hint")
    play.page.locator("#board .arrow, #board .arrow-ring").first.wait_for()
    play.press("Resign")
    play.page.locator("dialog").get_by_role("button", name="Resign").click()
    play.says("You lost. White has resigned: black has won.")
    play.page.locator("#board").locator(".arrow, .arrow-ring, .ghost").first.wait_for(state="detached")
    assert "White has resigned" in play.page.locator("#live").inner_text()


def test_a_game_against_an_agent_begins_without_analysis(play):
    from playwright.sync_api import expect  # without it, the test is skipped

    switch = play.page.get_by_label("Analyse this position")
    play.open()
    play.page.get_by_role("tab", name="Analysis").click()
    switch.check()
    play.open(f"/#mini-standard/?black={LEVEL}&seed=5")
    play.page.get_by_role("tab", name="Analysis").click()
    expect(switch).not_to_be_checked()
    switch.check()
    play.press("New game")
    play.press("Start")
    play.page.locator("dialog").wait_for(state="detached")
    play.page.get_by_role("tab", name="Analysis").click()
    expect(switch).not_to_be_checked()
    play.page.get_by_role("tab", name="Set up").click()
    play.press("Analyse from here")
    play.page.locator(".analysis-table tbody").first.wait_for()
    expect(switch).to_be_checked()


def test_a_checkpoint_that_training_has_removed_is_replaced_by_the_nearest(play, runs_folder):
    folder = runs_folder / "fleeting" / "checkpoints"
    folder.mkdir(parents=True)
    (folder.parent / "config.yaml").write_text("model: {rules: mini-standard}\n")
    save_player(folder / "last.ckpt", "mini-standard")
    play.open("/#mini-standard/16?black=run:fleeting/best-000480.ckpt@16")
    play.says("a training removes those that better ones have replaced")
    play.page.locator("#status").get_by_role(
        "button", name=re.compile("^Go on against fleeting, last")
    ).click()
    play.says("Your turn.")
    assert play.tell("() => app.match.players.black") == "run:fleeting/last.ckpt@16"
    shutil.rmtree(folder.parent)
