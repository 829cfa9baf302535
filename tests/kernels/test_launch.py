"""Work that is launched: on a CPU it is called, on a device it is done as often as it is launched."""

from __future__ import annotations

import pytest
import torch

from pylos.kernels.launch import Launch


class Counter:
    """Adds what lies at one place to what lies at another."""

    def __init__(self, device: str) -> None:
        self.total, self.next = torch.zeros(2, device=device, dtype=torch.int64)
        self.enqueued = 0

    def add(self) -> torch.Tensor:
        self.enqueued += 1
        self.total += self.next
        return self.total * 10


def test_on_a_cpu_work_is_called_every_time():
    counter = Counter("cpu")
    launch = Launch(counter.add, torch.device("cpu"))
    for i in range(6):
        counter.next.fill_(i)
        assert launch() == 10 * sum(range(i + 1))
    assert launch.enqueue(lambda: counter.total + 1) == 16
    assert counter.enqueued == 6


@pytest.mark.gpu
def test_on_a_device_it_is_captured_once_and_reads_what_lies_there_then():
    counter = Counter("cuda")
    launch = Launch(counter.add, torch.device("cuda"))
    for i in range(10):
        counter.next.fill_(i)
        assert launch() == 10 * sum(range(i + 1))
    assert launch.enqueue(lambda: counter.total + 1) == 46
    assert counter.enqueued == 4
