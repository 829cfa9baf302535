"""What this machine is."""

from __future__ import annotations

import os
import platform

import torch


def device_name(device: torch.device) -> str:
    """The model of an accelerator; for others the type of the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def processor() -> str:
    """The processor's model: libraries choose their kernels by it."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor()
