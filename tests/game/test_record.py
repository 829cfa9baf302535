"""Games as text: what is written is read again, and what is wrong is named."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylos.errors import RecordError
from pylos.game.board import Board
from pylos.game.record import MOST_ACTIONS, MOST_TAGS, MOST_VALUE, GameRecord, format_record, parse_record
from tests.support.boards import boards

DOCUMENT = Path(__file__).parents[2] / "docs" / "games.md"
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True).filter(
    lambda name: name not in ("Rules", "Start", "Result")
)
VALUES = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=' "\\'), max_size=40)


@given(boards(), st.dictionaries(NAMES, VALUES, max_size=4), st.integers(0, 70), st.booleans())
def test_what_is_written_is_read_again(board, tags, begin, has_result):
    """From any position and to any other, turns that are cut at both ends among them."""
    start = Board(board.rules)
    for action in board.actions[:begin]:
        start.push(action)
    if has_result:
        tags = {**tags, "Result": "1/2-1/2"}
    record = GameRecord(board.rules, start.text if begin else None, board.actions[begin:], tags)
    text = format_record(record)
    found = parse_record(text)
    assert found == record
    assert list(found.tags) == list(tags)
    assert found.board() == board
    assert format_record(found) == text


@given(st.text(st.sampled_from('[]"\\ .-^=12ABC*\nRulesstandard'), max_size=60))
def test_no_text_leads_to_another_error(text):
    for whole in (text, f'[Rules "standard"]\n{text}', f'[Rules "standard"] [White "{text}'):
        with contextlib.suppress(RecordError):
            parse_record(whole)


def test_the_documents_examples_are_games():
    examples = re.findall(r"```\n(\[.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        assert format_record(parse_record(example)) == example


def record_of(turns: str, **tags: str) -> GameRecord:
    start = f'[Start "{tags.pop("Start")}"]' if "Start" in tags else ""
    return parse_record(f'[Rules "standard"]{start}\n{turns}')


def test_numbers_may_be_missing_or_stick_to_their_turns():
    plain = record_of("1B2 1C3 1B3")
    assert record_of("1. 1B2 1C3 2. 1B3") == record_of("1.1B2 1...1C3\n\n2.1B3") == plain
    assert record_of("1b2 1c3 1b3") == plain
    assert parse_record("1B2 1C3 1B3", rules="standard") == plain


SQUARE = "1A1 1D1 1A2 1D2 1B1 1D3"
"""Black has not answered the three balls of a square that white completes next."""


def test_a_turn_that_is_not_finished_says_so():
    whole, cut = record_of(f"{SQUARE} 1B2-1A1"), record_of(f"{SQUARE} 1B2-1A1..")
    assert len(whole.actions) == len(cut.actions) + 1
    assert cut.board().pending == 1
    assert "4. 1B2-1A1..\n" in format_record(cut)
    assert record_of(f"{SQUARE} 1B2").board().pending == 2
    assert "4. 1B2..\n" in format_record(record_of(f"{SQUARE} 1B2.."))


def test_a_game_may_begin_in_the_middle_of_a_turn_of_black():
    board = Board()
    for turn in f"1C1 {SQUARE} 1B2".split():
        board.push(turn)
    record = record_of("1... -1A1= 2. 1C4", Start=board.text)
    assert record.board(turns=1).turn == "white"
    assert "\n1... -1A1=  2. 1C4\n" in format_record(record)


def test_the_board_after_some_turns():
    record = record_of(f"{SQUARE} 1B2-1A1 1D4")
    assert record.board(turns=0) == Board()
    assert record.board(turns=7).turns[-1] == "1B2-1A1"
    assert record.board(turns=8) == record.board()
    with pytest.raises(RecordError, match="the game has 8 turns, so there is no turn 9"):
        record.board(turns=9)


HEAD = '[Rules "standard"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no tag names the rules"),
        ("1. 1B2", "no tag names the rules"),
        ('[Rules "chess"]', "no game begins like that: unknown rule set 'chess'"),
        ('[Rules "standard"] [Start "w"]', "no game begins like that: 'w': expected three fields"),
        ("[Rules standard]", "tag 1, '[Rules standard]', is not of the form"),
        (HEAD + '[White "x\ny"]', "tag 2, "),
        (HEAD + '[White "x\\n"]', "tag 2, "),
        (HEAD + '[White "x\x07"]', "the value of the tag White is not one line of up to"),
        (HEAD + f'[White "{"x" * (MOST_VALUE + 1)}"]', "the value of the tag White is not one line of up to"),
        (HEAD + '[White "x"] [White "y"]', "the tag White is there twice"),
        (HEAD + "".join(f'[X{i} ""]' for i in range(MOST_TAGS)), f"at most {MOST_TAGS} tags"),
        (HEAD + '[Result "white"]', "the result of a game is 1-0, 0-1, 1/2-1/2 or *, not 'white'"),
        (HEAD + '[Result "1-0"] 1. 1B2 0-1', "the tag Result says '1-0', but the turns end with 0-1"),
        (HEAD + "1. 1B2 1-0 1C3", "'1C3' stands behind the result 1-0"),
        (HEAD + "1. 1B2 2. 1C3", "turn 1 of black is expected where the text has number 2"),
        (HEAD + "1. 1B2 1C3 2. 1B2", "turn 2 of white: 1B2 is not legal in"),
        (HEAD + "1. 1B2 Zz", "turn 1 of black: 'Zz' is no cell"),
        (HEAD + "1. 1B2 1C3-1B2", "turn 1 of black: -1B2 is not legal in"),
        (HEAD + f"1. {'1B2-' * 4000}", "turn 1 of white: '1B2-1B2-"),
        (HEAD + "1. 1B2..", "turn 1 of white: 1B2 is finished, so .. cannot stand behind it"),
        (HEAD + f"{SQUARE} 1B2 1D4", "turn 4 of white: 1B2 is not finished, so '1D4' cannot follow"),
        (HEAD + " " * (1 << 16) + "1B2", "at most 65,536 characters"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(RecordError) as error:
        parse_record(text)
    assert message in str(error.value)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Rules": "mature"}, "the tag Rules is there twice"),
        ({"Start": "x"}, "the field start of a game is no tag"),
        ({"two words": ""}, "not 'two words'"),
        ({"White": "a\nb"}, "the value of the tag White"),
        ({"White": "\ud800"}, "the value of the tag White"),
        ({"Result": "?"}, "the result of a game is"),
    ],
)
def test_tags_that_cannot_be_written_are_refused(tags, message):
    with pytest.raises(RecordError, match=re.escape(message)):
        format_record(GameRecord("standard", None, (5,), tags))


def test_what_is_no_game_is_not_written():
    for record, message in (
        (GameRecord("standard", None, (5, 5), {}), "turn 1 of black: 1B2 is not legal"),
        (GameRecord("standard", None, (900,), {}), "turn 1 of white: there is no action 900"),
        (GameRecord("chess", None, (), {}), "unknown rule set 'chess'"),
        (GameRecord("standard", None, (5,) * (MOST_ACTIONS + 1), {}), "has at most 1000 actions"),
    ):
        with pytest.raises(RecordError, match=message):
            format_record(record)
