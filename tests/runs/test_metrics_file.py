from pathlib import Path

import pytest

from pylos.errors import CheckpointError
from pylos.runs.metrics_file import metrics_text, parse_metrics, read_metrics

ROWS = [{"step": "4", "a": "0.1"}, {"step": "8", "b": "2"}]


def test_rows_and_text():
    assert metrics_text(ROWS) == "step,a,b\n4,0.1,\n8,,2\n"
    assert metrics_text([]) == ""
    assert parse_metrics(metrics_text(ROWS), "") == ROWS


def test_a_run_without_metrics_has_no_rows(tmp_path: Path):
    assert read_metrics(tmp_path / "metrics.csv") == []


@pytest.mark.parametrize(
    "content", [b"", b"step,a\n\xff,1\n", b"a\n0.1\n", b"step,a\nfour,0.1\n", b"step,a\n4,0.1,7\n"]
)
def test_another_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"metrics\.csv is damaged"):
        read_metrics(path)


def test_old_names_of_parts_are_read_as_the_new_ones():
    row = parse_metrics("step,truth/policy_accuracy/opening,selfplay/blunder_rate/ply_60_up\n4,0.5,1\n", "")[
        0
    ]
    assert list(row) == ["step", "truth/policy_accuracy_opening", "selfplay/blunder_rate_ply_60_up"]
