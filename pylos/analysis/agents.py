"""Agents that judge positions for the searches of a process. Each is loaded once and shared."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass

from pylos.errors import PlayerError
from pylos.game.rules import rules_code
from pylos.players.baselines import rollout_evaluator
from pylos.players.naming import CHECKPOINT, ONNX, REFERENCE, load_player
from pylos.search.evaluator import Evaluator
from pylos.system.options import shown

ROLLOUTS = "rollouts"
"""The agent that judges by random playouts: for rules for which there is no network."""
MOST_AGENTS = 6
"""Agents that stay loaded, those that were asked for last. A network with the evaluations that it remembers takes up to
40 MB."""


@dataclass(frozen=True, eq=False)
class Agent:
    """Judges the leaves of searches by one rule set. Searches by the same agent share its calls."""

    name: str
    """The text that names it, see `load_agent`."""
    rules: str
    """The name of the rule set."""
    root: str
    """The root policy that suits it: "gumbel" for a network, "puct" where there is no policy to improve."""
    evaluate: Evaluator
    """Judges positions. Several threads may call it at the same time."""


_loaded: OrderedDict[tuple[object, ...], Agent] = OrderedDict()
_lock = threading.Lock()


def load_agent(text: str, rules: str) -> Agent:
    """The agent that a text names. It is loaded once, or again if its file has changed.

    ==============  =============================================================
    `reference`     the agent that ships with the package, for most rule sets
    `PATH.ckpt`     the network of a checkpoint
    `PATH.onnx`     an exported network
    `rollouts`      one random playout judges a leaf
    ==============  =============================================================

    Args:
        text: names the agent.
        rules: name of the rule set.

    Raises:
        PlayerError: the text names no agent, its checkpoint was trained for other rules, or no agent ships for them.
        CheckpointError: the checkpoint is missing, damaged or not ours.
        NonFiniteNetworkError: a weight is infinite or not a number.
        RulesError: there is no such rule set.
    """
    rules_code(rules)  # an unknown rule set is the first thing to say
    key = text, rules, _stamp(text)
    with _lock:
        if key not in _loaded:
            _loaded[key] = _load(text, rules)
        _loaded.move_to_end(key)
        if len(_loaded) > MOST_AGENTS:
            _loaded.popitem(last=False)
        return _loaded[key]


def _load(text: str, rules: str) -> Agent:
    if text == ROLLOUTS:
        return Agent(text, rules, "puct", rollout_evaluator(rules_code(rules), key=0))
    if (text != REFERENCE and not text.endswith((CHECKPOINT, ONNX))) or "\0" in text:
        raise PlayerError(
            f"no agent {shown(text)}; there are {REFERENCE}, PATH.ckpt, PATH.onnx and {ROLLOUTS}"
        )
    return Agent(text, rules, "gumbel", load_player(text, rules, 0, "cpu").evaluator)


def _stamp(path: str) -> tuple[int, ...] | None:
    """What differs after a file has been replaced; None if there is no file."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):  # no file of that name can exist
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
