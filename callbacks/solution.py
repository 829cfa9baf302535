"""What the callbacks know of the solution of the game; training never sees it."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.errors import TableError
from pylos.solution.tablebase import Tablebase, open_if_present


def table_of_run(trainer: pl.Trainer, distances: bool = False) -> Tablebase | None:
    """The solution of the rules that a run learns, if all ranks have one; warns of a damaged one.

    Call it on all ranks, once per fit: opening a table may mean reading all of it.

    Args:
        trainer: the run's.
        distances: whether values alone are not enough.
    """
    table = None
    try:
        table = open_if_present(str(trainer.lightning_module.hparams["rules"]))
    except TableError as error:
        rank_zero_warn(f"the agent is not compared with perfect play: {error}")
    enough = table is not None and (table.has_distances or not distances)
    return table if trainer.strategy.reduce_boolean_decision(enough) else None
