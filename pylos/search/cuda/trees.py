"""Trees in the memory of a device, and the searches that kernels make in them."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS
from pylos.search.cuda import kernels
from pylos.search.cuda.device import as_array, launch, zeros
from pylos.search.cuda.kernels import NO_POSITION, Rows
from pylos.search.evaluator import DeviceEvaluator
from pylos.search.gumbel import considered_visits
from pylos.search.history import History
from pylos.search.options import SearchOptions
from pylos.search.tree import Tree, most_edges, new_tree


class DeviceTrees:
    """Trees for up to `games` searches that begin and end together, and what belongs to them.

    `begin`, one `simulate` for each simulation, and `conclude` are a whole search. All three put their work on torch's
    current stream and return at once, so that a CUDA graph can capture any sequence of them.

    Args:
        games: G, the number of rows.
        code: the rule set's number.
        options: see `SearchOptions`.
        device: where the memory is.
        room: the edges for which each tree has room.
        plies: H, the most earlier positions of a game.
        batch: the observations, values and log policies that the network sees, see `Rows`; by default of G rows.
        by_column: whether the same node of all games lies side by side, not all nodes of a game.
    """

    def __init__(
        self,
        games: int,
        code: int,
        options: SearchOptions,
        device: torch.device,
        room: int,
        plies: int,
        batch: tuple[torch.Tensor, ...] | None = None,
        *,
        by_column: bool = False,
    ) -> None:
        self.games = games
        self._code, self._options, self._gumbel = code, options, options.root == "gumbel"
        self.tree: Tree = new_tree(
            games,
            options.simulations,
            lambda shape, dtype: as_array(zeros(shape, dtype, device, by_column=by_column)),
            room,
        )
        make = partial(zeros, device=device)
        shapes = (games, OBSERVATION_SIZE), (games,), (games, NUM_ACTIONS)
        self.batch = batch or tuple(make(shape, np.float32) for shape in shapes)
        self.rows = Rows(
            positions=make(games, np.int64).fill_(NO_POSITION),
            keys=make(games, np.int64),
            earlier=make((games, plies), np.int64, by_column=True),
            counts=make(games, np.int64),
            state=make(games, np.int8),
            simulation=make(1, np.int64),
            considered=torch.from_numpy(considered_visits(options.simulations)).to(device),
            noise=make((games if self._gumbel else 1, MAX_LEGAL_ACTIONS), np.float64),
            observations=self.batch[0],
            leaf_values=self.batch[1],
            log_policy=self.batch[2],
            actions=make((games, options.width), np.int16),
            weights=make((games, options.width), np.int16),
            values=make(games, np.float32),
            surprises=make(games, np.float32),
        )
        self._rows = Rows(*map(as_array, self.rows))
        self._history = History(self._rows.earlier, self._rows.counts)

    @property
    def outputs(self) -> list[torch.Tensor]:
        """What the searches found, as in `SearchResult`, and the states of the rows."""
        rows = self.rows
        return [rows.actions, rows.weights, rows.values, rows.surprises, rows.state]

    def begin(self, evaluate: DeviceEvaluator) -> None:
        """Starts trees at the positions, and evaluates their roots."""
        options = self._options
        if self._gumbel and options.gumbel_scale:
            numbers = self.games * MAX_LEGAL_ACTIONS
            launch(kernels.draw_noise, numbers, self._rows, options.gumbel_scale)
        launch(kernels.plant, self.games, self.tree, self._rows, self._code)
        self._evaluate(evaluate)
        if options.dirichlet_fraction and not self._gumbel:
            noise = options.dirichlet_alpha, options.dirichlet_fraction
            launch(kernels.add_root_noise, self.games, self.tree, self._rows, *noise)

    def simulate(self, evaluate: DeviceEvaluator) -> None:
        """Makes a simulation in every tree."""
        options = self._options
        how = self._gumbel, options.c_puct, options.fpu_reduction, options.draw_value
        launch(kernels.select, self.games, self.tree, self._rows, self._history, self._code, *how)
        self._evaluate(evaluate)

    def conclude(self) -> None:
        """Reads what was found."""
        launch(kernels.conclude, self.games, self.tree, self._rows, self._gumbel)

    def search(self, evaluate: DeviceEvaluator) -> None:
        """Makes a whole search."""
        self.begin(evaluate)
        for _ in range(self._options.simulations):
            self.simulate(evaluate)
        self.conclude()

    def _evaluate(self, evaluate: DeviceEvaluator) -> None:
        launch(kernels.observe_leaves, self.games, self.tree, self._rows, self._code)
        evaluate.enqueue(*self.batch)
        launch(kernels.expand, self.games, self.tree, self._rows, self._code)


def usual_room(simulations: int) -> int:
    """The edges for which trees get room: enough for nearly all of them, a sixth of what they might need.

    An empty board has 16 actions, and a position of a search 6.5 on average. Of 12,000 trees of 64 simulations the one
    with the most had 15 edges a node. A last node with the most actions always fits.
    """
    return min(most_edges(simulations), 16 * (simulations + 1) + MAX_LEGAL_ACTIONS)


def bytes_of_tree(simulations: int, room: int) -> int:
    """The memory of one tree."""
    return sum(array.nbytes for array in new_tree(1, simulations, room=room))
