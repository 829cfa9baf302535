"""Pylos as a game of OpenSpiel, and players across the border: ours as its bots, its bots as our players.

Importing this file registers the game `python_pylos` with OpenSpiel. Its states are in the hands of OpenSpiel's C++
code, which copies and stores what lies in their `__dict__`: little, and nothing that can change.

Lanctot et al. (2019), "OpenSpiel: A Framework for Reinforcement Learning in Games".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import softmax

from pylos.errors import IllegalActionError, PositionError, RulesError
from pylos.game.actions import action_name
from pylos.game.board import WHITE, Board
from pylos.game.drawing import ascii_drawing
from pylos.game.explanations import why_illegal
from pylos.game.notation import format_position, parse_position
from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.outcome import MOST_PLIES, outcome_after
from pylos.game.position import NUM_CELLS, START, mover, take_backs
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions, rules_code, step
from pylos.kernels.randomness import derive_key, draw
from pylos.players.naming import make_player
from pylos.players.player import KeyedPlayer, Player, choose_in_games
from pylos.search.evaluator import BATCH_MULTIPLE, Evaluator
from pylos.search.history import History, history_of

try:
    import pyspiel
    from open_spiel.python.algorithms import mcts
    from open_spiel.python.observation import IIGObserverForPublicInfoGame
except ImportError as error:
    raise ImportError("OpenSpiel is not installed: pip install 'pylos[openspiel]'") from error

GAME = "python_pylos"
"""The name by which OpenSpiel loads it."""

_TYPE = pyspiel.GameType(
    short_name=GAME,
    long_name="Pylos",
    dynamics=pyspiel.GameType.Dynamics.SEQUENTIAL,
    chance_mode=pyspiel.GameType.ChanceMode.DETERMINISTIC,
    information=pyspiel.GameType.Information.PERFECT_INFORMATION,
    utility=pyspiel.GameType.Utility.ZERO_SUM,
    reward_model=pyspiel.GameType.RewardModel.TERMINAL,
    max_num_players=2,
    min_num_players=2,
    provides_information_state_string=True,
    provides_information_state_tensor=False,
    provides_observation_string=True,
    provides_observation_tensor=True,
    parameter_specification={"rules": "standard"},
)
_INFO = pyspiel.GameInfo(
    num_distinct_actions=NUM_ACTIONS,
    max_chance_outcomes=0,
    num_players=2,
    min_utility=-1.0,
    max_utility=1.0,
    utility_sum=0.0,
    max_game_length=MOST_PLIES,
)


class PylosGame(pyspiel.Game):  # type: ignore[misc]  # OpenSpiel has no types
    """Pylos under one rule set. `pyspiel.load_game("python_pylos", {"rules": "mature"})` makes it.

    Args:
        params: `rules` is the name of a rule set; "standard" by default.

    Raises:
        RulesError: there is no such rule set.
    """

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        params = dict(params or {})
        self.rules: str = params.get("rules", "standard")
        """The name of the rule set."""
        self.code = rules_code(self.rules)
        """The number by which kernels know it."""
        super().__init__(_TYPE, _INFO, params)

    def new_initial_state(self, text: str | None = None) -> PylosState:
        """The start of a game.

        Args:
            text: the text of the position in which it begins; by default the empty board.

        Raises:
            PositionError: the text cannot be read, or the position cannot occur.
        """
        return PylosState(self, START if text is None else parse_position(text, self.rules))

    def make_py_observer(self, kind: Any = None, params: Any = None) -> PylosObserver:
        """What OpenSpiel reads observations from: the board, or for players with perfect recall the actions so far."""
        if isinstance(kind, dict):  # where C++ asks for no kind it hands over the parameters alone
            kind, params = None, kind
        if kind is None or (kind.public_info and not kind.perfect_recall):
            return PylosObserver(params)
        return IIGObserverForPublicInfoGame(kind, params)  # type: ignore[no-any-return]  # it has no types


class PylosState(pyspiel.State):  # type: ignore[misc]  # OpenSpiel has no types
    """A game in progress. White is player 0. A turn with take-backs is several actions of the same player.

    Args:
        game: its rules.
        position: the packed position in which it begins.
    """

    def __init__(self, game: PylosGame, position: int = START) -> None:
        super().__init__(game)
        self._code = game.code
        self._positions = _Positions((position,))
        self._outcome = outcome_after(self._positions, self._code)

    @property
    def position(self) -> int:
        """The packed position (see `pylos.game.position`)."""
        return self._positions[-1]

    @property
    def board(self) -> Board:
        """The position as a board without history: to draw it, or to hand it to a player."""
        return Board.from_position(self.position, self.get_game().rules)

    def current_player(self) -> int:
        """0 for white, 1 for black; OpenSpiel's number for nobody once the game is over."""
        return pyspiel.PlayerId.TERMINAL if self._outcome else mover(self.position)

    def is_terminal(self) -> bool:
        """Whether the game is over, by a draw as well. The limits are those of matches (`pylos.game.outcome`)."""
        return self._outcome is not None

    def returns(self) -> list[float]:
        """1 for the winner and -1 for the loser; 0 for both after a draw, and as long as the game goes on."""
        if self._outcome is None or self._outcome.winner is None:
            return [0.0, 0.0]
        return [1.0, -1.0] if self._outcome.winner == WHITE else [-1.0, 1.0]

    def _legal_actions(self, player: int) -> list[int]:
        out = np.empty(MAX_LEGAL_ACTIONS, np.int64)
        actions: list[int] = out[: legal_actions(self.position, self._code, out)].tolist()
        return actions

    def _apply_action(self, action: int) -> None:
        """Plays an action.

        Raises:
            IllegalActionError: it is not legal, or the game is over; the state is as before. Few games of OpenSpiel
                check this, but here a mistake in an algorithm would go on unseen.
        """
        if self._outcome:
            raise IllegalActionError(f"the game is over. {self._outcome.text}")
        if action not in self._legal_actions(0):
            name, reason = self._action_to_string(0, action), why_illegal(self.position, action, self._code)
            raise IllegalActionError(f"{name} is not legal in {format_position(self.position)!r}: {reason}")
        self._positions = _Positions((*self._positions, step(self.position, action, self._code)))
        self._outcome = outcome_after(self._positions, self._code)

    def _action_to_string(self, player: int, action: int) -> str:
        return action_name(action, take_backs(self.position))

    def __str__(self) -> str:
        drawing = ascii_drawing(self.position, self._code)
        # The drawing itself tells who has won, but knows of no draw.
        drawn = self._outcome if self._outcome and self._outcome.winner is None else None
        return f"{drawing}\n{drawn.text}" if drawn else drawing


class _Positions(tuple[int, ...]):
    """The packed positions of a game so far. OpenSpiel copies states deeply and often; this copies nothing."""

    def __deepcopy__(self, memo: object) -> _Positions:
        return self


class PylosObserver:
    """Observations for OpenSpiel: the 184 numbers of `pylos.game.observation`, in named pieces.

    All is seen from the view of the player who acts next, whoever asks: nothing is hidden in Pylos.

    Raises:
        ValueError: there are parameters; this observer has none.
    """

    def __init__(self, params: Any = None) -> None:
        if params:
            raise ValueError(f"observations of Pylos have no parameters, got {params}")
        self.tensor = np.zeros(OBSERVATION_SIZE, np.float32)
        """[184] the last observation."""
        names = ("supported", "own_free", "opponent_free", "own_completing", "opponent_completing")
        pieces = {"cells": NUM_CELLS, "reserves": 2, "take_back": 2} | dict.fromkeys(names, NUM_CELLS)
        ends = np.cumsum([*pieces.values()])
        self.dict = dict(zip(pieces, np.split(self.tensor, ends[:-1]), strict=True))
        """The pieces of `tensor`, in its memory."""

    def set_from(self, state: PylosState, player: int) -> None:
        """Observes a state."""
        observe(state.position, state._code, self.tensor)

    def string_from(self, state: PylosState, player: int) -> str:
        """The board as text."""
        return str(state)


class PylosBot(pyspiel.Bot):  # type: ignore[misc]  # OpenSpiel has no types
    """A player of this package as a bot of OpenSpiel, for either side and for several games at the same time.

    Args:
        player: the player.
        seed: names its random draws. To start a game does not repeat them.
    """

    def __init__(self, player: Player, seed: int = 0) -> None:
        super().__init__()
        self._player = player
        player.reset(derive_key(seed, "openspiel"))

    def restart_at(self, state: PylosState) -> None:
        """Prepares a game; there is nothing to prepare."""

    def step(self, state: PylosState) -> int:
        """Chooses an action.

        Raises:
            RulesError: the state is of another game, or of other rules than the player's.
            PositionError: the game is over.
        """
        if not isinstance(state, PylosState):
            raise RulesError(f"{self._player.name} plays {GAME}, not {state.get_game()}")
        if state.is_terminal():
            raise PositionError(f"{self._player.name} has nothing to choose: the game is over")
        history = history_of([state._positions[:-1]])
        return int(choose_in_games(self._player, [state.board], history)[0])


def pylos_bot(game: PylosGame, spec: str, seed: int = 0) -> PylosBot:
    """Makes a bot of OpenSpiel from the text of a player, such as "reference:16".

    Args:
        game: the game that it shall play.
        spec: the text; see `pylos.make_player`, also for the other errors.
        seed: names its random draws.

    Raises:
        RulesError: the game is not Pylos, or a transformed one.
    """
    if not isinstance(game, PylosGame):
        raise RulesError(f"{spec} plays {GAME}, not {game}")
    return PylosBot(make_player(spec, game.rules), seed)


class PositionEvaluator(mcts.Evaluator):  # type: ignore[misc]  # OpenSpiel has no types
    """Judges the leaves of OpenSpiel's tree search in Python (`open_spiel.python.algorithms.mcts`) as our searches do.

    Args:
        evaluate: what judges, such as the `evaluator` of a player with a network.
    """

    def __init__(self, evaluate: Evaluator) -> None:
        self._evaluate = evaluate

    def evaluate(self, state: PylosState) -> np.ndarray:
        """The value for each player, [2]."""
        value, _ = self._judge(state)
        return np.array([-value, value] if mover(state.position) else [value, -value])

    def prior(self, state: PylosState) -> list[tuple[int, float]]:
        """The legal actions and their probabilities."""
        actions = state.legal_actions()
        probabilities = softmax(self._judge(state)[1][actions])
        return list(zip(actions, probabilities.tolist(), strict=True))

    def _judge(self, state: PylosState) -> tuple[float, np.ndarray]:
        values, log_policies = self._evaluate(np.full(BATCH_MULTIPLE, state.position, np.int64))
        return float(values[0]), log_policies[0].astype(np.float64)


class BotPlayer(KeyedPlayer):
    """A bot of OpenSpiel as a player of this package, for `pylos.play_match`.

    It sees positions without what led to them. So it does not know which would be a repetition.

    Args:
        name: what matches call it.
        game: the game that it plays.
        make_bot: makes the bot from a seed below 2^31. The bot must not need to be told of actions.
    """

    def __init__(self, name: str, game: PylosGame, make_bot: Callable[[int], Any]) -> None:
        self._game, self._make_bot = game, make_bot
        super().__init__(name, game.rules)

    def reset(self, key: int) -> None:
        """See `Player`."""
        super().reset(key)
        self._bot = self._make_bot(draw(key, 0) >> 32)

    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        states = (PylosState(self._game, int(position)) for position in positions)
        # Not `bot.step`: that of MCTSBot gives the GIL away and crashes on every game in Python (OpenSpiel 2.0.2).
        actions = (pyspiel.Bot.step(self._bot, state) for state in states)
        return np.fromiter(actions, np.int64, len(positions))


pyspiel.register_game(_TYPE, PylosGame)
