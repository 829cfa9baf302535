"""Matches between players: all games at once, in pairs from one opening with colours swapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pylos.arena.results import MatchResult
from pylos.errors import ConfigurationError, IllegalActionError, RulesError
from pylos.game.actions import action_name
from pylos.game.outcome import MOST_PLIES, REPETITION_LIMIT
from pylos.game.playouts import random_action
from pylos.game.position import START, mover, take_backs
from pylos.game.rules import (
    MAX_LEGAL_ACTIONS,
    NUM_ACTIONS,
    balls_per_player,
    is_over,
    legal_actions,
    occurrences,
    rules_code,
    step,
)
from pylos.kernels.jit import jit
from pylos.kernels.randomness import derive_key, draw
from pylos.players.player import Player, choose_in_games
from pylos.search.history import History
from pylos.system.machine import memory_for
from pylos.system.options import COUNT, COUNT_OR_ZERO, MOST_COUNT, SEED, Range, checked_options

_RANGES = {
    "games": Range(int, 2, MOST_COUNT),
    "opening_plies": COUNT_OR_ZERO,
    "max_moves": COUNT,
    "repetition_limit": Range(int, 2, MOST_COUNT),
}
RUNNING, DRAW, WHITE_WINS, BLACK_WINS = 0, 1, 2, 3


class MatchGames(NamedTuple):
    """The games of a match. G games, T = `max_moves`."""

    positions: np.ndarray
    """int64 [G, T + 1] packed positions so far, the current one at index `ply`."""
    ply: np.ndarray
    """int64 [G] number of actions so far."""
    outcome: np.ndarray
    """int64 [G] RUNNING, DRAW, WHITE_WINS or BLACK_WINS."""

    @property
    def agent_is_black(self) -> np.ndarray:
        """Whether the agent moves second, as in every other game: bool [G]."""
        return np.asarray(np.arange(len(self.ply)) % 2 == 1)

    @property
    def lost(self) -> np.ndarray:
        """Whether the agent has lost: bool [G]."""
        return np.asarray(self.outcome == np.where(self.agent_is_black, WHITE_WINS, BLACK_WINS))

    @property
    def turns(self) -> np.ndarray:
        """Number of whole turns so far: int64 [G]. A take-back is part of the turn that earned it."""
        passed = np.diff(mover(self.positions), axis=1) != 0
        played = np.arange(passed.shape[1]) < self.ply[:, None]
        return np.asarray((passed & played).sum(axis=1))


@jit
def _open(games: MatchGames, code: int, key: int, plies: int) -> None:
    """Begins every pair of games (rows 2i and 2i + 1) with the same random actions."""
    for g in range(games.ply.shape[0]):
        position = START
        for ply in range(plies):
            action = random_action(position, code, draw(draw(key, g // 2), ply))
            games.positions[g, ply] = position
            position = step(position, action, code)
        games.positions[g, plies] = position
        games.ply[g] = plies
        games.outcome[g] = RUNNING


@jit
def _play(games: MatchGames, rows: np.ndarray, actions: np.ndarray, code: int, repetition_limit: int) -> int:
    """Plays one action in each of the given games.

    Returns:
        The index of the first of these actions that is illegal; -1 if all are legal.
    """
    legal = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(rows.shape[0]):
        g = rows[i]
        ply = games.ply[g] + 1
        before = games.positions[g, ply - 1]
        if actions[i] not in legal[: legal_actions(before, code, legal)]:
            return i
        position = step(before, actions[i], code)
        games.positions[g, ply] = position
        games.ply[g] = ply
        if is_over(position, code):
            games.outcome[g] = WHITE_WINS if mover(position) else BLACK_WINS
        elif ply + 1 == games.positions.shape[1] or occurrences(games.positions[g], ply) >= repetition_limit:
            games.outcome[g] = DRAW
    return -1


def play_match(
    a: Player,
    b: Player,
    games: int = 200,
    rules: str = "standard",
    seed: int = 0,
    opening_plies: int = 4,
    max_moves: int = MOST_PLIES,
    repetition_limit: int = REPETITION_LIMIT,
    on_move: Callable[[int], None] = lambda finished: None,
) -> MatchResult:
    """Plays a match.

    It has openings of random actions, so that two players without randomness do not play the same game again and again.
    Each opening is played twice, and each player moves first once. The result depends on the arguments alone.

    Args:
        a: the player whose result it is.
        b: its opponent; it may be the same object as `a`.
        games: number of games, an even number.
        rules: name of the rule set.
        seed: names the openings and the players' random draws.
        opening_plies: random actions at the start of every game; they count as plies.
        max_moves: plies after which a game is a draw.
        repetition_limit: how often a position must occur for a draw.
        on_move: called after every move with the number of finished games.

    Returns:
        The result, seen from `a`.

    Raises:
        ConfigurationError: `games` is odd or not positive, or the limits make no sense.
        IllegalActionError: a player chose an action that is not legal.
        RulesError: a player plays by other rules.
    """
    key = checked_options({"seed": seed}, {"seed": SEED})["seed"]
    limits = (opening_plies, max_moves, repetition_limit)
    return match_results(play_games(a, [b], games, rules, key, *limits, on_move), a, [b])[0]


def play_games(
    agent: Player,
    opponents: Sequence[Player],
    games: int = 200,
    rules: str = "standard",
    key: int = 0,
    opening_plies: int = 4,
    max_moves: int = MOST_PLIES,
    repetition_limit: int = REPETITION_LIMIT,
    on_move: Callable[[int], None] = lambda finished: None,
) -> MatchGames:
    """Plays a match against each of several opponents, all games at once.

    The agent decides in the games of all matches together, which is much faster than one match after the other.
    Arguments and errors are those of `play_match`, but for the `key` that names the openings and random draws.

    Returns:
        The games, those against the first opponent first; `match_results` counts them.
    """
    code = rules_code(rules)
    limits = {"opening_plies": opening_plies, "max_moves": max_moves, "repetition_limit": repetition_limit}
    numbers = _checked_numbers(code, {"games": games, **limits})
    games, opening_plies, max_moves, repetition_limit = numbers.values()
    total = games * len(opponents)
    with memory_for(
        "the games of a match", 8 * total * (max_moves + 3), f"lower games ({games:,}) or max_moves"
    ):
        played = MatchGames(
            np.empty((total, max_moves + 1), np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
        )
    _open(played, code, derive_key(key, "openings"), opening_plies)
    players = [agent, *opponents]
    for player in players:
        # A user's player need not name its rules.
        if (theirs := getattr(player, "rules", rules)) != rules:
            raise RulesError(f"{player.name} plays {theirs!r} rules, the match is of {rules!r}")
    for side, player in enumerate(players):
        player.reset(derive_key(key, "player", side))
    opponent = 1 + np.arange(total) // games
    while len(running := np.flatnonzero(played.outcome == RUNNING)):
        positions = played.positions[running, played.ply[running]]
        agent_to_move = (mover(positions) == 1) == played.agent_is_black[running]
        to_move = np.where(agent_to_move, 0, opponent[running])
        for side, player in enumerate(players):
            if (mask := to_move == side).any():
                _play_checked(played, running[mask], positions[mask], player, code, repetition_limit)
        on_move(int(np.count_nonzero(played.outcome != RUNNING)))
    return played


def _checked_numbers(code: int, numbers: dict[str, int]) -> dict[str, int]:
    """The numbers of a match as plain integers; raises ConfigurationError if they make no sense."""
    checked = checked_options(numbers, _RANGES)
    if checked["games"] % 2:
        raise ConfigurationError(f"a match has an even number of games, at least 2, not {checked['games']}")
    # No game is over within these plies: a player that cannot move has put all its balls on the board, one a turn.
    longest, plies = 2 * balls_per_player(code) - 1, checked["opening_plies"]
    if plies > min(longest, checked["max_moves"] - 1):
        raise ConfigurationError(
            f"a match needs opening_plies from 0 to {longest}, less than max_moves, got {plies}"
        )
    return checked


def _play_checked(
    played: MatchGames,
    rows: np.ndarray,
    positions: np.ndarray,
    player: Player,
    code: int,
    repetition_limit: int,
) -> None:
    """Lets a player act in the given games; raises IllegalActionError if one of its actions is illegal."""
    played_before = History(played.positions[:, : played.ply[rows].max()][rows], played.ply[rows])
    actions = _choices(player, positions, played_before)
    illegal = _play(played, rows, actions, code, repetition_limit)
    if illegal >= 0:
        action, position = int(actions[illegal]), int(positions[illegal])
        known = 0 <= action < NUM_ACTIONS
        name = action_name(action, take_backs(position)) if known else f"action {action}"
        raise IllegalActionError(f"{player.name} chose {name}, which is not legal")


def _choices(player: Player, positions: np.ndarray, history: History) -> np.ndarray:
    """The player's actions: int64 [B], checked because a kernel would read beyond the end of a shorter array."""
    actions = np.asarray(choose_in_games(player, positions, history), np.int64)
    if actions.shape != positions.shape:
        raise IllegalActionError(f"{player.name} chose {actions.size} action(s) for {len(positions)} boards")
    return actions


def match_results(played: MatchGames, agent: Player, opponents: Sequence[Player]) -> list[MatchResult]:
    """The results of the games of `play_games` against each opponent, in their order."""
    games = len(played.ply) // max(1, len(opponents))
    return [
        _result(agent.name, other.name, played.outcome[rows], played.agent_is_black[rows])
        for i, other in enumerate(opponents)
        for rows in [slice(i * games, (i + 1) * games)]
    ]


def _result(player: str, opponent: str, outcome: np.ndarray, is_black: np.ndarray) -> MatchResult:
    def counts(rows: np.ndarray, win: int, loss: int) -> tuple[int, int, int]:
        wins, draws, losses = (int(np.count_nonzero(outcome[rows] == o)) for o in (win, DRAW, loss))
        return wins, draws, losses

    return MatchResult(
        player,
        opponent,
        as_first=counts(~is_black, WHITE_WINS, BLACK_WINS),
        as_second=counts(is_black, BLACK_WINS, WHITE_WINS),
    )
