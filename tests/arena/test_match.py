"""Matches: openings, colours, ends of games and results, seen by players that follow a script."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch

from pylos.arena.match import BLACK_WINS, DRAW, WHITE_WINS, match_results, play_games, play_match
from pylos.arena.results import MatchResult
from pylos.errors import ConfigurationError, IllegalActionError, RulesError
from pylos.game.actions import parse_action
from pylos.game.board import Board
from pylos.players.baselines import RandomPlayer
from tests.support.boards import moved
from tests.support.evaluators import hashed


class Scripted:
    """Chooses by a function of the board, and remembers every board it was asked about."""

    def __init__(self, name: str, choose: Callable[[Board], int], rules: str = "standard") -> None:
        self.name, self.script, self.rules = name, choose, rules
        self.seen: list[list[Board]] = []
        self.keys: list[int] = []

    def reset(self, key: int) -> None:
        self.keys.append(key)
        self.seen = []

    def choose(self, boards) -> np.ndarray:
        self.seen.append([Board.from_position(int(position), self.rules) for position in boards])
        return np.array([self.script(board) for board in self.seen[-1]])


def _first(board: Board) -> int:
    return int(board.legal_actions[0])


def _pick(board: Board) -> int:
    """Any action, but always the same one."""
    actions = board.legal_actions
    return int(max(actions, key=lambda action: hashed(np.array([board.position]))[1][0, action]))


def _replay(white: Callable[[Board], int], black: Callable[[Board], int], opening: Board, plies: int) -> str:
    """Plays a game on a board; says who won or why it is a draw."""
    board, seen = opening, [opening.text]
    while not board.is_over:
        if plies == 200:
            return "draw"
        board = moved(board, (white if board.turn == "white" else black)(board))
        plies += 1
        seen.append(board.text)
        if not board.is_over and seen.count(board.text) == 3:
            return "draw"
    return board.winner


@pytest.mark.parametrize("rules", ["children", "standard", "mature", "mini-standard"])
def test_results_are_those_of_the_games_played_one_by_one(rules):
    a, b = Scripted("a", _pick, rules), Scripted("b", _first, rules)
    result = play_match(a, b, games=20, rules=rules, seed=4, opening_plies=6)
    openings = _openings(a, b)
    as_first = [_replay(_pick, _first, opening, 6) for opening in openings]
    as_second = [_replay(_first, _pick, opening, 6) for opening in openings]
    assert result.as_first == tuple(as_first.count(end) for end in ("white", "draw", "black"))
    assert result.as_second == tuple(as_second.count(end) for end in ("black", "draw", "white"))
    assert (result.player, result.opponent, result.games) == ("a", "b", 20)


def test_every_opponent_plays_its_own_games():
    agent, others = Scripted("a", _pick), [Scripted("b", _first), Scripted("c", _pick)]
    games = play_games(agent, others, 6, key=2)
    results = match_results(games, agent, others)
    assert [result.opponent for result in results] == ["b", "c"]
    for row in range(12):
        sides = [_pick, others[row // 6].script]
        opening = Board.from_position(int(games.positions[row, 4]))
        end = _replay(*(sides if row % 2 == 0 else sides[::-1]), opening, 4)
        assert games.outcome[row] == {"draw": DRAW, "white": WHITE_WINS, "black": BLACK_WINS}[end]
    assert results[0].score != results[1].score
    assert len({*others[0].keys, *others[1].keys, *agent.keys}) == 3


def _openings(a: Scripted, b: Scripted) -> list[Board]:
    """The boards after the opening. Of each pair one is seen by each player first: whoever is to move."""
    first, second = a.seen[0], b.seen[0]
    assert len(first) == len(second)
    assert [board.position for board in first] == [board.position for board in second]
    return first


@pytest.mark.parametrize("opening_plies", [0, 1, 4, 20])
def test_pairs_share_an_opening_and_every_player_moves_first_once(opening_plies):
    a, b = Scripted("a", _pick), Scripted("b", _pick)
    result = play_match(a, b, games=16, seed=1, opening_plies=opening_plies)
    openings = _openings(a, b)
    assert len(openings) == 8
    if opening_plies >= 4:
        assert len({*openings}) == 8
    if opening_plies == 0:
        assert {*openings} == {Board()}
    if opening_plies == 1:
        assert {board.reserves for board in openings} == {(14, 15)}
    # The same script on both sides: what one wins as first, the other wins as first too.
    assert result.as_first == result.as_second[::-1]
    assert sum(result.as_first) == sum(result.as_second) == 8


def test_another_seed_gives_other_openings_and_the_same_seed_the_same_match():
    def openings(seed: int) -> list[int]:
        a, b = Scripted("a", _pick), Scripted("b", _first)
        play_match(a, b, games=10, seed=seed)
        return [board.position for board in _openings(a, b)]

    assert openings(1) == openings(1)
    assert openings(1) != openings(2)


def test_the_same_arguments_give_the_same_result():
    def results(seed: int) -> list[MatchResult]:
        return [play_match(RandomPlayer(key=k), RandomPlayer(key=9), games=100, seed=seed) for k in (3, 4)]

    first, again = results(1)
    assert first == again  # whatever state the players were in
    assert results(1) == [first, first]
    assert results(2)[0] != first


def test_random_against_random_is_even_and_the_players_draw_differently():
    a = RandomPlayer()
    result = play_match(a, a, games=1000, seed=5)  # the same object on both sides
    assert 0.45 < result.score < 0.55
    result = play_match(RandomPlayer(), RandomPlayer(), games=1000, seed=5)
    assert 0.45 < result.score < 0.55
    a, b = Scripted("a", _first), Scripted("b", _first)
    play_match(a, b, games=2)
    assert len({*a.keys, *b.keys}) == 2


def test_games_end_as_draws_at_the_move_limit():
    a, b = Scripted("a", _pick), Scripted("b", _pick)
    result = play_match(a, b, games=6, max_moves=11, opening_plies=4)
    assert (result.as_first, result.as_second) == ((0, 3, 0), (0, 3, 0))
    asked = sum(len(boards) for boards in a.seen + b.seen)
    assert asked == 6 * (11 - 4)


def _null_moves(board: Board) -> int:
    """Completes a square and takes the same ball back, where that is possible; else builds three of one."""
    actions = [int(action) for action in board.legal_actions]
    if board.pending:
        return actions[0] if board.pending == 1 else TAKE_BACK[board.turn]
    corner = CORNER[board.turn]
    return next(a for a in corner if a in actions)


CORNER = {"white": [0, 1, 4, 5], "black": [10, 11, 14, 15]}
"""Cells of a square for each side; the last one is placed and taken back for ever."""
TAKE_BACK = {"white": parse_action("-1B2"), "black": parse_action("-1D4")}


@pytest.mark.parametrize("limit", [2, 3, 5])
def test_games_end_as_draws_by_repetition(limit):
    a, b = Scripted("a", _null_moves), Scripted("b", _null_moves)
    result = play_match(a, b, games=2, opening_plies=0, repetition_limit=limit)
    assert (result.as_first, result.as_second) == ((0, 1, 0), (0, 1, 0))
    texts = [board.text for boards in a.seen for board in boards if board.turn == "white"]
    # Three balls a side, then rounds of three steps each; the first position of a round is the one that repeats.
    assert max(texts.count(text) for text in texts) == limit - 1


def test_an_illegal_choice_is_named():
    with pytest.raises(IllegalActionError, match="cheat chose 4A1, which is not legal"):
        play_match(Scripted("a", _first), Scripted("cheat", lambda board: 29), games=2, opening_plies=0)
    for action in (500, -1):
        with pytest.raises(IllegalActionError, match=f"cheat chose action {action}, which is not legal"):
            play_match(Scripted("a", _first), Scripted("cheat", lambda board, a=action: a), games=2)


def test_a_player_that_does_not_choose_for_every_board_is_named():
    lazy = Scripted("lazy", _first)
    lazy.choose = lambda boards: np.zeros(1, np.int64)
    with pytest.raises(IllegalActionError, match=r"lazy chose 1 action\(s\) for 3 boards"):
        play_match(Scripted("a", _first), lazy, games=6)


def test_the_number_of_finished_games_is_reported():
    heard = []
    play_match(RandomPlayer(), RandomPlayer(), games=10, on_move=heard.append)
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert heard[-1] == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"games": 3}, "even number"),
        ({"games": 0}, "games must be a whole number from 2"),
        ({"games": -2}, "games"),
        ({"games": 2.0}, "games"),
        ({"games": 2 * 10**8, "max_moves": 10**9}, "GB.*lower games"),
        ({"max_moves": 0}, "max_moves"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**70}, "seed"),
        ({"opening_plies": -1}, "opening_plies"),
        ({"opening_plies": 30}, "opening_plies from 0 to 29"),
        ({"opening_plies": 14, "rules": "mini-mature"}, "opening_plies from 0 to 13"),
        ({"opening_plies": 5, "max_moves": 5}, "opening_plies"),
        ({"repetition_limit": 1}, "repetition_limit"),
    ],
)
def test_impossible_matches_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        play_match(RandomPlayer(), RandomPlayer(), **arguments)


def test_numbers_of_numpy_and_torch_are_those_of_python():
    def result(kind) -> MatchResult:
        numbers = {"games": 4, "seed": 3, "opening_plies": 2, "max_moves": 30, "repetition_limit": 2}
        return play_match(RandomPlayer(), RandomPlayer(), **{name: kind(n) for name, n in numbers.items()})

    assert result(int) == result(np.int64) == result(np.uint8) == result(torch.tensor)


def test_rules_that_do_not_exist_are_refused():
    with pytest.raises(RulesError, match="chess"):
        play_match(RandomPlayer(), RandomPlayer(), rules="chess")


def test_games_tell_their_turns_and_whether_the_agent_lost():
    """A turn is over when the other player is to move, however many take-backs belong to it."""
    agent, others = RandomPlayer("mature"), [RandomPlayer("mature"), RandomPlayer("mature")]
    games = play_games(agent, others, 30, "mature", key=3)
    for result, lost in zip(match_results(games, agent, others), np.split(games.lost, 2), strict=True):
        assert result.losses == np.count_nonzero(lost)
    for row, (plies, turns) in enumerate(zip(games.ply, games.turns, strict=True)):
        boards = [Board.from_position(int(p), "mature") for p in games.positions[row, : plies + 1]]
        assert turns == sum(a.turn != b.turn for a, b in pairwise(boards))
        assert games.lost[row] == (boards[-1].winner == ("white" if row % 2 else "black"))
    assert 0 < np.count_nonzero(games.lost) < 60
    assert (games.turns < games.ply).any()


def test_players_of_other_rules_are_refused():
    with pytest.raises(RulesError, match="random plays 'mature' rules, the match is of 'standard'"):
        play_match(RandomPlayer("mature"), RandomPlayer(), 2)


class Told(Scripted):
    """Takes the history of its games, too, and remembers what it was told."""

    def choose(self, boards, history=None) -> np.ndarray:
        games = zip(boards, *history, strict=True)
        self.told = [
            *getattr(self, "told", []),
            *([*earlier[:n].tolist(), int(now)] for now, earlier, n in games),
        ]
        return super().choose(boards)


def test_a_player_that_takes_a_history_gets_the_games_from_their_first_position_on():
    told, other = Told("told", _pick), Scripted("other", _first)
    games = play_games(told, [other], 4, opening_plies=3)
    whole = [row[: ply + 1].tolist() for row, ply in zip(games.positions, games.ply, strict=True)]
    assert len(told.told) > 20
    for game in told.told:
        assert any(game == one[: len(game)] for one in whole)
    assert {len(game) for game in told.told} >= {4, 6, 8}
