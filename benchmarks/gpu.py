"""Everything that a GPU can tell about this package, in at most a quarter of an hour: first the tests, then timings.

    python benchmarks/gpu.py [FOLDER [STAGE ...]]

Each stage is a process of its own with a limit of its own. What it prints goes to FOLDER/STAGE.txt
($PYLOS_HOME/gpu by default) as it comes, so that a machine that is taken away in the midst keeps what was found before.
The stage `fit`, five minutes of the preset, is run only if it is named.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from pylos.system.home import home

HERE = Path(__file__).parent
FIT = ["-m", "pylos", "fit", "-c", "gpu", "--trainer.max_time", "00:00:05:00"]
STAGES: dict[str, tuple[int, list[str]]] = {
    # The seconds that a stage may take, and the arguments of Python.
    "tests": (300, ["-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", str(HERE.parent / "tests")]),
    "network": (60, [str(HERE / "network.py"), "--device", "cuda"]),
    "search": (60, [str(HERE / "device_search.py")]),
    "selfplay": (60, [str(HERE / "selfplay.py")]),
    "training": (60, [str(HERE / "training.py")]),
    "epoch": (90, [str(HERE / "epoch.py"), "gpu", "4"]),
    "peers": (120, [str(HERE / "peers" / "compare.py"), "cuda"]),
}
AT_REQUEST = {"fit": (330, FIT)}
"""What is too long to be among them."""
PACKAGES = ["pylos", "torch", "lightning", "numpy", "numba", "numba-cuda", "triton", "jax", "mctx", "pgx"]


def machine() -> str:
    """The card and the versions of what computes."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} missing")
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, {', '.join(versions)}"


def run(stage: str, folder: Path) -> None:
    """Runs a stage, writes what it prints to a file, and prints its end."""
    limit, arguments = (STAGES | AT_REQUEST)[stage]
    path, start = folder / f"{stage}.txt", time.perf_counter()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with path.open("w") as file:
        command = [sys.executable, *arguments]
        try:
            code = subprocess.run(
                command, stdout=file, stderr=subprocess.STDOUT, timeout=limit, env=environment, check=False
            ).returncode
            ended = f"exit code {code}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after its {limit} s"
    print(f"\n== {stage}: {ended}, {time.perf_counter() - start:.0f} s, {path}", flush=True)
    print("\n".join(path.read_text(errors="replace").splitlines()[-25:]), flush=True)


def main(folder: str = "", *stages: str) -> None:
    """Runs all stages, or those that are named."""
    if unknown := set(stages) - {*STAGES, *AT_REQUEST}:
        sys.exit(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES | AT_REQUEST)}")
    if not torch.cuda.is_available():
        print("there is no CUDA device here")
        return
    results = Path(folder).resolve() if folder else home() / "gpu"
    results.mkdir(parents=True, exist_ok=True)
    (results / "machine.txt").write_text(machine() + "\n")
    print(machine(), flush=True)
    for stage in stages or STAGES:
        run(stage, results)


if __name__ == "__main__":
    main(*sys.argv[1:])
