"""Lightning callbacks of the Pylos laboratory. They import `pylos`, never the reverse."""

from callbacks.blunders import BlunderRate
from callbacks.evaluation import EvaluationCallback
from callbacks.last_checkpoint import LastCheckpoint
from callbacks.live_curves import LiveCurves
from callbacks.plain_report import PlainReport
from callbacks.report import Report

__all__ = ["BlunderRate", "EvaluationCallback", "LastCheckpoint", "LiveCurves", "PlainReport", "Report"]
