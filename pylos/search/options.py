"""The options of a search."""

from __future__ import annotations

from dataclasses import dataclass

from pylos.errors import ConfigurationError
from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.search.own_root import root_names
from pylos.system.options import SHARE, Range, checked_options, shown

MOST_SIMULATIONS = 30_000
"""The most simulations of a decision: results keep visits in 16 bits."""
_RANGES = {
    "simulations": Range(int, 1, MOST_SIMULATIONS),
    "gumbel_scale": Range(float, 0, 1000),
    "c_puct": Range(float, 0, 1000, above=True),
    "fpu_reduction": Range(float, -1000, 1000),
    "dirichlet_alpha": Range(float, 0, 1000, above=True),
    "dirichlet_fraction": SHARE,
    "draw_value": Range(float, -1, 1),
}


@dataclass(frozen=True)
class SearchOptions:
    """How a search works; the defaults are those of a search without noise."""

    simulations: int = 64
    """Simulations per decision, each of which looks at one leaf (AlphaZero: 800)."""
    root: str = "puct"
    """How simulations choose an action at the root: "puct", "gumbel" (`pylos.search.gumbel`), or a registered name."""
    gumbel_scale: float = 0.0
    """Scale of the noise with which "gumbel" draws actions; 0 takes the likeliest ones (in self-play: 1)."""
    c_puct: float = 1.5
    """Weight of the prior against the value in PUCT (AlphaZero: about 1.25)."""
    fpu_reduction: float = 0.25
    """How much an unvisited action is valued below its node once the whole prior mass is visited."""
    dirichlet_alpha: float = 0.3
    """Concentration of the Dirichlet noise that "puct" adds to the root's prior (AlphaZero: 0.3 for chess)."""
    dirichlet_fraction: float = 0.0
    """Weight of that noise; 0 turns it off (AlphaZero in self-play: 0.25)."""
    draw_value: float = 0.0
    """What a repetition is worth to both players, see `pylos.search.simulation`."""

    def __post_init__(self) -> None:
        for name, value in checked_options(vars(self), _RANGES).items():
            object.__setattr__(self, name, value)
        if self.root not in (names := root_names()):
            raise ConfigurationError(
                f"root must be {', '.join(names[:-1])} or {names[-1]}, got {shown(self.root)}; "
                "pylos.register_root makes others known"
            )

    @property
    def width(self) -> int:
        """K, the most actions to which a search can give a weight."""
        return MAX_LEGAL_ACTIONS if self.root == "gumbel" else min(self.simulations, MAX_LEGAL_ACTIONS)


def network_options(simulations: int, root: str = "gumbel") -> SearchOptions:
    """How a network searches when it plays, not learns: without noise, by Gumbel root selection if not told else."""
    return SearchOptions(simulations=simulations, root=root)
