"""`make try`: installs a wheel into an empty environment and does there, from another folder, what users do first.

Environment and folder have spaces and umlauts in their names, and the folder has a `callbacks.py` of its own. Nothing
is compiled by a C compiler: what has no wheel is not installed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import hear_interrupts

SMALL = {
    "trainer.accelerator": "cpu",
    "data.games_per_epoch": "8",
    "data.parallel_games": "8",
    "data.simulations": "2",
    "data.batches_per_epoch": "4",
    "data.batch_size": "16",
    "data.validation_positions": "20",
    "model.width": "16",
    "model.blocks": "1",
}
FIT = ["fit", "-c", "quick", *(f"--{name}={value}" for name, value in SMALL.items())]
"""The quick preset with epochs of seconds."""
SECONDS = 300
"""The most that a command may take; kernels are compiled meanwhile."""


class Environment:
    """An environment with a wheel in it, and the folder in which its commands run.

    Args:
        folder: an empty folder for both.
        python: the command of a Python.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.bin = folder / "Umgebung für Pylos" / "bin"
        self.work = folder / "ein Ordner, größer als der andere"
        self.work.mkdir()
        (self.work / "callbacks.py").write_text("class Mine: pass\n", encoding="utf-8")
        subprocess.run([python, "-m", "venv", self.bin.parent], check=True)

    def install(self, wheel: Path, options: list[str]) -> None:
        """Installs a wheel and what it needs."""
        self.run("python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", wheel, *options)
        self.run("python", "-m", "pip", "check")

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        """Starts a command of the environment."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        program, *arguments = command
        return subprocess.Popen(
            [self.bin / program, *arguments],
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            preexec_fn=hear_interrupts,
        )

    def run(self, *command: str | Path) -> str:
        """Runs a command of the environment to its end and returns what it printed.

        Raises:
            SystemExit: it failed.
        """
        print("$", *(getattr(word, "name", word) for word in command), flush=True)
        began = time.monotonic()
        process = self.start(*command)
        try:
            output, errors = process.communicate(timeout=SECONDS if "pip" not in command else None)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"{output}{errors}\nfailed with exit code {process.returncode}")
        print(f"  {time.monotonic() - began:.1f} s", flush=True)
        return output


def try_out(environment: Environment, version: str) -> None:
    """Does what users do first.

    Args:
        environment: where the wheel is installed.
        version: the version of the wheel.
    """
    for command in (["pylos"], ["python", "-m", "pylos"], ["python", "-O", "-m", "pylos"]):
        _expect(f"pylos {version}\n", environment.run(*command, "--version"))
    _expect("usage: pylos", environment.run("pylos", "--help"))
    _expect(f"{version}\n", environment.run("python", "-c", "import pylos; print(pylos.__version__)"))
    _expect("random", environment.run("pylos", "match", "reference", "random", "--games", "2"))
    # Twice: from nothing as the installed command, then resumed as a module, for which the working directory counts.
    _expect("epoch 1/1", environment.run("pylos", *FIT, "--trainer.max_epochs", "1"))
    again = "-O", "-m", "pylos", *FIT, "--trainer.max_epochs", "2", "--ckpt_path", "last"
    _expect("epoch 2/2", environment.run("python", *again))
    checkpoint = environment.work / "lightning_logs" / "quick" / "checkpoints" / "last.ckpt"
    _expect("1B2", environment.run("pylos", "analyse", "--ckpt_path", checkpoint, "--simulations", "8"))
    with _served(environment) as address:
        for path, part in {"": "<title>Pylos", "api/1/info": f'"version":"{version}"'}.items():
            with urllib.request.urlopen(address + path, timeout=30) as answer:
                _expect(part, answer.read().decode())


@contextmanager
def _served(environment: Environment) -> Iterator[str]:
    """The address of a page that is served in its block; Ctrl-C ends it."""
    print("$ pylos play --no-browser", flush=True)
    process = environment.start("pylos", "play", "--no-browser", "--port", "0")
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            process.kill()
            raise SystemExit(f"{line}{process.communicate()[1]}\nthe page is not served")
        yield found[0]
        process.send_signal(signal.SIGINT)
        if process.wait(30) != 128 + signal.SIGINT:
            raise SystemExit(f"the page ended with exit code {process.returncode}")
    finally:
        process.kill()
        process.wait()


def _expect(part: str, output: str) -> None:
    if part not in output:
        raise SystemExit(f"{output}\nlacks {part!r}")


def main() -> None:
    """Reads the command line and tries the wheel with every Python that it names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="the wheel")
    parser.add_argument("pythons", nargs="+", help="commands of the Pythons to try it with")
    parser.add_argument("--pip", default="", help="options of pip, in one text")
    options = parser.parse_args()
    version = options.wheel.name.split("-")[1]
    for python in options.pythons:
        if shutil.which(python) is None:
            raise SystemExit(f"there is no {python}")
        with tempfile.TemporaryDirectory(prefix="pylos-") as folder:
            environment = Environment(Path(folder), python)
            print(f"== {environment.run('python', '-VV').strip()}", flush=True)
            environment.install(options.wheel.resolve(), shlex.split(options.pip))
            try_out(environment, version)
    print(f"pylos {version} works in {len(options.pythons)} empty environment(s)")


if __name__ == "__main__":
    main()
