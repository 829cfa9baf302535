import zipfile
from pathlib import Path

import pytest
import torch

from pylos.runs.checkpoint_table import checkpoint_table, step_of


def save(path: Path, step: int) -> Path:
    torch.save({"epoch": step // 10, "global_step": step, "state_dict": {"weight": torch.zeros(3)}}, path)
    return path


def entry(step: int, **values):
    facts = {"label": "Strong", "elo": 1500.0, "elo_low": 1400.0, "elo_high": None, "games": 8}
    rates = {"win_rate_vs_random": 0.9, "win_rate_vs_previous": None}
    given = {
        "step": step,
        "epoch": step // 10,
        "simulations": 4,
        "file": None,
        "status": "evaluated",
        "reason": None,
    }
    return {**given, **facts, **rates, **values}


@pytest.mark.parametrize("step", [0, 7, 300, 70_000, 2**33])
def test_the_step_is_read_without_loading(tmp_path: Path, step: int):
    assert step_of(save(tmp_path / "last.ckpt", step)) == step


def test_a_damaged_file_tells_by_its_name(tmp_path: Path):
    names = {"best-000400.ckpt": 400, "best-step=12.ckpt": 12, "last.ckpt": None, "best-epoch=3.ckpt": None}
    for name, step in names.items():
        (tmp_path / name).write_bytes(b"nonsense")
        assert step_of(tmp_path / name) == step
    with zipfile.ZipFile(tmp_path / "last.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00global_stepK")
    assert step_of(tmp_path / "last.ckpt") is None


def test_every_agent_and_every_file_has_a_row(tmp_path: Path):
    files = [
        save(tmp_path / name, step) for name, step in (("best.ckpt", 20), ("last.ckpt", 20), ("new.ckpt", 30))
    ]
    failed = entry(10, status="failed", reason="no memory", label=None, file="gone.ckpt")
    rows = checkpoint_table(files, [failed, entry(20)], {30: 3})
    assert [(row["file"], row["exists"], row["step"], row["epoch"], row["status"]) for row in rows] == [
        ("gone.ckpt", False, 10, 1, "failed"),
        ("best.ckpt", True, 20, 2, "evaluated"),
        ("last.ckpt", True, 20, 2, "evaluated"),
        ("new.ckpt", True, 30, 3, "missing"),
    ]
    assert rows[0]["reason"] == "no memory"
    assert rows[2]["elo"] == 1500.0
    assert rows[3]["elo"] is None
