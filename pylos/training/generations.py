"""Generations of games, which a trainer's module plays against itself by the options of its data module."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from pylos.errors import ConfigurationError
from pylos.game.rules import rules_code
from pylos.kernels.randomness import derive_key
from pylos.network.checked_evaluator import CheckedEvaluator
from pylos.network.evaluator import PRECISIONS, NetworkEvaluator
from pylos.network.precision import fastest_precision
from pylos.network.threads import search_threads, single_threaded_torch
from pylos.search.cached_evaluator import CachedEvaluator
from pylos.search.cuda.available import device_search_missing
from pylos.search.options import SearchOptions
from pylos.selfplay.options import GameOptions
from pylos.selfplay.play import SelfPlay, SelfPlayStats
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches
from pylos.system.options import shown
from pylos.system.progress import progress_bar
from pylos.training.trainer import phases_shown


def agent(trainer: pl.Trainer) -> Any:
    """The module of a trainer, which plays.

    Raises:
        ConfigurationError: the module lacks what that takes.
    """
    module = trainer.lightning_module
    if not all(hasattr(module, name) for name in ("network", "rules", "schedule_progress")):
        raise ConfigurationError(
            "SelfPlayDataModule needs a module with `network`, `rules` and `schedule_progress`"
        )
    return module


class Games(SelfPlay):
    """Games of a trainer's module.

    Args:
        args: of `SelfPlay`.
        on_device: whether a CUDA device searches them.
        options: of `SelfPlay`.
    """

    def __init__(self, *args: Any, on_device: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.on_device = on_device
        self.kept: NetworkEvaluator | None = None
        """The evaluator of a device, which holds it in CUDA graphs: it is loaded with new weights."""


class Generations:
    """Plays games, and remembers how the newest ones went.

    Args:
        options: the options of `SelfPlayDataModule`.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._game_options = GameOptions(**_named(GameOptions, options))
        draw_value = self._game_options.repetition_draw_value
        self.search_options = SearchOptions(**_named(SearchOptions, {**options, "draw_value": draw_value}))
        self.precision: str = options["inference_precision"]
        """The precision in which the network judges; "auto" until it is measured."""
        if self.precision not in ("auto", *PRECISIONS):
            raise ConfigurationError(
                f"inference_precision must be auto, {' or '.join(PRECISIONS)}, got {shown(self.precision)}"
            )
        self.stats: SelfPlayStats | None = None
        """Statistics of the newest games."""
        self._network_share = 1.0
        self._on_device = False
        """Whether a device searches the newest games."""

    def begin(self, trainer: pl.Trainer, purpose: str, parallel_games: int, *, forks: bool = True) -> Games:
        """Begins games. A CUDA device searches them itself, or one line says why not.

        Args:
            trainer: the trainer whose module will play.
            purpose: a text that names their random draws.
            parallel_games: how many are in flight at the same time.
            forks: whether some are forked, as the options say.
        """
        module = agent(trainer)
        code, threads = rules_code(module.rules), self._threads(module, parallel_games)
        missing = device_search_missing(module.device, self.search_options)
        if missing is not None and module.device.type == "cuda":
            rank_zero_warn(f"the host searches for {module.device}: {missing}")
        how = self.search_options, threads, module.device, self._game_options.max_moves
        return Games(
            make_searches(parallel_games, code, *how),
            code,
            self.search_options,
            self._game_options if forks else dataclasses.replace(self._game_options, forked_games=0.0),
            key=derive_key(self._options["seed"], purpose),
            rank=trainer.global_rank,
            threads=threads,
            on_device=missing is None,
        )

    def play(
        self, trainer: pl.Trainer, selfplay: Games, games: int, buffer: ReplayBuffer, title: str
    ) -> None:
        """Plays on with the module's network as it is now.

        Args:
            trainer: the trainer whose module plays.
            selfplay: the games, from `begin`.
            games: how many more games to finish.
            buffer: the buffer that receives their samples.
            title: the name of the progress bar.

        Raises:
            SIGTERMException: the process was asked to end.
        """
        self._on_device = selfplay.on_device
        evaluate = self._evaluator(trainer, selfplay)
        with (
            single_threaded_torch(),
            progress_bar(title, total=games, enabled=phases_shown(trainer)) as update,
        ):
            start = time.perf_counter()

            def on_ply(games: int, positions: int) -> None:
                speed = positions / (time.perf_counter() - start)
                simulations = speed * self.search_options.simulations
                # Outside of our command Lightning takes notice of the signal, but waits for the epoch's end.
                if trainer.received_sigterm:
                    raise SIGTERMException
                update(games, f"{speed:,.0f} positions/s  {simulations:,.0f} simulations/s")

            self.stats = selfplay.play(games, evaluate, buffer, on_ply)
            self._network_share = evaluate.network_share

    def metrics(self, ranks: int, buffer: ReplayBuffer) -> dict[str, float]:
        """What the newest games and the buffer are like, by name; empty before the first game.

        Args:
            ranks: how many ranks there are; logs take the mean over them, also where a sum is meant.
            buffer: the replay buffer.
        """
        if self.stats is None:
            return {}
        stats = self.stats
        speed = ranks * stats.positions / stats.seconds
        # Without a device it is the host that searches.
        waits = {"time/host_wait_share": stats.waiting / stats.seconds} if self._on_device else {}
        return {
            "selfplay/games": ranks * stats.games,
            "selfplay/game_length": stats.plies / stats.games,
            "selfplay/first_player_score": stats.first_player_score,
            "selfplay/draw_rate": stats.draw_rate,
            "selfplay/buffer_fill": len(buffer) / buffer.capacity,
            # Which thread asks first, and so finds nothing in the cache, is a matter of the clock.
            "time/network_share": self._network_share,
            "time/search_share": stats.searching / stats.seconds,
            **waits,
            "time/positions_per_second": speed,
            "time/simulations_per_second": speed * self.search_options.simulations,
        }

    def _threads(self, module: Any, games: int) -> int:
        return int(self._options["search_threads"]) or search_threads(module.device, games)

    def _evaluator(self, trainer: pl.Trainer, selfplay: Games) -> CachedEvaluator | CheckedEvaluator:
        module = agent(trainer)
        if selfplay.kept is not None:
            selfplay.kept.load(module.network)
            return selfplay.kept
        if self.precision == "auto":
            choice = self._best_precision(module) if trainer.is_global_zero else "auto"  # one for all ranks
            self.precision = trainer.strategy.broadcast(choice)
            why = "" if self._on_device else ", the faster one"
            rank_zero_info(f"self-play in {self.precision}{why} on {module.device}")
        evaluate = NetworkEvaluator(module.network, rules_code(module.rules), module.device, self.precision)
        if self._on_device:
            selfplay.kept = evaluate
            return evaluate
        return evaluate.cached(self._options["cache_size"])

    def _best_precision(self, module: Any) -> str:
        """The precision that "auto" means."""
        if self._on_device:  # bfloat16 where it is computed by tensor cores, without a measurement
            return "bfloat16" if torch.cuda.get_device_capability(module.device) >= (8, 0) else "float32"
        games = self._options["parallel_games"]
        return fastest_precision(module.network, module.device, -(-games // self._threads(module, games)))


def _named(kind: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options for which a dataclass has fields."""
    return {field.name: options[field.name] for field in dataclasses.fields(kind)}
