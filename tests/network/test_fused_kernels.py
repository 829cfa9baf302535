"""The kernels compile for an H100 without one, and what they sum up stays in registers."""

from __future__ import annotations

import subprocess

import pytest

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.fused import (
    FEW_ROWS,
    MANY_ROWS,
    ROWS_OF_A_WARP,
    STAGES,
    UNITS,
    WIDE,
    WIDE_ROWS,
    WIDTHS,
)
from tests.support.triton_interpreter import NO_TRITON

REGISTERS = 65_536
"""Of a multiprocessor."""
SHARED = 227 << 10
"""Bytes that it shares."""
OUTPUTS = {"ACTIONS": NUM_ACTIONS, "HIDDEN": 320, "VALUE_UNITS": 64}


@pytest.mark.parametrize(
    ("width", "rows"), [(max(WIDTHS), FEW_ROWS), (max(WIDTHS), MANY_ROWS), (128, MANY_ROWS)]
)
def test_one_kernel_compiles_for_an_h100(width: int, rows: int, tmp_path, monkeypatch):
    matrix = f"tensordesc<bf16[{UNITS}, {width}]>"
    sizes = {
        "INPUTS": OBSERVATION_SIZE,
        "WIDTH": width,
        "BLOCKS": 4,
        "ROWS": rows,
        "UNITS": UNITS,
        "STAGES": STAGES,
    }
    kinds = dict.fromkeys(("stem", "expand", "contract", "heads"), matrix)
    warps = rows // ROWS_OF_A_WARP
    used, code = compiled("evaluate", sizes | OUTPUTS, kinds, warps, tmp_path, monkeypatch)
    programs = MANY_ROWS // rows
    assert programs * used["REG"] * warps * 32 <= REGISTERS
    assert programs * used["SHARED"] <= SHARED
    assert used["STACK"] <= 16  # bytes of registers that are kept in memory
    # Products that wait for each other would need a fence each.
    assert code.count("WARPGROUP.ARRIVE") < code.count("HGMMA") / 4


@pytest.mark.parametrize(
    ("name", "sizes", "kinds"),
    [
        ("normalise", {"WIDTH": max(WIDE)}, {"x": "*bf16", "n": "*bf16"}),
        ("conclude", {"COLUMNS": 512} | OUTPUTS, {"heads": "*bf16"}),
    ],
)
def test_the_kernels_of_wide_networks_compile_for_an_h100(name: str, sizes, kinds, tmp_path, monkeypatch):
    used, _ = compiled(name, sizes | {"ROWS": WIDE_ROWS}, kinds, 4, tmp_path, monkeypatch)
    assert used["REG"] <= 160
    assert used["STACK"] == 0


def compiled(name: str, sizes, kinds, warps: int, folder, monkeypatch) -> tuple[dict[str, int], str]:
    """What a kernel takes of a multiprocessor, and its code; without more said about it an argument is float32."""
    triton = pytest.importorskip("triton", reason=NO_TRITON)
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from pylos.network import fused_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(folder))
    kernel = getattr(fused_kernels, name)
    names = kernel.arg_names
    kinds = (
        dict.fromkeys(names, "*fp32")
        | kinds
        | {"count": "i32", "eps": "fp32"}
        | dict.fromkeys(sizes, "constexpr")
    )
    source = ASTSource(
        fn=kernel,
        signature={name: kinds[name] for name in names},
        constexprs={(names.index(name),): value for name, value in sizes.items()},
        attrs={(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if kinds[name][0] == "*"},
    )
    options = {"num_warps": warps, "enable_fp_fusion": True}
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    file = folder / "kernel.cubin"
    file.write_bytes(made.asm["cubin"])
    command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(
        f"Function {name}:"
    )[1]
    used = {
        what: int(number)
        for what, number in (part.split(":") for part in text.split() if part.count(":") == 1)
    }
    return used | {"SHARED": made.metadata.shared}, made.asm["sass"]
