"""Settings for all tests."""

import os
from pathlib import Path

# The networks of the tests are so small that torch's own threads would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# No deadline: the first example of a test may wait for a kernel to compile.
settings.register_profile("pylos", deadline=None, max_examples=100)
settings.load_profile("pylos")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs a CUDA device where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session")
def solved_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PYLOS_HOME with the tables of all mini games, distances included. Leave it as it is."""
    from pylos.game.rules import MINI_RULES
    from pylos.solution.solving import solve

    folder = tmp_path_factory.mktemp("solved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYLOS_HOME", str(folder))
        for rules in MINI_RULES:
            solve(rules, distance=True)
    return folder


@pytest.fixture
def solved(solved_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lets the test find these tables."""
    monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    return solved_folder


@pytest.fixture
def unsolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PYLOS_HOME without tables, which the test may fill."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PYLOS_HOME", str(folder))
    return folder
