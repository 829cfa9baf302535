"""Games as text: tags and turns, after the habits of chess (PGN). docs/games.md describes the format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pylos.errors import IllegalActionError, PositionError, RecordError, RulesError
from pylos.game.board import BLACK, Board, Side
from pylos.game.notation import split_turn
from pylos.game.position import SIDES
from pylos.system.options import shown

MOST_CHARACTERS = 1 << 16
"""The longest text of a game."""
MOST_ACTIONS = 1000
"""The most actions of a game."""
MOST_TAGS, MOST_NAME, MOST_VALUE = 100, 40, 500
"""The most tags of a game, and the most characters of a tag's name and of its value."""
RESULTS = ("1-0", "0-1", "1/2-1/2", "*")
"""White has won, black has won, a draw, and a game that is not finished."""
UNFINISHED = ".."
"""Stands behind a turn that is not finished: a ball may still be taken back."""
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{MOST_NAME - 1}}}")
_TAG = re.compile(rf'\[\s*({_NAME.pattern})\s+"((?:[^"\\\n]|\\["\\])*)"\s*\]\s*')
_NUMBER = re.compile(r"([0-9]{1,6})\.+")
_LONGEST_TURN = 40
"""Characters; no turn has as many."""
_PER_LINE = 5
"""Pairs of turns."""


class GameRecord(NamedTuple):
    """What is written down of a game."""

    rules: str
    """The name of the rule set."""
    start: str | None
    """The text of the position with which it begins; None for the empty board."""
    actions: tuple[int, ...]
    """The actions, oldest first. The last turn may be unfinished."""
    tags: Mapping[str, str]
    """What else is known, in the order of the text: White, Black, Date, Result and whatever anybody likes."""

    def board(self, turns: int | None = None) -> Board:
        """The board after a number of turns, with the history that led to it; by default after the whole game.

        Raises:
            RecordError: this is no game, because an action is not legal, for example; or it has fewer turns.
        """
        board = _first_board(self.rules, self.start)
        if len(self.actions) > MOST_ACTIONS:
            raise RecordError(f"a game has at most {MOST_ACTIONS} actions, this one has {len(self.actions)}")
        first, finished = board.turn, 0
        for action in self.actions:
            if finished == turns:
                return board
            try:
                board.push(action)
            except IllegalActionError as error:
                raise RecordError(f"{_turn_name(finished, first)}: {error}") from None
            finished += board.pending == 0
        if turns is not None and turns > len(board.turns):
            raise RecordError(f"the game has {len(board.turns)} turns, so there is no turn {turns}")
        return board


def format_record(record: GameRecord) -> str:
    """The text of a game; `parse_record` reads it.

    Raises:
        RecordError: this is no game, or a tag cannot be written.
    """
    board = record.board()
    tags = {"Rules": record.rules}
    if "Start" in record.tags:
        raise RecordError("the field start of a game is no tag")
    for name, value in record.tags.items():
        _check_tag(name, value, tags)
        tags[name] = value
    if record.start is not None:
        tags["Start"] = record.start
    lines = ['[{} "{}"]'.format(name, re.sub(r'(["\\])', r"\\\1", value)) for name, value in tags.items()]
    items = _numbered(board, _first_board(record.rules, record.start).turn)
    if "Result" in tags:
        items.append(tags["Result"])
    lines += ["", *("  ".join(items[i : i + _PER_LINE]) for i in range(0, len(items), _PER_LINE))]
    return "\n".join(lines) + "\n"


def _numbered(board: Board, first: Side) -> list[str]:
    """The turns of a board's history in pairs of white and black, with their numbers."""
    turns = board.turns
    if turns and board.pending:
        turns[-1] += UNFINISHED
    pairs = []
    if first == BLACK and turns:
        pairs, turns = [f"1... {turns[0]}"], turns[1:]
    number = len(pairs) + 1
    return pairs + [f"{number + i // 2}. {' '.join(turns[i : i + 2])}" for i in range(0, len(turns), 2)]


def parse_record(text: str, rules: str | None = None) -> GameRecord:
    """The game of a text. The numbers of the turns may be missing.

    Args:
        text: the text.
        rules: name of the rule set of a text without the tag Rules; None refuses such a text.

    Raises:
        RecordError: it cannot be read; the message says which tag or turn is wrong.
    """
    if len(text) > MOST_CHARACTERS:
        raise RecordError(f"the text of a game has at most {MOST_CHARACTERS:,} characters, not {len(text):,}")
    tags, turns = _split_tags(text.removeprefix("\ufeff").strip())
    rules = tags.pop("Rules", rules)
    if rules is None:
        raise RecordError('no tag names the rules, such as [Rules "standard"]')
    start = tags.pop("Start", None)
    board = _first_board(rules, start)
    result = _push_turns(board, turns)
    if result and tags.setdefault("Result", result) != result:
        raise RecordError(f"the tag Result says {shown(tags['Result'])}, but the turns end with {result}")
    return GameRecord(rules, start, board.actions, tags)


def _split_tags(text: str) -> tuple[dict[str, str], list[str]]:
    """The tags of a text, and the words that follow."""
    tags: dict[str, str] = {}
    while text.startswith("["):
        found = _TAG.match(text)
        if not found:
            line = text.partition("\n")[0]
            raise RecordError(f'tag {len(tags) + 1}, {shown(line)}, is not of the form [Name "value"]')
        name, value = found[1], re.sub(r'\\(["\\])', r"\1", found[2])
        _check_tag(name, value, tags)
        tags[name] = value
        text = text[found.end() :]
    return tags, text.split()


def _check_tag(name: str, value: str, others: Mapping[str, str]) -> None:
    """Raises RecordError if a tag cannot stand beside the others."""
    if not _NAME.fullmatch(name):
        raise RecordError(
            f"the name of a tag has up to {MOST_NAME} letters, digits and _ and begins with a letter, "
            f"not {shown(name)}"
        )
    if name in others:
        raise RecordError(f"the tag {name} is there twice")
    if len(others) >= MOST_TAGS:
        raise RecordError(f"a game has at most {MOST_TAGS} tags")
    if len(value) > MOST_VALUE or not value.isprintable():
        raise RecordError(
            f"the value of the tag {name} is not one line of up to {MOST_VALUE} printable characters"
        )
    if name == "Result" and value not in RESULTS:
        raise RecordError(f"the result of a game is {', '.join(RESULTS[:-1])} or *, not {shown(value)}")


def _push_turns(board: Board, words: list[str]) -> str | None:
    """Plays the turns of a text on a board that has no history; returns the result behind them, if there is one."""
    first, finished, result = board.turn, 0, None
    for word in words:
        if result:
            raise RecordError(f"{shown(word)} stands behind the result {result}")
        if word in RESULTS:
            result = word
            continue
        name = _turn_name(finished, first)
        if number := _NUMBER.match(word):
            if int(number[1]) != _turn_number(finished, first):
                raise RecordError(f"{name} is expected where the text has number {number[1]}")
            word = word[number.end() :]
        if not word:
            continue
        if board.pending and board.actions:
            raise RecordError(f"{name}: {board.last_turn} is not finished, so {shown(word)} cannot follow")
        try:
            _push_turn(board, word)
        except IllegalActionError as error:
            raise RecordError(f"{name}: {error}") from None
        if len(board.actions) > MOST_ACTIONS:
            raise RecordError(f"a game has at most {MOST_ACTIONS} actions; {name} has more")
        finished += board.pending == 0
    return result


def _push_turn(board: Board, word: str) -> None:
    """Plays a turn, which may be unfinished; raises IllegalActionError if that cannot be."""
    if len(word) > _LONGEST_TURN:
        raise IllegalActionError(f"{shown(word)} is no turn")
    turn = word.removesuffix(UNFINISHED)
    if turn == word:
        board.push(turn)
        return
    for name in split_turn(turn):
        board.push(name)
    if not board.pending:
        raise IllegalActionError(f"{turn} is finished, so {UNFINISHED} cannot stand behind it")


def _first_board(rules: str, start: str | None) -> Board:
    """The board on which a game begins."""
    try:
        return Board(rules) if start is None else Board.from_text(start, rules)
    except (PositionError, RulesError) as error:
        raise RecordError(f"no game begins like that: {error}") from None


def _turn_number(finished: int, first: Side) -> int:
    """The number of the turn that follows a number of turns. A turn of white and the next one of black share it."""
    return (finished + (first == BLACK)) // 2 + 1


def _turn_name(finished: int, first: Side) -> str:
    """What messages call the turn that follows a number of turns."""
    black = (finished + (first == BLACK)) % 2
    return f"turn {_turn_number(finished, first)} of {SIDES[black]}"
