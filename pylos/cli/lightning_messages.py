"""What Lightning says on the terminal: its reports and its warnings, without its advertisements."""

from __future__ import annotations

import logging
import re
import warnings

HARMLESS_WARNINGS = (
    "The '.*dataloader' does not have many workers",  # there is nothing to load: the data is in memory
    "You defined a `validation_step` but have no `val_dataloader`",
    "The number of training batches .* is smaller than the logging interval",
    "Checkpoint directory .* exists and is not empty",  # on every resume
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint need to be provided",
    "Your `IterableDataset` has `__len__` defined",
    "`ModelCheckpoint\\(monitor=.eval/.* could not find the monitored key",  # in epochs without an evaluation
    "You called `self.log\\(.*` but have no logger configured",  # the table is enough
    "It is recommended to use `self.log\\('(eval|truth|selfplay/blunder_rate)",  # every rank knows the result
    "`PylosModule.configure_optimizers` will be overridden",  # by the --optimizer that the user named
    "`.fit\\(ckpt_path=None\\)` was called without a model",  # our own lines say from where it starts
    ".fit\\(ckpt_path=.last.\\) is set, but there is no last checkpoint",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
)
"""What Lightning warns of although it is meant so."""

_CHATTER = re.compile(
    "💡 Tip|Your model can run with static graph|You are using a CUDA device .* Tensor Cores"  # advice
    "|(GPU|TPU|HPU) available: |LOCAL_RANK: |Initializing distributed: |-+\ndistributed_backend="  # the machine
    "|Adding \\d+ callbacks from entry point"
    # What our own lines say of the start, the end and an interrupt.
    "|(\\[rank: \\d+\\] )?(Seed set to |Received SIGTERM: |Bypassing SIGTERM: )|\nDetected KeyboardInterrupt"
    "|Restoring states from |Restored all states from |Loaded model weights from |`weights_only` was not set"
    "|`Trainer.fit` stopped: `max_(epochs|steps)="
)
"""How the messages begin that Lightning sends to its log without being asked and that help nobody here."""


def quieten_lightning() -> None:
    """Leaves on the terminal what a user asked for or can act on, each warning in one line."""
    # Where the program has handlers of its own, Lightning leaves its messages to them.
    for name in ("lightning.pytorch", "lightning.fabric", ""):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(is_report)
    for message in HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", message)
    warnings.formatwarning = lambda message, *_, **__: f"pylos: warning: {' '.join(str(message).split())}\n"


def is_report(record: logging.LogRecord) -> bool:
    """Whether a message of Lightning's log is more than advertisement and chatter."""
    return record.levelno > logging.INFO or _CHATTER.match(record.getMessage()) is None
