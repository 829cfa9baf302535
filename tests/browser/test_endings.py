"""Games that end in rare ways, played to the end in the browser, and games against perfect play."""

from pathlib import Path

import numpy as np
import pytest

from pylos.analysis.review import played_turns
from pylos.game.board import Board
from pylos.game.outcome import MOST_PLIES, outcome_on

REPEATED = {
    "mini-mature": "2A1 2C1 2A2 2C2 2B1 2B3 2B2-2B2 2C3-2C3 2B2-2B2 2C3-2C3",
    "mature": "1A1 1D1 1A2 1D2 1B1 1D3 1B2-1B2 1D4-1D4 1B2-1B2 1D4-1D4",
}
"""White completes a square again and again, black a line, and both take the same ball back."""


def address(board):
    """That of a game but for its last turn."""
    before = played_turns(Board(board.rules), board.actions)[-1].before
    return f"/#{board.rules}/" + ".".join(map(str, before.actions))


@pytest.mark.parametrize("rules", REPEATED)
def test_a_game_ends_by_repetition(play, rules):
    board = Board(rules)
    for turn in REPEATED[rules].split():
        board.push(turn)
    play.open(address(board))
    play.says("Black to move.")
    play.type(board.last_turn)
    play.says("A draw: the same position has occurred 3 times.")
    assert play.page.locator("#status").get_attribute("data-tone") == "over"
    assert play.page.locator("#live").inner_text().endswith("A draw: the same position has occurred 3 times.")
    assert play.turns == REPEATED[rules].split()
    play.press("Undo")
    play.says("Black to move.")
    play.press("Redo")
    with play.page.expect_download() as saving:
        play.press("Save")
    assert '[Result "1/2-1/2"]' in Path(saving.value.path()).read_text()


def longest_game(rules, seed):
    """A game in which both take back what they can, until so many actions are played that it is a draw."""
    random, board = np.random.default_rng(seed), Board(rules)
    while not outcome_on(board):
        found = []
        for action in random.permutation(board.legal_actions).tolist():
            after = board.copy()
            after.push(action)
            if not outcome_on(after) or len(after.actions) == MOST_PLIES:
                completes = after.pending > board.pending
                found.append((sum(after.reserves) + 2 * completes, action))
        board.push(max(found, key=lambda pair: pair[0])[1])
    return board


def test_a_game_ends_after_too_many_actions(play):
    """White has kept a won position in its last turn, too: that this does not count any more is no mistake."""
    board = longest_game("mini-mature", seed=37)
    play.open(address(board)).play(board.last_turn)
    play.says("A draw: 200 actions have been played.")
    play.press("Review the game")
    play.page.locator(".review-found:not([hidden])").wait_for(timeout=30000)
    play.page.keyboard.press("End")
    play.page.locator(".review-turn", has_text=f"{board.last_turn} best. A draw: 200 actions").wait_for()


def test_perfect_play_is_an_opponent(play):
    """Who plays as the solution says wins against it as fast as the solution says."""
    play.open("/#mini-standard/").press("New game")
    play.page.get_by_label("You against an agent").check()
    play.page.locator("dialog .opponent select").first.select_option("perfect")
    play.page.locator("dialog", has_text="Plays from the complete solution").get_by_role(
        "button", name="Start"
    ).click()
    play.says("Your turn.")
    play.press("Evaluation")
    play.page.locator(".bar-text", has_text="Whitewins in 15, exactly").wait_for()
    best = """async () => {
      const { post } = await import("/static/js/api.js");
      const { rows } = await post("truth", { game: app.game.request() });
      await app.act(rows[0].action); }"""
    while not play.page.locator("#status[data-tone=won]").count():
        play.page.locator("#status:not([data-tone=wait])").wait_for()
        play.tell(best)
    play.says("You won!")
    assert len(play.turns) == 15
    play.page.locator(".bar-text", has_text="Whitegame over").wait_for()
