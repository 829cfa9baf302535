"""The kernel compiles for an H100 without one, and its sums stay in registers."""

from __future__ import annotations

import subprocess

import pytest

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.fused import FEW_ROWS, MANY_ROWS, ROWS_OF_A_WARP, STAGES, UNITS, WIDTHS
from tests.support.triton_interpreter import NO_TRITON

REGISTERS = 65_536
"""Of a multiprocessor."""
SHARED = 227 << 10
"""Bytes that it shares."""


@pytest.mark.parametrize(
    ("width", "rows"), [(max(WIDTHS), FEW_ROWS), (max(WIDTHS), MANY_ROWS), (128, MANY_ROWS)]
)
def test_it_compiles_for_an_h100(width: int, rows: int, tmp_path, monkeypatch):
    triton = pytest.importorskip("triton", reason=NO_TRITON)
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from pylos.network.fused_kernel import evaluate

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    constants = {
        "INPUTS": OBSERVATION_SIZE,
        "WIDTH": width,
        "BLOCKS": 4,
        "ACTIONS": NUM_ACTIONS,
        "HIDDEN": 320,
        "VALUE_UNITS": 64,
        "ROWS": rows,
        "UNITS": UNITS,
        "STAGES": STAGES,
    }
    matrix = f"tensordesc<bf16[{UNITS}, {width}]>"
    kinds = dict.fromkeys(("stem", "expand", "contract", "heads"), matrix) | {"count": "i32", "eps": "fp32"}
    names = evaluate.arg_names
    signature = {name: "constexpr" if name in constants else kinds.get(name, "*fp32") for name in names}
    source = ASTSource(
        fn=evaluate,
        signature=signature,
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if signature[name] == "*fp32"},
    )
    warps = rows // ROWS_OF_A_WARP
    kernel = triton.compile(
        source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps, "enable_fp_fusion": True}
    )
    used = resources(kernel.asm["cubin"], tmp_path)
    programs = MANY_ROWS // rows
    assert programs * used["REG"] * warps * 32 <= REGISTERS
    assert programs * kernel.metadata.shared <= SHARED
    assert used["STACK"] <= 16  # bytes of registers that are kept in memory
    # Products that wait for each other would need a fence each.
    code = kernel.asm["sass"]
    assert code.count("WARPGROUP.ARRIVE") < code.count("HGMMA") / 4


def resources(binary: bytes, folder) -> dict[str, int]:
    """What a kernel takes of a multiprocessor."""
    from triton import knobs

    file = folder / "kernel.cubin"
    file.write_bytes(binary)
    command = [knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(
        "Function evaluate:"
    )[1]
    return {
        name: int(number)
        for name, number in (part.split(":") for part in text.split() if part.count(":") == 1)
    }
