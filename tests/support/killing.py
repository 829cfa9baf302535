"""Starts the real command, kills it at chosen moments, resumes it until it is done, and compares what is left."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.commands import hear_interrupts
from tests.support.training import assert_equal, config_text

logging.getLogger("tensorboard").setLevel(logging.ERROR)  # or it reports every restart that it hides

PYLOS = Path(sys.executable).with_name("pylos")
CONFIG = config_text(max_epochs=4, games=12, evaluation_games=12, simulations=12, batches_per_epoch=10)
RUN = Path("logs/run")
PHASES = ("start-up", "self-play", "training", "evaluation", "saving")
_SHOWN = {b"self-play": "self-play", b"training epoch": "training", b"evaluation": "evaluation"}
TWO_RANKS = ("--trainer.devices", "2", "--trainer.strategy", "ddp")


class Process:
    """The command in a process group of its own, with a terminal whose progress bars show the phase it is in.

    Args:
        folder: the working directory.
        options: more options of `pylos fit`.
        threads: of torch.
    """

    def __init__(self, folder: Path, options: tuple[str, ...], threads: int = 1) -> None:
        (folder / "config.yaml").write_text(CONFIG)
        self._checkpoints = folder / RUN / "checkpoints"
        self._start = time.time()
        terminal, self._terminal = os.openpty()
        command = [PYLOS, "fit", "-c", "config.yaml", "--ckpt_path", "auto", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TERM": "xterm", "COLUMNS": "100"}
        self.popen = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._terminal,
            stderr=self._terminal,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )
        os.close(self._terminal)
        self._shown = "start-up"
        self.output = b""
        self._reader = threading.Thread(target=self._read, args=(terminal,), daemon=True)
        self._reader.start()

    def _read(self, terminal: int) -> None:
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            self.output += data
            found = re.findall(b"|".join(_SHOWN), self.output[-300:])
            if found:
                self._shown = _SHOWN[found[-1]]
        os.close(terminal)

    @property
    def phase(self) -> str:
        """What it is doing, as far as it shows from outside."""
        return "saving" if self._is_saving() else self._shown

    def _is_saving(self) -> bool:
        for path in self._checkpoints.glob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= self._start:  # an older one is left from a kill
                    return True
        return False

    def kill_in(self, phase: str, delay: float, timeout: float = 120) -> str | None:
        """Kills all its processes a delay after it is seen in a phase; returns its phase then, None if it had ended."""
        end = time.monotonic() + timeout
        while self.phase != phase:
            time.sleep(0.0002)
            if self.popen.poll() is not None:
                return None
            assert time.monotonic() < end, f"never came to {phase}: {self.text}"
        time.sleep(delay)
        phase = self.phase
        if self.popen.poll() is not None:
            return None
        self.signal(signal.SIGKILL)
        self.popen.wait()
        return phase

    def signal(self, number: int) -> None:
        """Sends a signal to all its processes, as Ctrl-C does."""
        os.killpg(self.popen.pid, number)

    def finish(self, timeout: float = 300) -> int:
        """Waits for its end; returns the exit code."""
        code = self.popen.wait(timeout)
        self._reader.join(10)
        return code

    @property
    def text(self) -> str:
        """What it wrote to the terminal."""
        return self.output.decode(errors="replace")


def run_straight(folder: Path, options: tuple[str, ...] = (), threads: int = 1) -> None:
    """Runs the command without any interruption."""
    folder.mkdir(parents=True)
    process = Process(folder, options, threads)
    assert process.finish() == 0, process.text


def run_killed(
    folder: Path, kills: Iterator[tuple[str, float]], options: tuple[str, ...] = (), threads: int = 1
) -> list[str]:
    """Runs the command, kills it as asked, resumes it until it is done.

    Returns:
        The phases in which it was killed.
    """
    folder.mkdir(parents=True)
    phases = []
    for phase, delay in kills:
        process = Process(folder, options, threads)
        killed_in = process.kill_in(phase, delay)
        if killed_in is None:
            assert process.finish() == 0, process.text
            return phases
        phases.append(killed_in)
        check_resume_point(folder)
    process = Process(folder, options, threads)
    assert process.finish() == 0, process.text
    return phases


def random_kills(number: int, seed: int) -> Iterator[tuple[str, float]]:
    """Phases in turn, at random moments in them."""
    chance = random.Random(seed)
    longest = {"start-up": 4.0, "self-play": 0.4, "training": 0.15, "evaluation": 0.3, "saving": 0.004}
    for i in range(number):
        phase = PHASES[(i + seed) % len(PHASES)]
        yield phase, longest[phase] * chance.random()


def check_resume_point(folder: Path) -> None:
    """At every instant there is a sound checkpoint to resume from, once the first epoch has ended."""
    last = folder / RUN / "checkpoints" / "last.ckpt"
    if last.exists():
        torch.load(last, weights_only=True)
    else:
        assert (
            not (folder / RUN).exists()
            or (folder / RUN / "checkpoints" / "first-epoch.json").exists()
            or _is_empty(folder / RUN)
        )


def _is_empty(run: Path) -> bool:
    return all(path.is_dir() or path.name == "run.lock" or path.suffix == ".part" for path in run.rglob("*"))


def assert_same_run(a: Path, b: Path, except_for: Collection[str] = ()) -> None:
    """Everything that two runs left is the same to the last bit, except for times and the name of the folder."""
    run_a, run_b = a / RUN, b / RUN
    for path in sorted((run_a / "checkpoints").glob("*.ckpt")):
        twin = run_b / "checkpoints" / path.name
        assert_equal(_without_folder(path, a), _without_folder(twin, b), path.name)
    names = [
        sorted(p.name for p in run.rglob("*") if "tfevents" not in p.name and p.suffix != ".part")
        for run in (run_a, run_b)
    ]
    assert names[0] == names[1]
    for name in {"metrics.csv", "config.yaml", "hparams.yaml"}.difference(except_for):
        assert (run_a / name).read_bytes() == (run_b / name).read_bytes(), name
    assert _manifest(run_a) == _manifest(run_b)
    assert _tensorboard(run_a) == _tensorboard(run_b)


def _without_folder(path: Path, folder: Path) -> Any:
    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            # Lightning saves the last score that a checkpoint callback looked at, but never restores it.
            return {clean(key): clean(v) for key, v in value.items() if key != "current_score"}
        if isinstance(value, list):
            return [clean(v) for v in value]
        return value.replace(str(folder), "") if isinstance(value, str) else value

    return clean(torch.load(path, weights_only=True))


def _manifest(run: Path) -> str:
    values = json.loads((run / "checkpoints" / "manifest.json").read_text())
    for entry in values["entries"]:
        del entry["time"], entry["seconds"]
    return json.dumps(values)


def _tensorboard(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: for every name steps and values, without what depends on the clock."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    names = [name for name in events.Tags()["scalars"] if not name.startswith("time/")]
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in names}
