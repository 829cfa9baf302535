"""The solution of the game for callbacks that measure the agent by it. Training never sees it."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.errors import TableError
from pylos.solution.tablebase import Tablebase, open_if_present


def table_of_run(trainer: pl.Trainer, distances: bool = False) -> Tablebase | None:
    """The solution of the rules that a run learns; warns if it is damaged.

    Call it on all ranks, and once a fit: to open a table may mean to read all of it.

    Args:
        trainer: the trainer of the run.
        distances: whether the distances are needed, and not only the values.

    Returns:
        The table; None if a rank has none that is enough.
    """
    table = None
    try:
        table = open_if_present(str(trainer.lightning_module.hparams["rules"]))
    except TableError as error:
        rank_zero_warn(f"the agent is not compared with perfect play: {error}")
    enough = table is not None and (table.has_distances or not distances)
    return table if trainer.strategy.reduce_boolean_decision(enough) else None
