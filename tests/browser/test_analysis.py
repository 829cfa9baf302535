"""The list of turns, the best turns, the evaluation bar, the hint and the free board, in a browser."""

import re

import pytest

import pylos

RULES = "mini-standard"
FLAT = "localStorage['pylos.settings'] ??= JSON.stringify({view: 'flat'})"
TURNS = "2B2 2A1 2C3 2A3"


@pytest.fixture
def page(page):
    """The flat board needs no time of the processor."""
    page.add_init_script(FLAT)
    return page


def address(turns: str, rules: str = RULES) -> str:
    """The address of a game of two people."""
    board = pylos.Board(rules)
    for turn in turns.split():
        board.push(turn)
    return f"/#{rules}/{'.'.join(map(str, board.actions))}"


def open_panel(page, name: str, turns: str = TURNS, rules: str = RULES) -> None:
    page.goto(address(turns, rules))
    page.get_by_role("tab", name=name, exact=True).click()


@pytest.fixture
def analysing(page):
    """The page with the analysis of a position switched on."""
    open_panel(page, "Analysis")
    page.get_by_label("Analyse this position").check()
    page.wait_for_selector(".analysis-table tbody")
    return page


def rows(page) -> dict[str, str]:
    """The exact values that are shown, by turn."""
    return {
        body.locator("th button").inner_text(): body.locator("td.exact").inner_text()
        for body in page.locator(".analysis-table tbody").all()
    }


def settled(page) -> None:
    """Waits until the search is over."""
    page.locator(".analysis-status").filter(has_not_text="…").wait_for()


def turn(page, name: str):
    """A turn in the list of turns."""
    return page.locator("#moves").get_by_role("button", name=re.compile(f": {re.escape(name)}"))


def test_the_rows_stream_in_with_the_truth_beside_them(analysing, solved):
    board = pylos.Board(RULES)
    for step in TURNS.split():
        board.push(step)
    truth = {
        row.name: {1: f"win in {row.distance}", -1: f"loss in {row.distance}"}[row.exact]
        for row in pylos.analyse(board)
    }
    settled(analysing)
    assert rows(analysing) == truth
    assert analysing.locator(".analysis-table tbody .line button").count() > len(truth)


def test_without_a_search_the_truth_alone_is_shown(analysing):
    asked = []
    analysing.on("request", lambda request: asked.append(request.url))
    analysing.get_by_label("Search").uncheck()
    analysing.locator("body").press("ArrowLeft")
    analysing.locator(".analysis-status", has_text="Exact values").wait_for()
    assert set(rows(analysing).values()) <= {f"{word} in {n}" for word in ("win", "loss") for n in range(30)}
    assert not [url for url in asked if url.endswith("/analyse")]
    assert analysing.get_by_label("Whose network").is_hidden()


def test_a_row_that_has_the_focus_is_an_arrow_on_the_board(analysing):
    settled(analysing)
    before = analysing.locator("#board .arrow").count()
    analysing.locator(".analysis-table tbody th button").first.focus()
    analysing.wait_for_selector("#board .arrow")
    assert analysing.locator("#board .arrow").count() > before
    analysing.get_by_label("Search").focus()
    analysing.locator("#board .arrow").first.wait_for(state="detached")


def searches(simulations: int):
    """Whether a request asks for a search of this size."""
    return lambda request: (
        request.url.endswith("/analyse") and request.post_data_json["simulations"] == simulations
    )


def test_another_position_ends_the_search(page):
    open_panel(page, "Analysis", "1B2 1C3", "standard")
    page.get_by_label("Analyse this position").check()
    page.wait_for_selector(".analysis-table tbody")
    more = page.get_by_role("button", name=re.compile("^More"))
    with page.expect_request(searches(20_000)):
        more.click()
        more.click()
    with (
        page.expect_event("requestfailed", searches(20_000)),
        page.expect_request(searches(1000)) as asked,
    ):
        page.locator("body").press("ArrowLeft")
    assert len(asked.value.post_data_json["game"]["actions"]) == 1


def test_a_row_and_its_line_are_played_as_a_variation(analysing):
    settled(analysing)
    analysing.locator("body").press("ArrowLeft")
    settled(analysing)
    others = [name for name in rows(analysing) if name != TURNS.split()[-1]]
    body = analysing.locator(".analysis-table tbody").filter(
        has=analysing.get_by_role("button", name=f"Play {others[0]}", exact=True)
    )
    line = body.locator(".line button")
    expected = [button.inner_text() for button in line.all()][:3]
    line.nth(2).click()
    analysing.get_by_role("tab", name="Game").click()
    analysing.locator(".turn-place", has_text="6 / 6").wait_for()
    branch = analysing.get_by_role("list", name=f"Instead of {TURNS.split()[-1]}").locator("button")
    assert [button.locator(".turn-text").inner_text() for button in branch.all()] == expected
    assert branch.last.get_attribute("aria-current") == "true"


def test_keys_walk_through_turns_and_variations(page):
    page.goto(address(TURNS))
    place = page.locator(".turn-place")
    page.locator(".turn-place", has_text="4 / 4").wait_for()
    body = page.locator("body")
    for key, shown in [("ArrowLeft", "3 / 4"), ("Home", "0 / 4"), ("ArrowRight", "1 / 4"), ("End", "4 / 4")]:
        body.press(key)
        assert place.inner_text() == shown
    page.get_by_label("Type a turn").press("Home")  # moves the caret, not the game
    assert place.inner_text() == "4 / 4"
    assert turn(page, "2A3").get_attribute("aria-current") == "true"


def test_a_variation_can_become_the_main_line_and_be_deleted(page):
    open_panel(page, "Analysis")
    page.get_by_label("Analyse this position").check()
    page.get_by_label("Search").uncheck()
    page.locator("body").press("ArrowLeft")
    page.get_by_role("button", name="Play 2B1", exact=True).click()
    page.get_by_role("tab", name="Game").click()
    page.get_by_role("list", name="Instead of 2A3").wait_for()
    page.locator("body").press("ArrowUp")
    assert turn(page, "2A3").get_attribute("aria-current") == "true"
    page.locator("body").press("ArrowDown")
    page.get_by_role("button", name="Make main line").click()
    page.get_by_role("list", name="Instead of 2B1").wait_for()
    page.get_by_role("button", name="Delete from here").click()
    assert page.locator(".turn-place").inner_text() == "3 / 4"
    assert turn(page, "2B1").count() == 0
    assert turn(page, "2A3").count() == 1


def test_the_bar_is_shown_when_asked_for_and_says_what_is_exact(page):
    page.goto(address(TURNS))
    meter = page.get_by_role("meter")
    page.locator("#moves .turn-rows").wait_for()
    assert meter.count() == 0
    page.get_by_role("button", name="Evaluation", exact=True).first.click()
    page.wait_for_selector(".bar-meter.exact")
    assert re.fullmatch(
        r"(White|Black) wins in \d+ turns with best play", meter.get_attribute("aria-valuetext")
    )
    page.reload()
    page.wait_for_selector(".bar-meter.exact")


def test_where_nothing_is_solved_the_cost_and_the_command_are_told(page):
    open_panel(page, "Analysis", "1B2", "standard")
    page.get_by_label("Analyse this position").check()
    page.wait_for_selector(".analysis-table tbody")
    page.get_by_text("Exact truth: not solved here yet").click()
    assert "pylos solve --rules standard" in page.locator(".analysis-cost code").inner_text()
    assert page.locator(".analysis-table td.exact").count() == 0
    assert page.get_by_role("columnheader", name="Exact").count() == 0


def test_a_hint_is_said_and_drawn_and_its_line_waits(page):
    page.goto(address(TURNS))
    page.get_by_role("button", name="Hint", exact=True).click()
    page.get_by_role("button", name="Show the line").wait_for()
    said = page.locator(".status-words").inner_text()
    assert re.search(r": it (wins|loses) in \d+ turns?\.$", said)
    page.wait_for_selector("#board .arrow")
    page.get_by_role("button", name="Show the line").click()
    page.locator(".status-words", has_text=f"{said} Expected: ").wait_for()
    page.locator("body").press("ArrowLeft")
    page.locator("#board .arrow").first.wait_for(state="detached")
    page.locator(".status-words", has_text="Expected: ").wait_for(state="detached")


def test_an_impossible_position_is_explained_and_a_possible_one_analysed(page):
    open_panel(page, "Set up")
    page.get_by_role("button", name="Empty board").click()
    page.get_by_role("button", name="3A1: empty").wait_for()
    page.get_by_role("button", name="3A1: empty").click()
    page.wait_for_selector(".setup-message.error")
    assert "3A1" in page.locator(".setup-message").inner_text()
    left = page.locator(".player-count").all_inner_texts()
    assert [int(text.split()[0]) for text in left] == [6, 7], "the cards follow what is set up"
    assert page.get_by_role("button", name="Analyse from here").is_disabled()
    page.get_by_role("button", name="3A1: white ball").click()  # the same ball again removes it
    page.get_by_role("button", name="2B2: empty").click()
    page.get_by_role("radio", name="Black", exact=True).check()
    page.wait_for_selector(".setup-message:not(.error):has-text('A possible position')")
    page.get_by_role("button", name="Analyse from here").click()
    page.get_by_text("No turn has been played yet.").wait_for(state="attached")
    assert "start=" in page.url


def test_a_pasted_position_is_read_or_refused(page):
    open_panel(page, "Set up")
    page.get_by_text("Paste a position or a saved game").click()
    box = page.get_by_label("A position text, or a game")
    box.fill("nonsense")
    page.get_by_role("button", name="Read").click()
    page.locator(".setup-paste [role=alert]").wait_for()
    box.fill("................/w...b..../..../. w 0")
    page.get_by_role("button", name="Read").click()
    page.get_by_role("button", name="2B2: black ball").wait_for()


def test_a_pasted_game_that_was_resigned_is_over(page):
    open_panel(page, "Set up")
    page.get_by_text("Paste a position or a saved game").click()
    text = '[Rules "mini-standard"]\n[Result "1-0"]\n[Termination "resigned"]\n\n1. 2B2 1-0\n'
    page.get_by_label("A position text, or a game").fill(text)
    page.get_by_role("button", name="Read").click()
    page.get_by_text("Black has resigned: white has won.").first.wait_for()


def test_a_pasted_game_is_opened_and_a_position_of_it_is_played_on(page):
    open_panel(page, "Set up")
    page.get_by_text("Paste a position or a saved game").click()
    page.get_by_label("A position text, or a game").fill('[Rules "mini-standard"]\n\n1. 2B2 2A1 2. 2C3 *\n')
    page.get_by_role("button", name="Read").click()
    page.locator(".turn-place", has_text="3 / 3").wait_for(state="attached")
    assert page.get_by_role("tab", name="Game").get_attribute("aria-selected") == "true"
    page.get_by_role("tab", name="Set up").click()
    page.get_by_role("button", name="Play from here").click()
    page.locator(".turn-place", has_text="0 / 0").wait_for()
    assert page.get_by_role("tab", name="Game").get_attribute("aria-selected") == "true"
