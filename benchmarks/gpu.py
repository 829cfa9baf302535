"""Everything that a GPU can tell about this package, in twelve minutes at most: first the tests, then timings.

    python benchmarks/gpu.py [FOLDER [STAGE ...]] [--seconds 720]

Each stage is a process of its own with a limit of its own; one that fails, crashes or hangs ends no other. What it
prints goes to FOLDER/STAGE.txt ($PYLOS_HOME/gpu by default) as it comes, and FOLDER/summary.txt, written anew after
each stage, says what was found beside what it should be. So a machine that is taken away in the midst keeps what was
found before. The stage `fit`, five minutes of training from nothing, runs only if it is named.

It runs from a checkout, without a network and without an installation: Python finds the package beside this file. What
else is missing, the stage `ready` says within a minute; put it on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import configparser
import functools
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from gpu_summary import number, summary

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parent
SECONDS = 720.0
"""For all stages together."""
SHORT = [
    "--data.games_per_epoch",
    "32768",
    "--data.batches_per_epoch",
    "800",
    "--data.buffer_size",
    "1500000",
]
"""Generations for a run of minutes, a third of those of the preset."""
STAGES: dict[str, tuple[float, list[str]]] = {
    # The seconds that a stage may take, and the arguments of Python.
    "ready": (90, [str(HERE / "gpu.py"), "--ready"]),
    "tests": (
        270,
        ["-m", "pytest", "-m", "gpu", "-vv", "--continue-on-collection-errors", "--durations", "10"],
    ),
    "selfplay": (60, [str(HERE / "selfplay.py")]),
    "search": (75, [str(HERE / "device_search.py")]),
    "training": (60, [str(HERE / "training.py")]),
    "epoch": (150, [str(HERE / "epoch.py"), "gpu", "3"]),
    "network": (75, [str(HERE / "network.py"), "--device", "cuda"]),
    "peers": (120, [str(HERE / "peers" / "compare.py"), "cuda"]),
}
AT_REQUEST: dict[str, tuple[float, list[str]]] = {
    "fit": (330, ["-m", "pylos", "fit", "-c", "gpu", *SHORT, "--trainer.max_time", "00:00:05:00"])
}
"""What is too long to be among them."""
OTHERS = ["triton", "pytest", "hypothesis", "jax", "mctx", "pgx"]
"""Packages that some stages need beside those of the package."""
LEAST = 15.0
"""A stage for which less is left is not begun."""


def packages() -> list[str]:
    """The names of all packages that the stages need."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    lines = f"{setup['options']['install_requires']}\n{setup['options.extras_require']['gpu']}"
    return [*re.findall(r"^\s*([\w-]+)", lines, re.MULTILINE), *OTHERS]


def ready() -> None:
    """Says what is there and what is missing, and tries on a small scale what all else rests on."""
    for name in packages():
        try:
            print(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{name} MISSING")
    print(
        f"Python {sys.version.split()[0]}, CUDA {torch.version.cuda}, {os.cpu_count()} processors", flush=True
    )

    from pylos.game.rules import RULES
    from pylos.network.evaluator import NetworkEvaluator
    from pylos.network.fused import fused_missing
    from pylos.network.network import pylos_network
    from pylos.search.cuda.available import device_search_missing
    from pylos.search.options import SearchOptions

    code, options, device = RULES["standard"], SearchOptions(simulations=8), torch.device("cuda")
    network = pylos_network(256, 4)
    print(f"network in one kernel: {fused_missing(network, device) or 'yes'}", flush=True)
    start = time.perf_counter()
    judge = NetworkEvaluator(network, code, device, "bfloat16")
    print(
        f"network: {type(judge.network).__name__}, ready after {time.perf_counter() - start:.1f} s",
        flush=True,
    )
    missing = device_search_missing(device, options)
    print(f"searches on the device: {missing or 'yes'}", flush=True)
    if missing is None:
        import numpy as np

        from pylos.search.cuda.device_search import DeviceSearch

        start = time.perf_counter()
        found = DeviceSearch(64, code, options, device).run(np.zeros(64, np.int64), judge, np.arange(64))
        seconds = time.perf_counter() - start
        print(f"a search: weights sum up to {int(found.weights[0].sum())}, after {seconds:.1f} s", flush=True)


def arguments_of(stage: str, folder: Path) -> list[str]:
    """The arguments of Python for a stage."""
    arguments = list((STAGES | AT_REQUEST)[stage][1])
    if stage == "tests":
        # Only these files, because others import what may be missing here.
        files = [
            path for path in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.gpu" in path.read_text()
        ]
        return [
            *arguments,
            "-p",
            "no:cacheprovider",
            "-o",
            "faulthandler_timeout=60",
            *map(str, sorted(files)),
        ]
    if stage == "fit":
        # As many epochs as fit into the time, so that the learning rate falls to its end.
        epoch = number(folder, "epoch", r"^gpu: ([\d.]+) s an epoch")
        epochs = 40 if epoch is None else max(10, int(290 / (epoch * 32_768 / 100_000)))
        place = ["--trainer.logger.init_args.save_dir", str(folder)]
        return [*arguments, "--trainer.max_epochs", str(epochs), *place]
    return arguments


def run(stage: str, folder: Path, limit: float) -> str:
    """Runs a stage, writes what it prints to a file, and prints its end.

    Args:
        stage: its name.
        folder: of the file.
        limit: the seconds that it may take.

    Returns:
        How it ended.
    """
    path, start = folder / f"{stage}.txt", time.perf_counter()
    places = [str(ROOT), *version_of_checkout(), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    with path.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments_of(stage, folder)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            ended = f"exit code {process.wait(limit)}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {limit:.0f} s"
            end(process, signal.SIGABRT)  # Python then says where it was
        finally:
            end(process, signal.SIGKILL)  # with all that it has started
    ended += f", {time.perf_counter() - start:.0f} s"
    print(f"\n== {stage}: {ended}, {path}", flush=True)
    print("\n".join(path.read_text(errors="replace").splitlines()[-25:]), flush=True)
    return ended


@functools.cache
def version_of_checkout() -> list[str]:
    """A folder that tells Python the version of the package, which a run notes; none if the package is installed."""
    try:
        importlib.metadata.version("pylos")
    except importlib.metadata.PackageNotFoundError:
        [version] = re.findall(r'__version__ = "(.+)"', (ROOT / "pylos" / "__init__.py").read_text())
        folder = tempfile.mkdtemp()
        place = Path(folder) / f"pylos-{version}.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pylos\nVersion: {version}\n")
        return [folder]
    return []


def end(process: subprocess.Popen[bytes], how: int) -> None:
    """Sends a signal to a process and all that it has started, and gives it two seconds to end."""
    try:
        os.killpg(process.pid, how)
        process.wait(2)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass


def main(*given: str) -> None:
    """Runs all stages, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default="", help="for the results")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES | AT_REQUEST))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all stages together")
    parser.add_argument("--ready", action="store_true", help="say only what is there, and what is missing")
    options = parser.parse_args(given)
    if unknown := set(options.stages) - {*STAGES, *AT_REQUEST}:
        sys.exit(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES | AT_REQUEST)}")
    if not torch.cuda.is_available():
        print("there is no CUDA device here")
        return
    sys.path.append(str(ROOT))
    if options.ready:
        ready()
        return
    from pylos.system.home import home

    # A machine that wants its time back says so by this signal: the stage ends, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    folder = Path(options.folder).resolve() if options.folder else home() / "gpu"
    folder.mkdir(parents=True, exist_ok=True)
    print(torch.cuda.get_device_name(), flush=True)
    run_all(options.stages or list(STAGES), folder, options.seconds)


def run_all(stages: list[str], folder: Path, seconds: float) -> None:
    """Runs stages one after another, and writes the summary after each."""
    until, ends = time.monotonic() + seconds, []
    for stage in stages:
        limit = min((STAGES | AT_REQUEST)[stage][0], until - time.monotonic())
        ends.append(f"{stage}: {run(stage, folder, limit) if limit >= LEAST else 'no time left'}")
        report = "\n".join([summary(folder), "", *ends])
        (folder / "summary.txt").write_text(report + "\n")
    print(f"\n{report}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
