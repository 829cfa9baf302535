"""Games that go on: reloads, tabs, links, files, a server that is gone."""

import re

import pytest

from tests.support.play_page import LEVEL, PlayPage


def test_back_leads_to_the_game_before_the_opened_one(play):
    play.open().play("2C2 2B3")
    play.press("Open")
    play.page.locator("dialog textarea").fill('[Rules "mini-standard"]\n1. 2A1 2A2')
    play.page.locator("dialog").get_by_role("button", name="Open").click()
    play.page.locator("dialog").wait_for(state="detached")
    assert play.turns == ["2A1", "2A2"]
    play.page.go_back()
    play.until(lambda: play.turns == ["2C2", "2B3"])
    play.page.go_forward()
    play.until(lambda: play.turns == ["2A1", "2A2"])


def test_a_reload_goes_on(play):
    play.open().play("2C2 2B3 2A3")
    play.press("Undo")
    play.play("2A2")
    before = play.page.url
    play.page.reload()
    play.says("Black to move.")
    assert play.page.url == before
    assert play.turns == ["2C2", "2B3", "2A2"]
    assert (
        play.tell("() => app.game.root.children[0].children[0].children.length") == 2
    )  # what was undone is kept


def test_a_closed_tab_goes_on(play):
    play.open().play("2C2 2B3")
    play.page.goto("about:blank")
    play.page.goto("/")
    play.says("White to move.")
    assert play.turns == ["2C2", "2B3"]


@pytest.mark.parametrize(
    "script",
    [
        "if (navigator.locks) navigator.locks.request = () => Promise.reject(new Error('forbidden'))",
        "Object.assign(localStorage, { 'pylos.games': '[5, {}]', 'pylos.settings': '7', 'pylos.puzzles': '[1]' })",
        "Storage.prototype.setItem = () => { throw new Error('full') }",
    ],
    ids=["forbidden", "broken", "full"],
)
def test_storage_that_does_not_work_harms_nothing(play, script):
    play.page.goto("/runs")  # a page that keeps no game
    play.page.add_init_script(script)
    play.page.goto("/")
    play.says("Your turn. Place a ball.")


def test_tabs_do_not_disturb_each_other(play):
    play.open().play("2C2 2B3")
    other = PlayPage(play.page.context.new_page()).open("/")  # the game is being played: a new one
    assert other.turns == []
    twin = PlayPage(play.page.context.new_page()).open(play.page.url)
    twin.play("2A3")
    play.play("2A1")
    for tab in (play, twin):
        tab.page.reload()
        tab.says("Black to move.")
    assert play.turns == ["2C2", "2B3", "2A1"]
    assert twin.turns == ["2C2", "2B3", "2A3"]


def test_links_share_a_game_and_a_position(play):
    play.open().play("2C2 2B3 2A3")
    position = play.position
    play.press("Share")
    game, only = (play.page.locator("dialog input").nth(i).input_value() for i in range(2))
    for link, turns in ((game, ["2C2", "2B3", "2A3"]), (only, [])):
        visitor = PlayPage(play.page.context.browser.new_context().new_page())
        visitor.open(link)
        assert visitor.position == position
        assert visitor.turns == turns
        visitor.page.context.close()


def test_a_link_keeps_the_opponent(play):
    play.open(f"/#mini-standard/?black={LEVEL}&seed=5").play("2B2")
    play.says("Your turn.")
    play.press("Share")
    link = play.page.locator("dialog input").first.input_value()
    visitor = PlayPage(play.page.context.browser.new_context().new_page()).open(link)
    assert visitor.tell("() => app.match.players") == {"white": "human", "black": LEVEL}
    assert visitor.turns == play.turns
    visitor.page.context.close()


@pytest.mark.parametrize(
    "line", ["standard/5.5", "nonsense/1", "standard/5.x", "standard/?start=%3Cb%3E", "%E0%A4%A"]
)
def test_hostile_addresses_are_refused(play, line):
    play.open(f"/#{line}").says("Your turn. Place a ball.")
    assert "cannot be opened" in play.page.locator(".toast").inner_text()


def test_a_server_that_is_gone_loses_nothing(browser, server):
    context = browser.new_context(base_url=server, reduced_motion="reduce")
    play = PlayPage(context.new_page()).open().play("2C2")
    context.set_offline(True)
    play.click("2B3")
    play.says("cannot be reached")
    play.says("Your move is kept")
    context.set_offline(False)
    play.says("White to move.")
    assert play.turns == ["2C2", "2B3"]
    context.close()


def test_games_are_saved_and_opened(play, tmp_path):
    play.open().play("2C2 2B3 2A3 2A2 2B1 2A1 2C1 2C3 2B2-2B2-2A3")
    position = play.position
    with play.page.expect_download() as download:
        play.press("Save")
    assert re.fullmatch(r"pylos-[\d.]{10}-\d{6}\.txt", download.value.suggested_filename)
    saved = tmp_path / "game.txt"
    download.value.save_as(saved)
    assert "2B2-2B2-2A3" in saved.read_text()
    saved.write_text(saved.read_text().replace('[White "human"]', '[White "Ann"]'))
    play.open("/#mini-mature/")
    play.press("Open")
    play.page.locator("dialog textarea").fill("nonsense")
    play.page.locator("dialog").get_by_role("button", name="Open").click()
    play.page.locator("dialog [role=alert]:not(:empty)").wait_for()
    play.page.locator("dialog input[type=file]").set_input_files(saved)
    play.page.locator("dialog").wait_for(state="detached")
    assert play.position == position
    assert play.turns[-1] == "2B2-2B2-2A3"
    with play.page.expect_download() as download:
        play.press("Save")
    assert download.value.path().read_text() == saved.read_text()


def test_links_of_other_pages(play):
    play.open(f"/?opponent={LEVEL}&rules=mini-standard")
    assert play.tell("() => [app.match.person, app.match.players.black, app.game.rules]") == [
        "white",
        LEVEL,
        "mini-standard",
    ]
    assert "?" not in play.page.url.split("#")[0]
    play.open("/?rules=mini-standard&panel=analysis&start=................/w......../..../. b 0")
    assert play.page.locator("#panel-analysis").is_visible()
    play.says("Free board, both sides are yours. Black to move.")


def test_an_address_typed_over_a_game_leaves_that_game(play):
    play.open().play("2C2 2B3")
    first = play.page.url
    play.tell("() => (location.hash = 'mini-standard/16')")
    play.until(lambda: play.turns == ["2A1"])
    play.play("2A2")
    play.open(first)
    assert play.turns == ["2C2", "2B3"]
    play.page.get_by_role("link", name="Puzzles").click()
    play.page.get_by_role("link", name="Play", exact=True).click()
    play.page.locator(".turn-rows").wait_for()
    assert play.turns == ["2C2", "2B3"]


RESIGNED = """[Rules "standard"]
[White "human"]
[Black "level:club"]
[Date "2026.11.27"]
[Result "0-1"]
%s
1. 1B2 1C3  2. 1C2 1B3  3. 2B2 1A2  4. 1B1 1A3  5. 1A1 1A4
6. 1D2 2A2  7. 1C1-2B2-1B1 1B1  0-1
"""
"""The example of docs/games.md: no turn decides it."""


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("", "You lost. Black has won, as the file of the game says."),
        ('[Termination "resigned"]\n', "You lost. White has resigned: black has won."),
        ('[Termination "time forfeit"]\n', "You lost. Black has won: time forfeit."),
    ],
)
def test_the_result_of_an_opened_file_is_kept(play, tmp_path, why, said):
    saved = tmp_path / "game.txt"
    saved.write_text(RESIGNED % why)
    play.open().press("Open")
    play.page.locator("dialog input[type=file]").set_input_files(saved)
    play.says(said)
    play.page.reload()
    play.says(said)
    with play.page.expect_download() as download:
        play.press("Save")
    text = download.value.path().read_text()
    assert '[Result "0-1"]' in text
    assert text.rstrip().endswith("0-1")
    assert why.strip() in text
    assert ("Termination" in text) == bool(why)
    play.play("1D4")
    play.says("A variation, 1 turn after turn 14 of 14. Try other turns")
    assert len(play.turns) == 14
    assert play.page.get_by_role("list", name="Tried after the end").get_by_role("button").count() == 1
    play.press("Play on from here")
    with play.page.expect_download() as download:
        play.press("Save")
    assert '[Result "*"]' in download.value.path().read_text()


def test_a_file_that_is_too_large_is_not_sent(play, tmp_path):
    sent = []
    play.page.on("request", lambda request: "parse" in request.url and sent.append(request.url))
    play.open().press("Open")
    trouble = play.page.locator("dialog [role=alert]")
    for size in (70_000, 300_000):
        (tmp_path / "large.txt").write_text("x" * size)
        play.page.locator("dialog input[type=file]").set_input_files(tmp_path / "large.txt")
        trouble.filter(has_text="at most 65,536").wait_for()
    assert not sent
