"""How many threads search, and how many torch has meanwhile."""

import subprocess
import sys

import torch

from pylos.network.threads import (
    keep_torch_to_one_thread,
    search_threads,
    single_threaded_torch,
)


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with single_threaded_torch():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_few_threads_search_beside_an_accelerator(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert search_threads(torch.device("cpu"), 8) == 16
    threads = {games: search_threads(torch.device("cuda"), games) for games in (8, 128, 512, 4096, 100_000)}
    assert threads == {8: 1, 128: 1, 512: 4, 4096: 8, 100_000: 8}
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert search_threads(torch.device("cuda"), 4096) == 2


def test_torch_is_kept_to_one_thread_for_good():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    keep_torch_to_one_thread()
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_nobody_imports_torch_to_keep_it_to_one_thread():
    code = (
        "import sys; from pylos.network.threads import *\n"
        "with single_threaded_torch(): keep_torch_to_one_thread()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
