import logging

import pytest

from pylos.cli.lightning_messages import is_report


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("💡 Tip: For seamless cloud logging and experiment tracking, try installing [litlogger]", False),
        ("GPU available: False, used: False", False),
        ("[rank: 0] Seed set to 0", False),
        ("`Trainer.fit` stopped: `max_epochs=2` reached.", False),
        ("`Trainer.fit` stopped: No training batches.", True),
        ("FIT Profiler Report\n...", True),
        ("Metric eval/elo improved. New best score: 1234.000", True),
        ("Time limit reached. Elapsed time is 0:01:00. Signaling Trainer to stop.", True),
    ],
)
def test_reports_get_through_and_advertisements_do_not(message, shown):
    def record(level):
        return logging.LogRecord("lightning.pytorch", level, "", 0, message, None, None)

    assert is_report(record(logging.INFO)) is shown
    assert is_report(record(logging.WARNING))
