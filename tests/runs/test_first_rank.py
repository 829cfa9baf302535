"""Two ranks with disks of their own, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from pylos.runs.first_rank import all_see_the_same, of_first_rank

TWO = """
import sys
from pathlib import Path
import torch.distributed as distributed
from pylos.errors import PylosError
from pylos.runs.first_rank import all_see_the_same, of_first_rank

folder, rank = Path(sys.argv[1]), int(sys.argv[2])
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
own = folder / str(rank)
own.mkdir()
(own / "file").write_text("abc")
(folder / "common").write_text("abc") if rank == 0 else None
distributed.barrier()
print(all_see_the_same(folder / "common"), all_see_the_same(own / "file"), all_see_the_same(folder / "0" / "file2"))
print(of_first_rank(lambda: f"of rank {rank}"))
try:
    of_first_rank(lambda: (own / "absent").read_text())
except (PylosError, OSError) as error:
    print(type(error).__name__, error)
def fail():
    raise ValueError  # without a word
try:
    print(of_first_rank(fail))
except (PylosError, ValueError) as error:
    print(type(error).__name__, error)
"""


def test_ranks_go_by_what_the_first_one_finds(tmp_path: Path):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(tmp_path), str(rank)], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        first, second = (rank.communicate(timeout=60)[0].splitlines() for rank in ranks)
    finally:
        for rank in ranks:
            rank.kill()
    assert first[:2] == second[:2] == ["True False False", "of rank 0"]
    reason = f"[Errno 2] No such file or directory: '{tmp_path}/0/absent'"
    assert first[2] == f"FileNotFoundError {reason}"
    assert second[2] == f"CheckpointError {reason}"
    assert (first[3].strip(), second[3]) == ("ValueError", "CheckpointError ValueError")


def test_a_rank_alone_decides_for_itself(tmp_path: Path):
    assert all_see_the_same(tmp_path / "absent")
    assert of_first_rank(lambda: 7) == 7
    with pytest.raises(ValueError, match="mine"):
        of_first_rank(lambda: int("mine"))
