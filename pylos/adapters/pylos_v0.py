"""The environment of PettingZoo: `pylos_v0.env()`, or `pettingzoo.make("aec", "pylos-v0")` once this is imported.

`player_0` is white and begins, `player_1` is black. A turn can be several actions: while a take-back is pending, the
same agent is selected again. See docs/environments.md.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from pylos.adapters.rendering import FRAMES_PER_SECOND, RENDER_MODES, Renderer
from pylos.adapters.views import ILLEGAL_REWARD, observation_space, reward_of, view
from pylos.game.board import Board
from pylos.game.outcome import outcome_on
from pylos.game.position import SIDES
from pylos.game.rules import NUM_ACTIONS, rules_code

try:
    from gymnasium import spaces
    from pettingzoo import AECEnv, register
    from pettingzoo.utils import wrappers
except ImportError as error:
    raise ImportError("PettingZoo is not installed: pip install 'pylos[pettingzoo]'") from error

AGENTS = ("player_0", "player_1")
"""White and black."""


def env(**options: Any) -> AECEnv:
    """Makes the environment with the wrappers of PettingZoo's own board games.

    An illegal action ends the game, with a reward of -1 for the agent who played it. What is out of order or no action
    at all raises an error.

    Args:
        **options: see `raw_env`.
    """
    wrapped = wrappers.TerminateIllegalWrapper(raw_env(**options), illegal_reward=ILLEGAL_REWARD)
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(wrapped))


class raw_env(AECEnv):  # type: ignore[misc]  # noqa: N801  # PettingZoo gives it this name
    """The environment without wrappers. An illegal action raises an `IllegalActionError` and changes nothing.

    A copy (`copy.deepcopy`) or a pickled one goes on from the same board, in a window of its own.

    Args:
        rules: name of the rule set.
        render_mode: `ansi`, `rgb_array`, `human`, or None.

    Raises:
        RulesError: there is no such rule set.
        ConfigurationError: there is no such render mode.
    """

    metadata = {  # noqa: RUF012  # so PettingZoo has it
        "render_modes": RENDER_MODES,
        "name": "pylos_v0",
        "is_parallelizable": False,
        "render_fps": FRAMES_PER_SECOND,
    }

    def __init__(self, rules: str = "standard", render_mode: str | None = None) -> None:
        self.board = Board(rules)
        self.render_mode = render_mode
        self._renderer = Renderer(render_mode)
        self._code = rules_code(rules)
        self.possible_agents = list(AGENTS)
        self.observation_spaces = {agent: observation_space() for agent in AGENTS}
        self.action_spaces = {agent: spaces.Discrete(NUM_ACTIONS) for agent in AGENTS}

    def observation_space(self, agent: str) -> Any:
        """A dict of `observation` and `action_mask`, the same for both agents."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """The 303 actions, the same for both agents."""
        return self.action_spaces[agent]

    def observe(self, agent: str) -> dict[str, np.ndarray]:
        """What an agent sees of the board from its own side. The mask of one that is not to act is empty."""
        return view(self.board.position, AGENTS.index(agent), self._code)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Starts a game on the empty board. There is nothing random in it, so the seed changes nothing."""
        self.board = Board(self.board.rules)
        self.agents = list(AGENTS)
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in AGENTS}
        self.agent_selection = AGENTS[0]
        self._show()

    def step(self, action: Any) -> None:
        """Plays an action of the selected agent, and selects the one who acts next.

        Raises:
            IllegalActionError: it is not legal; nothing has changed.
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self.board.push(index(action))
        self._cumulative_rewards[agent] = 0.0
        self.agent_selection = AGENTS[SIDES.index(self.board.turn)]
        if outcome := outcome_on(self.board):
            self.rewards = {
                agent: reward_of(outcome, side) for agent, side in zip(AGENTS, SIDES, strict=True)
            }
            ends = self.truncations if outcome.reason == "move_limit" else self.terminations
            ends.update(dict.fromkeys(AGENTS, True))
        self._accumulate_rewards()
        self._show()

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()

    def render(self) -> str | np.ndarray | None:
        """The board as text, as pixels, or in a window: see `Renderer`."""
        return self._renderer.render(self.board)

    def close(self) -> None:
        """Closes the window, if there is one."""
        self._renderer.close()


register("aec", "pylos-v0", entry_point=env)
