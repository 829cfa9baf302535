"""The review of a game and learning from its mistakes, in a browser."""

import pytest

import pylos

RULES = "mini-standard"
FLAT = "localStorage['pylos.settings'] ??= JSON.stringify({view: 'flat'})"


def value(board: pylos.Board) -> int:
    """What a position is worth to the player to move."""
    return pylos.analyse(board)[0].exact


@pytest.fixture(scope="module")
def planted(solved_folder) -> tuple[list[int], int, str]:
    """A game with one blunder, by the side that stood to win: its actions, the blunder's number and its text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYLOS_HOME", str(solved_folder))
        board = pylos.Board(RULES)
        number, text = 0, ""
        while not board.is_over:
            found = pylos.analyse(board)
            wrong = [row for row in found if row.exact == -1 and not board.pending]
            if not text and len(board.turns) >= 2 and found[0].exact == 1 and wrong:
                number, text = len(board.turns), wrong[0].name
                side = board.turn
                board.push(wrong[0].action)
                while board.turn == side and not board.is_over:  # the worst that can be taken back
                    board.push(pylos.analyse(board)[-1].action)
                text = board.last_turn
            else:
                board.push(found[0].action)
    assert text
    return list(board.actions), number, text


@pytest.fixture
def reviewed(page, planted):
    actions, _, _ = planted
    page.add_init_script(FLAT)
    page.goto(f"/#{RULES}/{'.'.join(map(str, actions))}")
    page.get_by_role("tab", name="Review").click()
    page.get_by_role("button", name="Review this game").click()
    page.wait_for_selector(".review-counts table")
    return page


def before(planted) -> pylos.Board:
    """The board before the blunder."""
    actions, number, _ = planted
    board = pylos.Board(RULES)
    for action in actions:
        if len(board.turns) == number and not board.pending:
            break
        board.push(action)
    return board


def test_a_planted_blunder_is_found(reviewed, planted):
    _, number, text = planted
    side = "white" if number % 2 == 0 else "black"
    counted = reviewed.locator(".review-counts tr", has_text="Blunders").locator("td").all_inner_texts()
    assert counted == (["1", "0"] if side == "white" else ["0", "1"])
    kept = reviewed.locator(".review-counts tr", has_text="Kept what").locator("td").all_inner_texts()
    other, own = kept[::-1] if side == "white" else kept
    assert own != "100 %"
    assert other == "100 %"
    assert "exact" in reviewed.locator(".review-status").inner_text()
    mark = reviewed.locator("#moves .turn:has(.verdict)")
    assert mark.count() == 1
    assert mark.locator(".turn-text").text_content() == text
    assert mark.locator(".verdict").text_content() == "??"
    assert "blunder" in mark.get_attribute("aria-label")


def test_a_review_outlives_a_reload(reviewed):
    said = reviewed.locator(".review-counts").inner_text()
    reviewed.reload()
    reviewed.locator("#moves .turn .verdict", has_text="??").wait_for()
    reviewed.get_by_role("tab", name="Review").click()
    assert reviewed.locator(".review-counts").inner_text() == said
    assert reviewed.locator(".review-chart svg").last.bounding_box()["height"] > 100
    assert reviewed.get_by_role("button", name="Learn from").is_visible()


def test_what_was_kept_of_a_review_may_be_broken(reviewed):
    broken = """() => Object.keys(localStorage).filter((key) => key.startsWith("pylos.game.")).forEach((key) => {
      localStorage[key] = JSON.stringify({ ...JSON.parse(localStorage[key]), review: { actions: [], result: 7 } });
    })"""
    reviewed.evaluate(broken)
    reviewed.reload()
    reviewed.get_by_role("tab", name="Review").click()
    reviewed.get_by_role("button", name="Review this game").wait_for()


def test_the_graph_leads_to_the_turns(reviewed):
    plot = reviewed.locator(".review-chart .plot-area")
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.4})
    shown = int(reviewed.locator(".turn-place").text_content().split(" / ")[0])
    assert 0 < shown < int(reviewed.locator(".turn-place").text_content().split(" / ")[1])


def test_learning_accepts_what_keeps_the_value_and_nothing_else(reviewed, planted, solved):
    _, number, text = planted
    count = reviewed.locator(".turn-place").text_content()
    board = before(planted)
    keeping = [row.name for row in pylos.analyse(board) if row.exact == 1]
    losing = [row.name for row in pylos.analyse(board) if row.exact == -1 and row.name != text]
    reviewed.get_by_role("button", name="Learn from").click()
    lesson = reviewed.locator(".review-lesson")
    assert text in lesson.inner_text()
    assert reviewed.locator(".status-words").inner_text() == "Find a better turn."
    assert "Find a turn that keeps a win" in lesson.inner_text()
    assert not any(f" {name}" in lesson.inner_text() for name in keeping), "the answer is not told"
    assert reviewed.locator(".turn-place").text_content().startswith(f"{number} / ")
    for name in [*losing[:1], text]:
        play(reviewed, name)
        reviewed.wait_for_selector(".review-lesson p.bad")
        said = lesson.inner_text()
        assert "That is what was played." in said if name == text else f"{name} is not it." in said
        assert reviewed.locator(".turn-place").text_content().startswith(f"{number} / ")
    play(reviewed, keeping[-1])
    reviewed.wait_for_selector(".review-lesson p.good")
    reviewed.get_by_role("button", name="See the result").click()
    assert "1 of 1" in lesson.inner_text()
    reviewed.get_by_role("button", name="Back to the review").click()
    reviewed.wait_for_selector(".review-counts table")
    assert reviewed.locator(".turn-place").text_content() == count
    assert reviewed.locator("#moves .variation").count() == 0, "tries leave no trace"


def test_the_answer_is_shown_when_it_is_asked_for(reviewed, planted, solved):
    reviewed.get_by_role("button", name="Learn from").click()
    reviewed.get_by_role("button", name="Show the answer").click()
    reviewed.wait_for_selector("#board .arrow")
    assert reviewed.locator(".status-words").inner_text() == "The arrows show the answer."
    said = reviewed.locator(".review-lesson p").inner_text()
    assert f"The position was a win; {planted[2]} made it a loss." in said
    assert any(row.name in said for row in pylos.analyse(before(planted)) if row.exact == 1)


def test_nothing_tells_the_answer_and_another_game_ends_the_lesson(reviewed):
    reviewed.get_by_role("button", name="Evaluation", exact=True).click()
    reviewed.get_by_role("meter").wait_for()
    reviewed.get_by_role("button", name="Learn from").click()
    reviewed.get_by_role("meter").wait_for(state="detached")
    assert reviewed.get_by_role("button", name="Hint", exact=True).is_disabled()
    reviewed.get_by_role("tab", name="Analysis").click()
    assert reviewed.get_by_label("Analyse this position").is_hidden()
    reviewed.get_by_role("tab", name="Set up").click()
    assert reviewed.get_by_role("button", name="Empty board").is_hidden()
    reviewed.evaluate("location.hash = '#mini-standard/20'")
    reviewed.get_by_role("meter").wait_for()
    assert reviewed.get_by_role("button", name="Hint", exact=True).is_enabled()
    reviewed.get_by_role("tab", name="Review").click()
    reviewed.get_by_role("button", name="Review this game").wait_for()


def test_a_lesson_that_is_left_ignores_what_comes_later(reviewed, planted, solved):
    place = reviewed.locator(".turn-place").text_content()
    reviewed.route("**/api/1/judge", lambda route: None)  # No answer yet.
    reviewed.get_by_role("button", name="Learn from").click()
    play(reviewed, next(row.name for row in pylos.analyse(before(planted)) if row.name != planted[2]))
    reviewed.get_by_text("Judging your turn").wait_for()
    with reviewed.expect_event("requestfailed"):
        reviewed.get_by_role("button", name="Back to the review").click()
    assert reviewed.locator(".turn-place").text_content() == place
    assert reviewed.locator("#moves .variation").count() == 0
    reviewed.get_by_role("heading", name="Mistake").wait_for(state="hidden")


def play(page, name: str) -> None:
    """Plays a turn on the board by the keyboard's way in."""
    page.get_by_role("tab", name="Game").click()
    page.get_by_label("Type a turn").fill(name)
    page.get_by_label("Type a turn").press("Enter")
    page.locator("#turn:placeholder-shown").wait_for()
    page.get_by_role("tab", name="Review").click()
