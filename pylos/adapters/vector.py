"""The vectorised environment of Gymnasium: thousands of games in one step, `gymnasium.make_vec("Pylos-v0", ...)`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import index
from typing import Any

import numpy as np

from pylos.adapters.batch import (
    ILLEGAL,
    PLAYING,
    judge,
    look_at_all,
    look_at_some,
    new_games,
    new_seen,
    play_all,
    play_some,
)
from pylos.adapters.gymnasium import KEY_LIMIT
from pylos.adapters.opponents import Color, find_opponent
from pylos.adapters.views import observation_space
from pylos.errors import ConfigurationError, IllegalActionError
from pylos.game.position import START, mover
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, rules_code
from pylos.players.player import Player, choose_in_games
from pylos.search.history import History
from pylos.system.machine import usable_threads

from gymnasium import error, spaces  # isort: skip  # after our own, which says what to install
from gymnasium.vector import AutoresetMode, VectorEnv  # isort: skip
from gymnasium.vector.utils import batch_space  # isort: skip

LEAST_SHARE = 256
"""The fewest games that are worth a thread of their own."""

Arrays = dict[str, np.ndarray]


class PylosVectorEnv(VectorEnv):  # type: ignore[misc]  # its types are not followed
    """Many games at once, each as in `PylosEnv`.

    Args:
        num_envs: the number of games.
        opponent: see `PylosEnv`. It chooses for all the games that wait for it in one call.
        rules: see `PylosEnv`.
        color: see `PylosEnv`.
        autoreset_mode: what follows the end of a game. `NEXT_STEP`: the next step starts the next game, whatever the
            action. `SAME_STEP`: the same step does, and the end is in `infos["final_obs"]`. `DISABLED`: the caller
            resets it with `options={"reset_mask": ended}`.
        copy: whether each step returns new arrays. If not, it returns the same ones, and the next step writes to them.
        threads: how many threads share the games; by default as many as this process has processors.

    Raises:
        PlayerError: there is no such player, or none for these rules.
        CheckpointError: the checkpoint is missing, damaged or not ours.
        TableError: perfect play needs a solution that is not on this machine.
        RulesError: there is no such rule set.
        ConfigurationError: the other options cannot be.
    """

    def __init__(
        self,
        num_envs: int = 1,
        opponent: str | Player | None = "random",
        rules: str | None = None,
        color: Color = "white",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        threads: int | None = None,
    ) -> None:
        self._executor: ThreadPoolExecutor | None = None  # first: what was refused is closed, too
        self._opponent, self.rules = find_opponent(opponent, rules, color)
        self.num_envs, threads = index(num_envs), index(threads or usable_threads())
        if self.num_envs < 1 or threads < 1:
            raise ConfigurationError(f"num_envs and threads are at least 1, not {num_envs} and {threads}")
        try:
            self._mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = ", ".join(mode.value for mode in AutoresetMode)
            raise ConfigurationError(f"no autoreset_mode {autoreset_mode!r}; there are {modes}") from None
        self.metadata = {"render_modes": [], "autoreset_mode": self._mode}
        self.single_observation_space, self.single_action_space = (
            observation_space(),
            spaces.Discrete(NUM_ACTIONS),
        )
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._code, self._color, self._copy = rules_code(self.rules), color, copy
        self._games, self._seen = new_games(self.num_envs), new_seen(self.num_envs)
        self._new, self._every = np.zeros(self.num_envs, np.bool_), np.ones(self.num_envs, np.bool_)
        self._begun = False
        share = max(LEAST_SHARE, -(-self.num_envs // threads))
        self._shares = [(i, min(i + share, self.num_envs)) for i in range(0, self.num_envs, share)]
        self._scratch = np.empty((len(self._shares), MAX_LEGAL_ACTIONS), np.int64)
        if len(self._shares) > 1:
            self._executor = ThreadPoolExecutor(len(self._shares))

    # What Gymnasium asks for

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Arrays, Arrays]:
        """Starts all games, or those in `options["reset_mask"]`, bool [num_envs].

        The seed determines the sides of the agent and all that the opponent draws, in these games and later ones.

        Raises:
            ConfigurationError: the mask has another shape or type.
        """
        super().reset(seed=seed)
        mask = self._reset_mask(options or {})
        if self._opponent is not None and (seed is not None or mask.all()):
            self._opponent.reset(int(self.np_random.integers(KEY_LIMIT)))
        self._begun = True
        self._restart(np.flatnonzero(mask))
        self._answer()
        self._share_out(self._finish)
        return self._observations(), self._infos()

    def step(self, actions: Any) -> tuple[Arrays, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Plays one action in each game, and the opponents' turns.

        Args:
            actions: integers [num_envs]. Where the last step has ended the game, the action is ignored (`NEXT_STEP`).

        Raises:
            ResetNeeded: there was no reset, or a game that has ended was not reset (`DISABLED`).
            ConfigurationError: the actions have another shape or type.
        """
        actions = self._checked(actions)
        self._new.fill(False)
        ended = np.flatnonzero(self._games.states)
        if len(ended):
            if self._mode == AutoresetMode.DISABLED:
                raise error.ResetNeeded(
                    f"game {ended[0]} has ended: reset it with options={{'reset_mask': ...}}"
                )
            self._new[ended] = True
            self._restart(ended)
        if self._opponent is None:
            self._share_out(lambda first, last, scratch: self._play_and_finish(actions, first, last, scratch))
        else:
            self._share_out(lambda first, last, scratch: self._play(actions, first, last, scratch))
            self._answer()
            self._share_out(self._finish)
        seen = self._seen
        final = self._start_next() if self._mode == AutoresetMode.SAME_STEP else {}
        rewards, terminations, truncations = map(
            self._out, (seen.rewards, seen.terminations, seen.truncations)
        )
        return self._observations(), rewards, terminations, truncations, {**self._infos(), **final}

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the threads."""
        if self._executor is not None:
            self._executor.shutdown()

    # The parts of a step

    def _reset_mask(self, options: dict[str, Any]) -> np.ndarray:
        """Which games to start, bool [num_envs]: all of them the first time."""
        mask = np.asarray(options.get("reset_mask", np.ones(self.num_envs, np.bool_)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ConfigurationError(
                f"reset_mask is bool [{self.num_envs}], not {mask.dtype} {list(mask.shape)}"
            )
        return mask if self._begun else np.ones_like(mask)

    def _checked(self, actions: Any) -> np.ndarray:
        if not self._begun:
            raise error.ResetNeeded("the games were never begun: call reset()")
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            raise ConfigurationError(
                f"actions are integers [{self.num_envs}], not {array.dtype} {list(array.shape)}"
            )
        return array.astype(np.int64, copy=False)

    def _share_out(self, work: Callable[[int, int, np.ndarray], None]) -> None:
        """Does the work in all threads, each for its games."""
        shares = [(*share, scratch) for share, scratch in zip(self._shares, self._scratch, strict=True)]
        if self._executor is None:
            work(*shares[0])
        else:
            for _ in self._executor.map(lambda share: work(*share), shares):
                pass

    def _play(self, actions: np.ndarray, first: int, last: int, scratch: np.ndarray) -> None:
        play_all(self._games, actions, self._new, self._code, first, last, scratch)

    def _finish(self, first: int, last: int, scratch: np.ndarray) -> None:
        judge(self._games, self._seen, first, last)
        look_at_all(self._games, self._seen, self._code, self._opponent is None, first, last, scratch)

    def _play_and_finish(self, actions: np.ndarray, first: int, last: int, scratch: np.ndarray) -> None:
        self._play(actions, first, last, scratch)
        self._finish(first, last, scratch)

    def _restart(self, rows: np.ndarray) -> None:
        games = self._games
        games.positions[rows, 0] = START
        games.plies[rows] = 0
        games.states[rows] = PLAYING
        sides = (
            self.np_random.integers(2, size=len(rows)) if self._color == "random" else self._color == "black"
        )
        games.sides[rows] = sides

    def _answer(self) -> None:
        """Lets the opponent act until every game waits for the agent or has ended."""
        games, everything = self._games, np.arange(self.num_envs)
        while self._opponent is not None:
            positions = games.positions[everything, games.plies]
            rows = np.flatnonzero((games.states == PLAYING) & (mover(positions) != games.sides))
            if not len(rows):
                return
            history = History(games.positions[rows], games.plies[rows])
            actions = choose_in_games(self._opponent, positions[rows], history)
            play_some(games, rows, actions, self._code, self._scratch[0])
            if (games.states[rows] == ILLEGAL).any():
                raise IllegalActionError(f"{self._opponent.name} has chosen an action that is not legal")

    def _start_next(self) -> dict[str, Any]:
        """Starts the next game where one has ended, and returns how it looked at its end."""
        rows = np.flatnonzero(self._games.states)
        if not len(rows):
            return {}
        ended = self._games.states != PLAYING
        seen = self._seen
        final = np.full(self.num_envs, None, object)
        for row in rows:
            view = {"observation": seen.observation[row], "action_mask": seen.action_mask[row]}
            final[row] = {name: array.copy() for name, array in view.items()}
        info = {
            name: ended.copy() if name[0] == "_" else value.copy() for name, value in self._infos().items()
        }
        self._restart(rows)
        self._answer()
        look_at_some(self._games, seen, rows, self._code, self._opponent is None, self._scratch[0])
        seen.illegal[rows] = False
        return {"final_obs": final, "_final_obs": ended, "final_info": info, "_final_info": ended.copy()}

    # What is returned

    def _out(self, array: np.ndarray) -> np.ndarray:
        return array.copy() if self._copy else array

    def _observations(self) -> Arrays:
        return {
            "observation": self._out(self._seen.observation),
            "action_mask": self._out(self._seen.action_mask),
        }

    def _infos(self) -> Arrays:
        """Each with a mask of the games that it is of, which Gymnasium's wrappers ask for: all of them."""
        infos: Arrays = {}
        for name in ("position", "side", "illegal"):
            infos[name] = self._out(getattr(self._seen, name))
            infos[f"_{name}"] = self._out(self._every)
        return infos
