"""Fits in which a device searches: a real one, or a simulated one (see `tests.support.cuda_simulator`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pylos.selfplay.play import SelfPlay
from tests.support.reporting import Sink
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def fit_in_parts(folder: str, epochs: Sequence[int], games: int = 3, **options: Any) -> dict[str, Any]:
    """Trains until each of these epochs in turn, every time from the checkpoint that the part before has left.

    The games are short, because the simulator takes milliseconds for every game and kernel.

    Args:
        folder: for the checkpoints.
        epochs: see above.
        games: how many are in flight.
        options: of the trainer.

    Returns:
        The kinds and sizes of the searches, the names of the metrics, and digests of the last checkpoint's states.
    """
    searches: list[tuple[str, int]] = []
    begin = SelfPlay.__init__

    def spy(self: SelfPlay, made: Any, *args: Any, **options: Any) -> None:
        searches.extend((type(search).__name__, search.games) for search in made)
        begin(self, made, *args, **options)

    last, sink = Path(folder) / "last.ckpt", Sink()
    SelfPlay.__init__ = spy  # type: ignore[method-assign]
    try:
        for most in epochs:
            data = tiny_data(
                games_per_epoch=2,
                parallel_games=games,
                simulations=2,
                root="gumbel",
                opening_plies=30,
                max_moves=4,
            )
            module = tiny_module(rules="mini-standard", validation_simulations=0)
            trainer = tiny_trainer(Path(folder), most, logger=sink, **options)
            trainer.fit(module, datamodule=data, ckpt_path=last if last.exists() else None)
    finally:
        SelfPlay.__init__ = begin  # type: ignore[method-assign]
    kept = torch.load(last, map_location="cpu", weights_only=True)
    states = {
        name: kept[name] for name in ("state_dict", "optimizer_states", "SelfPlayDataModule", "metrics")
    }
    return {
        "searches": searches,
        "metrics": sorted({name for _, metrics in sink.calls for name in metrics}),
        "states": {name: _digest(state) for name, state in states.items()},
    }


def _digest(state: Any) -> str:
    found = hashlib.blake2b(digest_size=8)

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.update(repr(key).encode())
                add(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                add(inner)
        else:
            found.update(value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode())

    add(state)
    return found.hexdigest()
