"""What holds for every player: legal actions, refused boards, and choices by nothing but key and boards."""

from __future__ import annotations

import numpy as np
import pytest

from pylos.errors import PositionError, RulesError
from pylos.game.board import Board
from pylos.players.baselines import RandomPlayer, RolloutPlayer
from pylos.players.network_player import NetworkPlayer
from tests.support.boards import random_game
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
    assert player.choose(np.array([board.position for board in boards])).tolist() == from_boards.tolist()


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
