"""Where searches can live on a device, and what is said where they cannot."""

import subprocess
import sys

import pytest
import torch

from pylos.search import own_root
from pylos.search.cuda import available
from pylos.search.cuda.available import device_search_missing
from pylos.search.options import SearchOptions


@pytest.mark.parametrize("device", ["cpu", "mps", torch.device("cpu")])
def test_other_devices_have_none(device):
    missing = device_search_missing(device, SearchOptions())
    assert missing == "searches live on CUDA devices of NVIDIA alone"


def test_without_numba_cuda_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(available, "find_spec", lambda name: None)
    missing = device_search_missing("cuda", SearchOptions())
    assert missing == "numba-cuda is not installed: pip install 'pylos[gpu]'"


def test_without_a_usable_driver_it_is_said_too(monkeypatch):
    cuda = pytest.importorskip("numba.cuda")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(available, "find_spec", lambda name: name)
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    assert "newer than the driver" in device_search_missing("cuda:1", SearchOptions())
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    assert device_search_missing("cuda:1", SearchOptions()) is None


def test_a_root_policy_of_numpy_stays_on_the_host(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(own_root, "_registered", {})
    own_root.register_root("even", lambda roots: -roots.visits)
    missing = device_search_missing("cuda", SearchOptions(root="even"))
    assert missing == "the root policy even is computed by NumPy, on the host"


def test_asking_about_a_cpu_imports_no_numba_cuda():
    code = (
        "from pylos.search.cuda.available import device_search_missing as missing; "
        "from pylos.search.options import SearchOptions as options; import sys; "
        "print(missing('cpu', options()) is None, 'numba.cuda' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
