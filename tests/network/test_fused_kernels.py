"""The kernels compile for an H100 without one, as they are launched, and what they sum up stays in registers."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pylos.network.fused import FEW_ROWS, FusedNetwork, WideNetwork
from pylos.network.network import pylos_network
from tests.support.triton_interpreter import NO_TRITON

CPU = torch.device("cpu")
REGISTERS = 65_536
"""Of a multiprocessor."""
SHARED = 227 << 10
"""Bytes that it shares."""


@pytest.fixture
def compiled(monkeypatch, tmp_path) -> list[Any]:
    """Kernels that were launched: instead of that they are compiled for an H100."""
    pytest.importorskip("triton", reason=NO_TRITON)
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    run, kernels = JITFunction.run, []

    def compile_alone(self: Any, *args: Any, **kwargs: Any) -> None:
        self.device_caches.clear()
        kernels.append(run(self, *args, **kwargs | {"warmup": True}))
        self.device_caches.clear()

    monkeypatch.setattr(JITFunction, "run", compile_alone)
    h100 = SimpleNamespace(
        get_current_device=lambda: 0,
        get_current_stream=lambda _: 0,
        get_current_target=lambda: GPUTarget("cuda", 90, 32),
    )
    driver.set_active(h100)
    yield kernels
    driver.set_active(None)  # whoever asks next gets that of the machine


@pytest.mark.parametrize(("width", "rows", "programs"), [(256, 9, 2), (256, FEW_ROWS, 1), (128, 200, 1)])
def test_one_kernel_keeps_its_sums_in_registers(compiled, tmp_path, width: int, rows: int, programs: int):
    """So many programs share a multiprocessor."""
    FusedNetwork(pylos_network(width, 4), CPU)(torch.zeros(rows, 184))
    (kernel,) = compiled
    used = resources(kernel, tmp_path)
    assert programs * used["REG"] * kernel.metadata.num_warps * 32 <= REGISTERS
    assert programs * kernel.metadata.shared <= SHARED
    assert used["STACK"] <= 16  # bytes of registers that are kept in memory
    # Products that wait for each other would need a fence each.
    code = kernel.asm["sass"]
    assert code.count("WARPGROUP.ARRIVE") < code.count("HGMMA") / 4


def test_the_kernels_of_wide_networks_fit_into_registers(compiled, tmp_path):
    WideNetwork(pylos_network(512, 2), CPU)(torch.zeros(9, 184))
    assert [kernel.metadata.name for kernel in compiled] == ["normalise"] * 3 + ["conclude"]
    for kernel in compiled[2:]:
        used = resources(kernel, tmp_path)
        assert used["REG"] <= 128
        assert used["STACK"] == 0


def resources(kernel: Any, folder) -> dict[str, int]:
    """What a kernel takes of a multiprocessor."""
    from triton import knobs

    file = folder / "kernel.cubin"
    file.write_bytes(kernel.asm["cubin"])
    command = [knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (part.split(":") for part in text.split(f"Function {kernel.metadata.name}:")[1].split())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
