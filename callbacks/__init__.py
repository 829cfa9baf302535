"""Lightning callbacks of the Pylos laboratory. They import ``pylos``, never the reverse."""

from callbacks.blunders import BlunderRate
from callbacks.evaluation import EvaluationCallback
from callbacks.last_checkpoint import LastCheckpoint
from callbacks.live_report import Report
from callbacks.report import PlainReport

__all__ = ["BlunderRate", "EvaluationCallback", "LastCheckpoint", "PlainReport", "Report"]
