"""Pylos in OpenSpiel: actions and copies per second beside games of theirs, and matches against their tree search."""

from __future__ import annotations

import random
import time

import pyspiel
from open_spiel.python.games.tic_tac_toe import TicTacToeGame

from pylos.adapters.openspiel import GAME, BotPlayer
from pylos.arena.match import play_match
from pylos.game.board import Board
from pylos.game.outcome import outcome_on
from pylos.players.naming import make_player

RULE_SET = "standard"
SECONDS = 3.0
PLAYER, GAMES = "reference:16", 20
SIMULATIONS = (100, 1000)
"""Of their search, one random playout each."""


def random_game(game: pyspiel.Game, rng: random.Random) -> pyspiel.State:
    """Plays a game of random actions."""
    state = game.new_initial_state()
    while not state.is_terminal():
        state.apply_action(rng.choice(state.legal_actions()))
    return state


def actions_per_second(game: pyspiel.Game) -> float:
    """Of games of random actions, in Python."""
    rng, actions, start = random.Random(1), 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        actions += len(random_game(game, rng).history())
    return actions / (time.perf_counter() - start)


def board_actions_per_second() -> float:
    """The same on our own `Board`, without OpenSpiel."""
    rng, actions, start = random.Random(1), 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        board = Board(RULE_SET)
        while outcome_on(board) is None:
            board.push(rng.choice(board.legal_actions.tolist()))
        actions += len(board.actions)
    return actions / (time.perf_counter() - start)


def playouts_per_second(game: pyspiel.Game) -> float:
    """Of a search of theirs in C++ from the start, one random playout a simulation."""
    simulations, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        their_bot(game, 100, simulations).mcts_search(game.new_initial_state())
        simulations += 100
    return simulations / (time.perf_counter() - start)


def copies_per_second(game: pyspiel.Game) -> float:
    """Of a game that is over, the longest to copy."""
    state, copies, start = random_game(game, random.Random(1)), 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        state.clone()
        copies += 1
    return copies / (time.perf_counter() - start)


def their_bot(game: pyspiel.Game, simulations: int, seed: int) -> pyspiel.MCTSBot:
    evaluator = pyspiel.RandomRolloutEvaluator(n_rollouts=1, seed=seed)
    return pyspiel.MCTSBot(game, evaluator, 2.0, simulations, 1000, True, seed, False)


def main() -> None:
    ours = pyspiel.load_game(GAME, {"rules": RULE_SET})
    # A game of theirs in Python, and one in C++.
    for game in (ours, TicTacToeGame(), pyspiel.load_game("connect_four")):
        random_game(game, random.Random(1))  # compiles what is not compiled
        print(
            f"{game}: {actions_per_second(game):,.0f} actions/s, {copies_per_second(game):,.0f} copies/s, "
            f"{playouts_per_second(game):,.0f} playouts/s in their search"
        )
    print(f"the same games on a Board: {board_actions_per_second():,.0f} actions/s")
    for simulations in SIMULATIONS:
        theirs = BotPlayer(f"mcts:{simulations}", ours, lambda seed, n=simulations: their_bot(ours, n, seed))
        start = time.perf_counter()
        print(play_match(make_player(PLAYER, RULE_SET), theirs, GAMES, RULE_SET))
        print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
