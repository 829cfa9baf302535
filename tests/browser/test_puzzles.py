"""The page of the puzzles: what it accepts, and what it remembers."""

import re
from datetime import date, timedelta

import pytest

PLACE = re.compile(r"(\d)([A-D])(\d)")


@pytest.fixture
def ask(page):
    """Asks the interface of the server."""

    def ask(path, body=None):
        url = f"/api/1/{path}"
        answer = page.request.get(url) if body is None else page.request.post(url, data=body)
        assert answer.ok, answer.text()
        return answer.json()

    return ask


def begin(page, address):
    page.goto(address)
    page.locator("#status button").first.wait_for()


def press(page, name):
    """Acts on a cell by the keyboard."""
    level, row, column = PLACE.fullmatch(name).groups()
    label = f"level {level}, row {row}, column {column}:"
    page.locator(f'.board-keys button[aria-label^="{label}"]').focus()
    page.keyboard.press("Enter")


def play(page, entry, cells):
    """Takes one legal step."""
    if entry["kind"] == "stop":
        page.get_by_role("button", name="Done").click()
        return
    for cell in (entry["source"], entry["target"]):
        if cell is not None:
            press(page, cells[cell]["name"])


def phase(page):
    return page.locator("#status").get_attribute("data-phase")


def judged(page):
    page.locator("#status:is([data-phase=right], [data-phase=wrong])").wait_for()
    return phase(page)


def numbers(ask, wanted):
    """The first puzzle of each wanted kind: stratum, and what its legal steps have."""
    info = ask("puzzles?rules=standard")
    found = []
    for stratum, kinds in wanted:
        seed = 0
        while True:
            puzzle = ask(
                f"puzzles/next?rules=standard&stratum={stratum}&rating={info['ratings'][1]}&seed={seed}"
            )
            if kinds <= {entry["kind"] for entry in puzzle["state"]["legal"]}:
                break
            seed += 1
        found.append(puzzle)
    return found


def test_every_turn_that_keeps_the_value_is_accepted_and_no_other(page, ask):
    cells = ask("info")["cells"]
    for puzzle in numbers(ask, [("middle", {"place", "raise"}), ("take_back", {"take", "stop"})]):
        path = f"puzzles/standard/{puzzle['number']}"
        keeping = ask(path, {"reveal": True})["keeping_turns"]
        begin(page, f"/puzzles?rules=standard&number={puzzle['number']}")
        assert page.get_by_role("heading", level=1).inner_text() == puzzle["asks"]
        accepted = []
        for entry in puzzle["state"]["legal"]:
            with page.expect_response("**/push"):
                play(page, entry, cells)
            page.locator("#status button").first.wait_for()
            cancel = page.get_by_role("button", name="Cancel the turn")
            page.locator("#status[data-phase=right], #status[data-phase=wrong]").or_(cancel).first.wait_for()
            if phase(page) == "solving":  # A formation: its take-backs lose as well.
                assert entry["name"] not in keeping
                cancel.click()
                continue
            if phase(page) == "right":
                accepted.append(entry["name"])
                assert "Right:" in page.locator("#status").inner_text()
                page.reload()
            else:
                page.get_by_role("button", name="Try again").click()
            page.locator("#status[data-phase=solving]").wait_for()
        assert sorted(accepted) == sorted(keeping)


def test_a_result_counts_once_and_survives_a_reload(page, ask):
    cells = ask("info")["cells"]
    (puzzle,) = numbers(ask, [("opening", {"place"})])
    keeping = ask(f"puzzles/standard/{puzzle['number']}", {"reveal": True})["keeping_turns"]
    right = next(entry for entry in puzzle["state"]["legal"] if entry["name"] in keeping)
    wrong = next(entry for entry in puzzle["state"]["legal"] if entry["name"] not in keeping)
    record = page.locator("#record")
    begin(page, f"/puzzles?rules=standard&number={puzzle['number']}")
    assert "1,500" in record.inner_text()
    play(page, right, cells)
    assert judged(page) == "right"
    rating = record.locator("dd").first.inner_text()
    assert int(rating.replace(",", "")) > 1500
    assert record.locator("dd").all_inner_texts()[1:] == ["1 of 1", "1", "1"]
    page.reload()
    page.locator("#status[data-phase=solving]").wait_for()
    assert "solved before" in page.locator("#asks").inner_text()
    play(page, wrong, cells)
    assert judged(page) == "wrong"
    assert "gives the" in page.locator("#status").inner_text()
    assert record.locator("dd").all_inner_texts() == [rating, "1 of 1", "1", "1"]


def test_a_mistake_ends_the_streak_and_the_answer_is_shown_on_the_board(page, ask):
    cells = ask("info")["cells"]
    (puzzle,) = numbers(ask, [("late", {"place"})])
    keeping = ask(f"puzzles/standard/{puzzle['number']}", {"reveal": True})["keeping_turns"]
    page.goto("/puzzles")
    known = {"streak": 3, "best": 5, "ratings": {"standard": {"rating": 1700, "count": 40}}}
    page.evaluate("(known) => localStorage.setItem('pylos.puzzles', JSON.stringify(known))", known)
    begin(page, f"/puzzles?rules=standard&number={puzzle['number']}")
    page.get_by_role("button", name="Show the answer").click()
    page.locator("#status[data-phase=shown]").wait_for()
    texts = page.locator("#record dd").all_inner_texts()
    assert int(texts[0].replace(",", "")) < 1700
    assert texts[2:] == ["0", "5"]
    assert page.locator(".board-overlay .arrow, .board-overlay .arrow-ring").count() >= len(keeping)
    page.get_by_role("button", name="Try it yourself").click()
    play(page, next(entry for entry in puzzle["state"]["legal"] if entry["name"] in keeping), cells)
    assert judged(page) == "right"
    said = page.locator("#status .words").inner_text()
    assert "Only the first try counts." in said
    assert "rating" not in said
    assert page.locator("#record dd").all_inner_texts() == texts
    page.get_by_role("button", name="Next puzzle").click()
    page.locator("#status[data-phase=solving]").wait_for()
    assert f"number={puzzle['number']}&" not in page.url + "&"


def test_the_daily_puzzle_has_a_streak_of_days(page, ask):
    cells = ask("info")["cells"]
    page.goto("/puzzles")
    today = date.fromisoformat(page.evaluate("new Date().toLocaleDateString('sv')"))
    days = {str(today - timedelta(days=before)): "day" for before in (1, 2, 4)}
    page.evaluate("(days) => localStorage.setItem('pylos.puzzles', JSON.stringify({ days }))", days)
    page.reload()
    page.get_by_text("2 days in a row. Solve today").wait_for()
    page.get_by_role("link", name=re.compile("^Today")).click()
    page.locator("#asks").get_by_text("Daily puzzle of").wait_for()
    puzzle = ask(f"puzzles/daily?rules=standard&date={today}")
    keeping = ask(f"puzzles/standard/{puzzle['number']}", {"reveal": True})["keeping_turns"]
    play(page, next(entry for entry in puzzle["state"]["legal"] if entry["name"] in keeping), cells)
    assert judged(page) == "right"
    page.get_by_text("3 days in a row. Come back tomorrow.").wait_for()
    page.reload()
    page.get_by_text("3 days in a row. Come back tomorrow.").wait_for()


def test_puzzles_are_chosen_by_rules_kind_and_number(page):
    begin(page, "/puzzles?rules=standard&number=5")
    page.get_by_label("Kind of position").select_option("take_back")
    page.locator("#asks").get_by_text("Take-backs").wait_for()
    assert "stratum=take_back" in page.url
    page.get_by_label("Rules").select_option("children")
    page.locator("#asks").get_by_text("Children").wait_for()
    page.get_by_label("Puzzle number").fill("7")
    page.get_by_role("button", name="Go").click()
    page.locator("#asks").get_by_text("Puzzle 7 ·").wait_for()
    page.go_back()
    page.locator("#asks").get_by_text("Puzzle 7 ·").wait_for(state="hidden")
    link = page.get_by_role("link", name="Analyse this position").get_attribute("href")
    assert link.startswith("/?rules=children&start=")


def test_a_puzzle_that_is_not_there_is_explained(browser, server):
    with browser.new_context(base_url=server) as context:
        page = context.new_page()
        page.goto("/puzzles?rules=standard&number=999999")
        page.get_by_text("the standard rules have puzzles 1 to").wait_for()
        page.get_by_role("link", name="Another puzzle").click()
        page.locator("#asks").get_by_text("Puzzle").wait_for()


def test_a_press_without_effect_is_explained(page, ask):
    begin(page, "/puzzles?rules=mini-standard&number=7")
    state = ask("puzzles/mini-standard/7")["state"]
    names = [cell["name"] for cell in ask("info")["cells"]]
    usual = page.locator("#status .words").inner_text()
    other = names[state["cells"].index("b" if state["turn"] == "white" else "w")]
    press(page, other)
    page.locator("#status", has_text=f"The ball on {other} is not yours.").wait_for()
    assert page.locator("#live").inner_text() == f"The ball on {other} is not yours."
    page.get_by_role("button", name="Show the answer").click()
    page.locator("#status[data-phase=shown]").wait_for()
    page.get_by_role("button", name="Try it yourself").click()
    assert page.locator("#status .words").inner_text() == usual
