"""Lightning callbacks of the Pylos laboratory. They import ``pylos``, never the reverse."""

from callbacks.blunders import BlunderRate
from callbacks.evaluation import EvaluationCallback
from callbacks.report import Report

__all__ = ["BlunderRate", "EvaluationCallback", "Report"]
