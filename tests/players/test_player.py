"""What holds for every player: legal actions, refused boards, and choices by nothing but key and boards."""

from __future__ import annotations

import numpy as np
import pytest

from pylos.errors import PositionError, RulesError
from pylos.game.board import Board
from pylos.players.baselines import RandomPlayer, RolloutPlayer
from pylos.players.network_player import NetworkPlayer
from pylos.players.player import choose_in_games
from pylos.players.search_player import SearchPlayer
from pylos.search.history import History, history_of, no_history
from pylos.search.options import SearchOptions
from tests.support.boards import moved, random_game
from tests.support.evaluators import half_for_white
from tests.support.players import assert_legal, drawn_network, some_boards

PLAYERS = [
    lambda: RandomPlayer(),
    lambda: RolloutPlayer(30),
    lambda: NetworkPlayer("net", drawn_network(), "standard", 16),
    lambda: NetworkPlayer("bare", drawn_network(), "standard", 0),
]
"""One of each kind."""


@pytest.mark.parametrize("make", PLAYERS)
def test_every_player_chooses_legal_actions_for_any_number_ofsome_boards(make):
    player = make()
    for count in (1, 5, 8, 12):
        assert_legal(player.choose(some_boards(count=count)), some_boards(count=count))


@pytest.mark.parametrize("make", PLAYERS)
def test_boards_and_packed_positions_are_the_same(make):
    boards, player = some_boards(), make()
    player.reset(3)
    from_boards = player.choose(boards)
    player.reset(3)
    positions, history = (
        np.array([b.position for b in boards]),
        history_of([b.positions[:-1] for b in boards]),
    )
    assert player.choose(positions, history).tolist() == from_boards.tolist()


@pytest.mark.parametrize("make", PLAYERS)
def test_a_key_names_all_choices(make):
    """Start boards leave much to chance; the bare policy leaves nothing."""
    player, boards = make(), [Board()] * 20

    def choices(key: int) -> list[list[int]]:
        player.reset(key)
        return [player.choose(boards).tolist() for _ in range(3)]

    first = choices(1)
    assert choices(1) == first
    if isinstance(player, RandomPlayer | RolloutPlayer):
        assert choices(2) != first
        assert first[0] != first[1]
    elif player.name == "bare":
        assert choices(2) == first


@pytest.mark.parametrize("make", PLAYERS)
def test_boards_of_other_rules_are_refused(make):
    with pytest.raises(RulesError, match="'standard' rules, the board is 'mature'"):
        make().choose([Board(), Board("mature")])


@pytest.mark.parametrize("make", PLAYERS)
def test_finished_games_and_what_is_no_board_are_refused(make):
    player, boards = make(), some_boards()
    over = next(board for board in (random_game("standard", 200, i) for i in range(9)) if board.is_over)
    for asked, where in (
        ([over], "1 of 1"),
        ([*boards[:3], over, boards[3]], "4 of 5"),
        (np.array([boards[0].position, over.position]), "2 of 2"),
    ):
        with pytest.raises(PositionError, match=f"nothing to choose: the game on board {where} is over"):
            player.choose(asked)
    for asked in (np.zeros(3), np.zeros((2, 2), np.int64), np.array(["x"])):
        with pytest.raises(PositionError, match="packed positions are int64"):
            player.choose(asked)
    for nothing in ([], np.array([]), np.array([], np.int64)):
        assert player.choose(nothing).dtype == np.int64
        assert player.choose(nothing).shape == (0,)


def test_a_history_of_other_games_is_refused():
    with pytest.raises(ValueError, match="the history is one of 1 games, not of 2"):
        RandomPlayer().choose([Board(), Board()], no_history(1))


class Limited:
    """A player of someone else, who is told no history: `choose` has no such argument."""

    name = "limited"

    def choose(self, boards):
        return np.array([len(boards)])


class Compiled(Limited):
    """Nobody can tell what arguments `choose` has."""

    @property
    def choose(self):
        return max


def test_only_players_that_take_a_history_are_told_it():
    assert choose_in_games(Limited(), [3, 4], no_history(2)).tolist() == [2]
    assert choose_in_games(Compiled(), [3, 4], no_history(2)) == 4


@pytest.mark.parametrize("told", ["boards", "history"])
def test_who_is_winning_does_not_repeat_a_position(told):
    """The network finds all positions equal, and far better for its side than a draw."""
    board = Board.from_text("wb............../........./..../. w 0")
    player = Winning("winning", "standard", SearchOptions(simulations=40, root="gumbel"), threads=1)
    usual = int(player.choose([board])[0])
    again = moved(board, usual).position
    history = History(np.array([[again]]), np.ones(1, np.int64))
    if told == "boards":
        board = Told.after(board, again)
        other = player.choose([board])
    else:
        other = player.choose(np.array([board.position]), history)
    assert other[0] != usual


class Told(Board):
    """A board that is told an earlier position."""

    @classmethod
    def after(cls, board, earlier):
        told = cls.from_position(board.position, board.rules)
        told.earlier = earlier
        return told

    @property
    def positions(self):
        return self.earlier, self.position


class Winning(SearchPlayer):
    """White is winning everywhere."""

    def _evaluator(self, key):
        return half_for_white
