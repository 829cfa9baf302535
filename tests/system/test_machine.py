"""Memory that a machine does not have is refused in one sentence that says what to do; its parts have names."""

import os
import platform
from pathlib import Path

import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.system import machine
from pylos.system.machine import (
    check_memory,
    device_name,
    memory_for,
    processor,
    total_memory,
    usable_threads,
)


def test_what_there_is_room_for_is_made():
    with memory_for("a little", 1000, "lower it"):
        made = bytearray(1000)
    assert len(made) == 1000
    assert total_memory() > 1e8


def test_more_than_there_is_is_not_even_tried():
    with (
        pytest.raises(ConfigurationError, match=r"^no memory for a lot of 1,000,000\.0 GB .*GB\): lower it$"),
        memory_for("a lot", 1e15, "lower it"),
    ):
        pytest.fail("tried")


def test_what_the_system_refuses_is_the_same_sentence():
    with (
        pytest.raises(ConfigurationError, match=r"^no memory left for a little of 0\.0 GB: lower it$"),
        memory_for("a little", 1000, "lower it"),
    ):
        raise MemoryError


def test_what_fills_the_memory_exactly_is_allowed(monkeypatch):
    monkeypatch.setattr(machine, "total_memory", lambda: 1000.0)
    check_memory("all", 1000, "lower it")
    with pytest.raises(ConfigurationError, match="no memory for more"):
        check_memory("more", 1001, "lower it")


@pytest.mark.parametrize(
    ("limit", "expected"), [("1000\n", 1000), (f"{10**18}\n", None), ("max\n", None), (None, None)]
)
def test_a_container_may_have_less_than_the_machine(limit, expected, monkeypatch):
    def read(path):
        assert str(path) == "/sys/fs/cgroup/memory.max"
        if limit is None:
            raise FileNotFoundError
        return limit

    monkeypatch.setattr(Path, "read_text", read)
    everything = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert total_memory() == (everything if expected is None else expected)


def test_devices_and_processors_have_names(monkeypatch):
    assert device_name(torch.device("cpu")) == "cpu"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    assert device_name(torch.device("cuda", 1)) == "card 1"
    assert processor()
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    assert processor() == platform.processor()


def test_threads_are_as_many_as_this_process_has_processors_or_as_is_wished(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= usable_threads() <= os.cpu_count()
    for text, threads in (("3", 3), ("1", 1), ("0", usable_threads()), ("many", usable_threads())):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert usable_threads() == threads
