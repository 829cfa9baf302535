"""The environment of Gymnasium: one agent against a player of this package.

Importing this file registers `Pylos-v0`; so does `gymnasium.make("pylos.adapters.gymnasium:Pylos-v0")`.
See docs/environments.md.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from pylos.adapters.opponents import Color, find_opponent
from pylos.adapters.rendering import FRAMES_PER_SECOND, RENDER_MODES, Renderer
from pylos.adapters.views import ILLEGAL_REWARD, observation_space, reward_of, view
from pylos.game.board import Board
from pylos.game.outcome import outcome_on
from pylos.game.position import SIDES
from pylos.game.rules import NUM_ACTIONS, rules_code
from pylos.players.player import Player

try:
    import gymnasium
except ImportError as error:
    raise ImportError("Gymnasium is not installed: pip install 'pylos[gymnasium]'") from error

KEY_LIMIT = 2**63 - 1
"""The keys of an opponent are below it."""

Observation = dict[str, np.ndarray]


class PylosEnv(gymnasium.Env):  # type: ignore[misc]  # its types are not followed
    """A game of one agent against a player.

    The agent is asked for one action after the other while its turn lasts; then the opponent plays its whole turn. The
    reward at the end is 1 for a win, 0 for a draw, -1 for a loss. An illegal action loses the game at once.

    Args:
        opponent: the text of a player, such as `reference:16`, or a player. None: the caller plays both sides. Then
            observations are those of the side to move, and rewards those of the side that acted.
        rules: name of the rule set; by default that of the opponent's checkpoint, else "standard".
        color: the side of the agent: "white", who begins, "black", or "random", drawn for each game.
        render_mode: `ansi`, `rgb_array`, `human`, or None.

    Raises:
        PlayerError: there is no such player, or none for these rules.
        CheckpointError: the checkpoint is missing, damaged or not ours.
        TableError: perfect play needs a solution that is not on this machine.
        RulesError: there is no such rule set.
        ConfigurationError: the color or the render mode cannot be.
    """

    metadata = {"render_modes": RENDER_MODES, "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012  # as in Gymnasium

    def __init__(
        self,
        opponent: str | Player | None = "random",
        rules: str | None = None,
        color: Color = "white",
        render_mode: str | None = None,
    ) -> None:
        self._opponent, self.rules = find_opponent(opponent, rules, color)
        self._code = rules_code(self.rules)
        self._color = color
        self._side = SIDES[0]
        self._ended = True
        self.board = Board(self.rules)
        self.render_mode = render_mode
        self._renderer = Renderer(render_mode)
        self.observation_space = observation_space()
        self.action_space = gymnasium.spaces.Discrete(NUM_ACTIONS)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts a game on the empty board. If the opponent begins, it has played when this returns.

        The seed determines the agent's side and all that the opponent draws, in this game and in those that follow.
        """
        super().reset(seed=seed)
        self.board = Board(self.rules)
        self._ended = False
        if self._opponent is not None:
            self._opponent.reset(int(self.np_random.integers(KEY_LIMIT)))
        self._side = SIDES[self.np_random.integers(2)] if self._color == "random" else self._color
        self._show()
        self._answer()
        return self._view(), self._info()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Plays an action of the agent, and the opponent's turn if its own is over.

        Raises:
            ResetNeeded: the game is over, or was never begun (an error of Gymnasium).
        """
        if self._ended:
            raise gymnasium.error.ResetNeeded("the game is over, or was never begun: call reset()")
        actor, action = self.board.turn, index(action)
        if action not in self.board.legal_actions:
            self._ended = True
            return self._view(), ILLEGAL_REWARD, True, False, self._info(illegal=True)
        self.board.push(action)
        self._show()
        self._answer()
        outcome = outcome_on(self.board)
        self._ended = outcome is not None
        truncated = outcome is not None and outcome.reason == "move_limit"
        reward = 0.0 if outcome is None else reward_of(outcome, actor)
        return self._view(), reward, self._ended and not truncated, truncated, self._info()

    def _answer(self) -> None:
        """Plays the opponent's actions until the agent is to act or the game is over."""
        if self._opponent is None:
            self._side = self.board.turn
            return
        while self.board.turn != self._side and outcome_on(self.board) is None:
            self.board.push(self._opponent.choose([self.board])[0])
            self._show()

    def _view(self) -> Observation:
        return view(self.board.position, SIDES.index(self._side), self._code)

    def _info(self, illegal: bool = False) -> dict[str, Any]:
        return {"position": self.board.position, "side": SIDES.index(self._side), "illegal": illegal}

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()

    def render(self) -> Any:
        """The board as text, as pixels, or in a window: see `Renderer`."""
        return self._renderer.render(self.board)

    def close(self) -> None:
        """Closes the window, if there is one."""
        self._renderer.close()


gymnasium.register(
    "Pylos-v0",
    entry_point="pylos.adapters.gymnasium:PylosEnv",
    vector_entry_point="pylos.adapters.vector:PylosVectorEnv",
)
