import os
import subprocess
import sys

import pytest

from pylos.errors import ConfigurationError
from pylos.system.processes import check_rank_variables, started_by_pylos

FAMILY = """
import subprocess, sys
from pylos.system.processes import started_by_pylos
print(started_by_pylos(), flush=True)
if len(sys.argv) < 3:
    subprocess.run([sys.executable, "-c", *sys.orig_argv[2:], "child"], check=True)
"""


def test_a_process_of_ours_knows_the_ranks_that_it_started_and_no_others(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")  # which somebody else has set
    monkeypatch.setenv("PYLOS_PARENT", str(os.getpid() + 1))
    command = [sys.executable, "-c", FAMILY, "parent"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
    assert not started_by_pylos()


@pytest.mark.parametrize("name", ["LOCAL_RANK", "RANK", "WORLD_SIZE", "SLURM_PROCID"])
@pytest.mark.parametrize("value", ["x", "-1", "1.5", " ", "²", "9" * 5000])
def test_a_number_that_is_none_is_refused(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"the environment variable {name} must be a whole number"):
        check_rank_variables()


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "")
    monkeypatch.setenv("RANK", "0")
    check_rank_variables()
    assert "LOCAL_RANK" not in os.environ
    assert os.environ["RANK"] == "0"
