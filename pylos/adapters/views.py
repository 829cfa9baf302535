"""What an agent sees of a board: an observation from its own side, and which actions are legal for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.outcome import Outcome
from pylos.game.position import mover, opponent_cells, own_cells, pack
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions
from pylos.kernels.jit import jit

ILLEGAL_REWARD = -1.0
"""Of an illegal action, which ends the game. The other side gets nothing then."""


@jit
def write_view(
    position: int, side: int, code: int, scratch: np.ndarray, observation: np.ndarray, mask: np.ndarray
) -> None:
    """Writes what a side sees: see `pylos.game.observation`. The mask of a side that is not to move is empty.

    Args:
        position: a packed position.
        side: 0 for white, 1 for black.
        code: the rule set's code.
        scratch: int64 [>= MAX_LEGAL_ACTIONS] is written to.
        observation: float32 [184] receives the observation.
        mask: int8 [303] receives 1 for each legal action, else 0.
    """
    mask[:] = 0
    if mover(position) == side:
        for i in range(legal_actions(position, code, scratch)):
            mask[scratch[i]] = 1
    else:
        position = pack(opponent_cells(position), own_cells(position), 0, side)
    observe(position, code, observation)


def view(position: int, side: int, code: int) -> dict[str, np.ndarray]:
    """What a side sees of one position, in new arrays.

    Args:
        position: a packed position.
        side: 0 for white, 1 for black.
        code: the rule set's code.

    Returns:
        `observation`, float32 [184], and `action_mask`, int8 [303].
    """
    observation, mask = np.empty(OBSERVATION_SIZE, np.float32), np.empty(NUM_ACTIONS, np.int8)
    write_view(position, side, code, np.empty(MAX_LEGAL_ACTIONS, np.int64), observation, mask)
    return {"observation": observation, "action_mask": mask}


def observation_space() -> Any:
    """The space of Gymnasium in which the views lie."""
    from gymnasium import spaces  # late: the environment that asks has checked that it is installed

    return spaces.Dict(
        {
            "observation": spaces.Box(-1, 1, (OBSERVATION_SIZE,), np.float32),
            "action_mask": spaces.Box(0, 1, (NUM_ACTIONS,), np.int8),
        }
    )


def reward_of(outcome: Outcome, side: str) -> float:
    """What an outcome is worth to a side: 1, 0 for a draw, or -1."""
    return 0.0 if outcome.winner is None else 1.0 if outcome.winner == side else -1.0
