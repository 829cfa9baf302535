"""What the command does for several ranks; with real ones: `tests/whole/test_machines.py`."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pylos.cli import ranks
from pylos.cli.ranks import agreed, launcher_of, watch_ranks
from pylos.errors import ConfigurationError
from pylos.system import rank_watch, signals

KILL = "import os; os.kill(os.getpid(), 9)"


def trainer(**changes: Any) -> Any:
    return SimpleNamespace(
        **{
            "world_size": 2,
            "num_nodes": 1,
            "global_rank": 1,
            "local_rank": 1,
            "is_global_zero": False,
            "callbacks": [],
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def no_watch(monkeypatch):
    monkeypatch.setattr(rank_watch, "_watch", None)
    monkeypatch.setattr(signals, "_silent", False)
    monkeypatch.delenv("PYLOS_RANKS", raising=False)


def test_only_several_ranks_watch_each_other():
    watch_ranks(trainer(world_size=1))
    assert rank_watch.present_watch() is None
    watch_ranks(trainer())
    watch = rank_watch.present_watch()
    assert watch is not None
    assert (watch.rank, watch.prints, watch.address, signals._silent) == (1, False, "", True)


def test_the_first_rank_listens_and_ranks_of_several_machines_are_named_with_them(monkeypatch):
    monkeypatch.setattr(
        ranks, "cluster_environment", lambda trainer: SimpleNamespace(main_address="127.0.0.1")
    )
    watch_ranks(trainer(num_nodes=2, global_rank=0, local_rank=0, is_global_zero=True))
    watch = rank_watch.present_watch()
    assert watch is not None
    assert watch.address.partition("@")[2].startswith("127.0.0.1:")
    assert watch.prints
    assert watch.report("so", 2)[0].startswith("pylos: error: rank 0 on ")


def test_on_one_machine_every_rank_decides():
    assert agreed(trainer(), pytest.fail, lambda: "last.ckpt") == "last.ckpt"  # nobody asks for the options


def test_several_machines_need_the_same_options(monkeypatch):
    monkeypatch.setattr(ranks, "meet", lambda trainer: None)
    monkeypatch.setattr(ranks, "join_watch", lambda: None)
    monkeypatch.setattr(ranks, "of_first_rank", lambda work: ("last.ckpt", "a: 1\nb: 2"))
    on_two = trainer(num_nodes=2)
    assert agreed(on_two, lambda: "a: 1\nb: 2", lambda: "never called") == "last.ckpt"
    with pytest.raises(
        ConfigurationError, match="other options than that of the first rank: b: 3, there b: 2;"
    ):
        agreed(on_two, lambda: "a: 1\nb: 3", lambda: "never called")


def test_the_launcher_is_named_where_it_is_not_lightning(monkeypatch):
    monkeypatch.setattr(ranks, "started_ranks", lambda trainer: [])
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert launcher_of(trainer()) == ""
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert launcher_of(trainer()) == "srun"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    assert launcher_of(trainer()) == "torchrun"
    assert launcher_of(trainer(world_size=1)) == ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            ("was killed (signal 9, as the system does where memory runs out)", 137),
        ),
        ("raise SystemExit(3)", ("ended with exit code 3", 3)),
        ("", ("ended with exit code 0", 1)),
    ],
)
def test_what_is_known_of_a_rank_that_said_nothing(monkeypatch, source, expected):
    process = subprocess.Popen([sys.executable, "-c", source])
    monkeypatch.setattr(ranks, "started_ranks", lambda trainer: [process])
    assert ranks._loss(trainer(), 1) == expected
    assert ranks._loss(trainer(), 2) is None
