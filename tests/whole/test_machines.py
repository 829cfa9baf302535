"""Several ranks, on one machine and on two, under all launchers: stop, resume, and the end of a rank."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.commands import PYLOS
from tests.support.killing import TWO_RANKS, assert_same_run
from tests.support.machines import (
    ON_TWO,
    fault,
    fit,
    free_port,
    output,
    running,
    slurm_on,
    torchrun,
    torchrun_on,
    wait_for_epochs,
    wait_for_lock,
)


def start_two(stack: ExitStack, folders: list[Path], launcher: str, path: str = "") -> list[subprocess.Popen]:
    """Starts a rank on each of two machines."""
    processes, port = [], free_port()
    for node, folder in enumerate(folders):
        if launcher == "torchrun":
            command, environment = [*torchrun_on(node, port), *fit(*ON_TWO)], {}
        else:
            command, environment = [PYLOS, *fit(*ON_TWO)], {**slurm_on(node, port), "PATH": path}
        processes.append(stack.enter_context(running(folder, command, environment)))
    return processes


def fake_scontrol(folder: Path) -> str:
    """A folder of programs with a `scontrol` that notes what it is asked for, before the others."""
    program = folder / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/requests\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.environ['PATH']}"


def test_a_run_on_two_machines_without_a_common_disk_goes_on_exactly(
    straight_on_two_ranks: Path, tmp_path: Path
):
    machines = [tmp_path / "first", tmp_path / "second"]
    with ExitStack() as stack:
        processes = start_two(stack, machines, "torchrun")
        wait_for_epochs(machines[0], 1, processes)
        for process in processes:
            process.kill()  # not the ranks, which torchrun has put into sessions of their own
    wait_for_lock(machines[0])
    with ExitStack() as stack:
        processes = start_two(stack, machines, "SLURM", fake_scontrol(tmp_path))
        wait_for_epochs(machines[0], 2, processes)
        for process in processes:
            process.send_signal(signal.SIGUSR1)  # a minute before the end
        while "queued job 7 again" not in output(machines[0]):
            assert processes[0].poll() is None, output(machines[0])
            time.sleep(0.01)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(20) for process in processes] == [143, 143]
    assert (tmp_path / "requests").read_text() == "requeue 7\n"
    assert "go on with: the same srun command, and --ckpt_path last" in output(machines[0])
    with ExitStack() as stack:
        processes = start_two(stack, machines, "torchrun")
        assert [process.wait(120) for process in processes] == [0, 0], output(machines[0])
    assert_same_run(straight_on_two_ranks, machines[0], {"config.yaml"})
    assert not (machines[1] / "logs").exists()


def test_a_killed_rank_ends_the_others_and_the_last_line_says_so(tmp_path: Path):
    with running(tmp_path, [PYLOS, *fit(*TWO_RANKS, *fault("self-play", 1))]) as process:
        assert process.wait(60) == 128 + signal.SIGKILL
    assert output(tmp_path).splitlines()[-1].startswith("pylos: error: rank 1 was killed (signal 9")


@pytest.mark.parametrize("rank", [0, 1])
def test_torchrun_names_the_rank_that_failed_and_its_reason(tmp_path: Path, rank: int):
    command = torchrun("--standalone", "--nproc-per-node", "2")
    with running(tmp_path, [*command, *fit(*TWO_RANKS, *fault("training", rank))]) as process:
        assert process.wait(60) == 1
    text = output(tmp_path)
    assert text.count(f"pylos: error: rank {rank}: the loss is nan\n") == 1
    assert f"  traceback : rank {rank}: the loss is nan\n===" in text
    wait_for_lock(tmp_path)


def test_machines_with_other_options_are_refused(tmp_path: Path):
    port = free_port()
    with ExitStack() as stack:
        processes = []
        for node, games in enumerate(("12", "16")):
            command = [*torchrun_on(node, port), *fit(*ON_TWO, "--data.games_per_epoch", games)]
            processes.append(stack.enter_context(running(tmp_path / str(node), command)))
        assert [process.wait(60) for process in processes] == [1, 1]
    for node in range(2):
        assert "pylos: error: rank 1 on " in output(tmp_path / str(node))
        assert (
            "other options than that of the first rank: games_per_epoch: 16, there games_per_epoch: 12"
            in output(tmp_path / str(node))
        )
