"""The game's own laboratory: training from nothing on the mini game, held against its exact solution."""

import lightning.pytorch as pl
import numpy as np
import torch

from pylos.game.position import START
from pylos.game.rules import rules_code, step
from pylos.game.symmetry import canonical
from pylos.players.network_player import NetworkPlayer
from pylos.solution.tablebase import ActionValues, Tablebase
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule

RULES = "mini-standard"
SIMULATIONS = 128
EPOCHS, BATCHES = 10, 100


def reachable_decisions(table: Tablebase) -> np.ndarray:
    """Everything that can happen from the start, up to symmetry and colours, where something is at stake."""
    seen = new = np.array([START], np.int64)
    decisions = []
    while len(new):
        found = table.probe_actions(new)
        decisions.append(new[np.bincount(found.rows(), ~found.keeping(), len(new)) > 0])
        code = rules_code(RULES)
        movers = new[found.rows()]
        after = [step(p, a, code) for p, a in zip(movers.tolist(), found.actions.tolist(), strict=True)]
        new = np.setdiff1d(canonical(np.array(after, np.int64)), seen)
        seen = np.union1d(seen, new)
    return np.concatenate(decisions)


def accuracy(module: PylosModule, simulations: int, positions: np.ndarray, truth: ActionValues) -> float:
    """The share of the positions in which the agent keeps the exact value."""
    actions = NetworkPlayer("agent", module.network, RULES, simulations).choose(positions)
    chosen = truth.actions == np.repeat(actions, np.diff(truth.starts))
    assert chosen.sum() == len(positions)
    return float(truth.keeping()[chosen].mean())


def test_training_from_nothing_finds_the_truth(solved):
    table = Tablebase(RULES)
    positions = reachable_decisions(table)
    truth = table.probe_actions(positions)
    assert len(positions) == 2467
    pl.seed_everything(0, verbose=False)
    module = PylosModule(RULES, width=128, blocks=2, learning_rate=2e-3)
    assert accuracy(module, 0, positions, truth) < 0.6, "an untrained policy knows nothing"
    assert accuracy(module, SIMULATIONS, positions, truth) < 0.9, "search alone does not do"
    data = SelfPlayDataModule(
        games_per_epoch=256,
        parallel_games=256,
        simulations=32,
        temperature_moves=12,
        buffer_size=30_000,
        batch_size=256,
        batches_per_epoch=BATCHES,
        search_threads=2,
        inference_precision="float32",
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
    )
    trainer.fit(module, datamodule=data)
    with torch.no_grad():
        assert accuracy(module, 0, positions, truth) > 0.7
        assert accuracy(module, SIMULATIONS, positions, truth) >= 0.99
