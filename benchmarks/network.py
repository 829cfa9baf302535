"""The network alone, from observations to values and policies in a device's memory: evaluations/s of all ways to do it.

Each time stands beside the one that multiply-adds and memory traffic allow on this device: how fast it multiplies two
large matrices of the same precision and copies a large tensor is measured first. On a CUDA device an evaluation is a
graph, as in a search, and is launched over and over.

    python benchmarks/network.py [--device cuda]
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.frozen_network import FrozenNetwork, dense_layers
from pylos.network.fused import fused_missing
from pylos.network.network import PylosNetwork, pylos_network

SIZES = {"cuda": ((256, 4), (256, 8), (512, 8)), "cpu": ((256, 4),)}
ROWS = {"cuda": (4_096, 8_192, 16_384, 65_536), "cpu": (512,)}
COMPILED_ROWS = 16_384
"""`torch.compile` is timed with this many rows alone and last, because it takes most of the minute."""
MATRIX = {"cuda": 8_192, "cpu": 1_024}
"""Rows and columns of the large matrices."""
SECONDS = 0.2
"""Time for one figure."""
WAYS = {
    "float32, layer by layer": torch.float32,
    "bfloat16, layer by layer": torch.bfloat16,
    "bfloat16, torch.compile": torch.bfloat16,
    "bfloat16, fused": torch.bfloat16,
}


def seconds_of(compute: Callable[[], Any], device: torch.device) -> float:
    """The seconds that one of many runs takes, one after the other."""
    for _ in range(3):  # the first ones compile
        compute()
    if device.type != "cuda":
        start, runs = time.perf_counter(), 0
        while runs < 3 or time.perf_counter() - start < SECONDS:
            compute()
            runs += 1
        return (time.perf_counter() - start) / runs
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        compute()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    runs = 10
    while True:
        start.record()
        for _ in range(runs):
            graph.replay()
        end.record()
        end.synchronize()
        seconds = start.elapsed_time(end) / 1e3
        if seconds >= SECONDS or runs > 1e5:
            return seconds / runs
        runs = int(runs * 1.2 * SECONDS / max(seconds, 1e-5)) + 1


@functools.cache
def multiply_adds_per_second(device: torch.device, dtype: torch.dtype) -> float:
    """Of a product of large matrices."""
    n = MATRIX[device.type]
    a, b, out = (torch.randn(n, n, device=device).to(dtype) for _ in range(3))
    return n**3 / seconds_of(lambda: torch.mm(a, b, out=out), device)


@functools.cache
def bytes_per_second(device: torch.device) -> float:
    """Of a copy within the memory, read and written."""
    a = torch.zeros(MATRIX[device.type] ** 2, device=device)
    b = torch.empty_like(a)
    return 2 * 4 * a.numel() / seconds_of(lambda: b.copy_(a), device)


def allowed_seconds(network: PylosNetwork, rows: int, device: torch.device, dtype: torch.dtype) -> float:
    """What an evaluation takes at least: its multiply-adds, or observations and answers that go through the memory."""
    per_row = sum(weight.numel() for weight, _ in dense_layers(network) if weight.ndim == 2)
    traffic = 4 * rows * (OBSERVATION_SIZE + 1 + NUM_ACTIONS)
    return max(rows * per_row / multiply_adds_per_second(device, dtype), traffic / bytes_per_second(device))


def evaluator(network: PylosNetwork, way: str, device: torch.device) -> NetworkEvaluator:
    """An evaluator that computes in one of the ways."""
    evaluate = NetworkEvaluator(network, 0, device, way.split(",")[0])
    if "fused" not in way:
        layers = FrozenNetwork(network, device, evaluate.dtype)
        compiled: Any = torch.compile(layers.__call__, dynamic=False)
        evaluate.network = compiled if "compile" in way else layers
    return evaluate


def report(network: PylosNetwork, rows: int, device: torch.device, *, compiled: bool) -> None:
    """Times `torch.compile`, or all other ways, for batches of one size."""
    observations = (torch.rand(rows, OBSERVATION_SIZE, device=device) < 0.3).float()
    values, log_policy = (
        torch.empty(rows, device=device),
        torch.empty(rows, NUM_ACTIONS, device=device),
    )
    for way, dtype in WAYS.items():
        if ("compile" in way) != compiled:
            continue
        if "fused" in way and (missing := fused_missing(network, device)):
            print(f"  {way:26} none: {missing}", flush=True)
            continue
        try:
            evaluate = evaluator(network, way, device)
            seconds = seconds_of(lambda e=evaluate: e.enqueue(observations, values, log_policy), device)
        except Exception as error:  # whatever a compiler finds; the other ways are still timed
            print(f"  {way:26} none: {type(error).__name__}: {str(error)[:200]}", flush=True)
            continue
        allowed = allowed_seconds(network, rows, device, dtype)
        print(
            f"  {way:26} {1e6 * seconds:9.1f} us, {rows / seconds / 1e6:7.2f} million evaluations/s, "
            f"{seconds / allowed:5.2f} times the {1e6 * allowed:.1f} us that are allowed",
            flush=True,
        )


def main(*arguments: str) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(parser.parse_args(arguments).device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device
    speeds = [f"{multiply_adds_per_second(device, d) / 1e12:.2f}" for d in (torch.float32, torch.bfloat16)]
    print(
        f"{name}, torch {torch.__version__}: {speeds[0]} million million multiply-adds/s in float32, {speeds[1]} "
        f"in bfloat16; {bytes_per_second(device) / 1e9:.0f} GB/s"
    )
    torch.manual_seed(0)
    for compiled in (False, True):
        for width, blocks in SIZES[device.type]:
            network = pylos_network(width, blocks)
            for rows in ROWS[device.type]:
                if not compiled or rows == COMPILED_ROWS:
                    print(f"{width} x {blocks}, {rows:,} rows", flush=True)
                    report(network, rows, device, compiled=compiled)


if __name__ == "__main__":
    main(*sys.argv[1:])
