from pathlib import Path

import pytest

from tests.support.killing import TWO_RANKS, run_straight


@pytest.fixture(scope="session")
def straight_on_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on two ranks that nothing interrupted."""
    folder = tmp_path_factory.mktemp("two") / "straight"
    run_straight(folder, TWO_RANKS)
    return folder
