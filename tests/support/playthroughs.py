"""Games as OpenSpiel tells them, one for each rule set. `python -m tests.support.playthroughs` writes them anew."""

from pathlib import Path

from open_spiel.python.algorithms.generate_playthrough import playthrough

from pylos.adapters.openspiel import GAME
from pylos.game.rules import RULES

FOLDER = Path(__file__).parents[1] / "adapters" / "playthroughs"
SEED = 5
"""Games in which each rule set shows what it has: raises, balls taken back, stops."""


def path_of(rules: str) -> Path:
    return FOLDER / f"{rules}.txt"


def text_of(rules: str) -> str:
    """A game of random actions, with all that OpenSpiel sees of its positions."""
    text: str = playthrough(f"{GAME}(rules={rules})", [], seed=SEED)
    return text


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in RULES:
        path_of(name).write_text(text_of(name), encoding="utf-8")
