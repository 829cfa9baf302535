"""Random playouts in plain Python: the slow twin of `pylos.game.playouts`."""

from __future__ import annotations

from tests.twins import rules as twin_rules
from tests.twins.randomness import draw_below


def playout(game: twin_rules.Game, rules: str, key: int, limit: int) -> tuple[int, int]:
    """Outcome for the player who starts, and the number of actions."""
    starter = game.side
    for ply in range(limit):
        actions = twin_rules.sorted_actions(game, rules)
        if not actions:
            return (-1 if game.side == starter else 1), ply
        game = twin_rules.step(game, actions[draw_below(key, ply, len(actions))], rules)
    return 0, limit
