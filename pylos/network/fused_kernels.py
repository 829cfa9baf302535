"""Kernels of Triton: the whole network as one, and what is between the products of wide networks.

It needs Triton, which comes with torch where torch computes with CUDA on Linux.
"""

# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _normalised(x, eps, WIDTH: tl.constexpr):
    """Layer normalisation without scale and shift, which the next matrix has in it."""
    x -= (tl.sum(x, 1) / WIDTH)[:, None]
    return (x * tl.rsqrt(tl.sum(x * x, 1) / WIDTH + eps)[:, None]).to(tl.bfloat16)


@triton.jit
def _head(n, heads, heads_bias, first, UNITS: tl.constexpr):
    """Some outputs of the heads, float32 [ROWS, UNITS]."""
    bias = tl.load(heads_bias + first + tl.arange(0, UNITS))
    return tl.dot(n, heads.load([first, 0]).T) + bias[None, :]


@triton.jit
def _value(win, loss):
    """The chance of a win minus that of a loss, of logits that are relative to that of a draw."""
    top = tl.maximum(tl.maximum(win, loss), 0.0)
    win, loss = tl.exp(win - top), tl.exp(loss - top)
    return (win - loss) / (win + loss + tl.exp(-top))


@triton.jit(do_not_specialize=["count"])
def evaluate(
    observations,  # float32 [count, INPUTS]
    present,  # int32 [count, PATTERNS] the rows of the table of each position
    stem,  # the matrices are descriptors of blocks bfloat16 [UNITS, WIDTH]; see `FusedNetwork.tensors_of`
    expand,
    contract,
    heads,
    stem_bias,  # what follows is float32
    expand_bias,
    contract_bias,
    heads_bias,
    value_head,
    table,  # bfloat16 [patterns, WIDTH]
    values,  # float32 [count]
    log_policy,  # float32 [count, ACTIONS]
    count,
    eps,
    INPUTS: tl.constexpr,
    PATTERNS: tl.constexpr,  # of a position
    WIDTH: tl.constexpr,
    BLOCKS: tl.constexpr,
    SQUARED: tl.constexpr,  # whether the activation of the blocks is the square of relu
    ACTIONS: tl.constexpr,
    HIDDEN: tl.constexpr,  # where the hidden layer of the value begins among the heads
    VALUE_UNITS: tl.constexpr,
    ROWS: tl.constexpr,  # that a program evaluates
    UNITS: tl.constexpr,  # of a layer that a program computes at once
    STAGES: tl.constexpr,  # blocks of matrices in shared memory, of which all but one are on their way
):
    """Evaluates rows. Products are of bfloat16 numbers and summed up in float32; all else is float32.

    The sum of the residual blocks is the accumulator of their second product, and never leaves the registers. The
    units between the two products of a block are computed a few at a time, and used up at once.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mine = (row < count)[:, None]
    feature = tl.arange(0, WIDTH)
    unit = tl.arange(0, UNITS)

    x = tl.zeros((ROWS, WIDTH), tl.float32) + tl.load(stem_bias + feature)[None, :]
    # Before the products: their accumulator is spread over the threads in another way, and the sum is moved once.
    for group in tl.range(PATTERNS):
        pattern = tl.load(present + row * PATTERNS + group, row < count, 0)
        x += tl.load(table + pattern[:, None] * WIDTH + feature[None, :]).to(tl.float32)
    for first in tl.range(0, INPUTS, UNITS, num_stages=STAGES):
        inputs = (first + unit)[None, :]
        seen = tl.load(observations + row[:, None] * INPUTS + inputs, mine & (inputs < INPUTS), 0.0)
        x = tl.dot(seen.to(tl.bfloat16), stem.load([first, 0]), x)
    x = tl.maximum(x, 0.0)

    for block in tl.range(BLOCKS):
        n = _normalised(x, eps, WIDTH)
        for first in tl.range(block * WIDTH, (block + 1) * WIDTH, UNITS, num_stages=STAGES):
            h = tl.dot(n, expand.load([first, 0]).T) + tl.load(expand_bias + first + unit)[None, :]
            h = tl.maximum(h, 0.0)
            if SQUARED:
                h = h * h
            x = tl.dot(h.to(tl.bfloat16), contract.load([first, 0]), x)
        # Only here: before the products the registers hold the row twice.
        x += tl.load(contract_bias + block * WIDTH + feature)[None, :]
    n = _normalised(x, eps, WIDTH)

    win = tl.zeros((ROWS,), tl.float32) + tl.load(value_head + VALUE_UNITS)
    loss = tl.zeros((ROWS,), tl.float32) + tl.load(value_head + 2 * VALUE_UNITS + 1)
    for first in tl.range(0, VALUE_UNITS, UNITS, num_stages=STAGES):
        h = tl.maximum(_head(n, heads, heads_bias, HIDDEN + first, UNITS), 0.0)
        win += tl.sum(h * tl.load(value_head + first + unit)[None, :], 1)
        loss += tl.sum(h * tl.load(value_head + VALUE_UNITS + 1 + first + unit)[None, :], 1)
    tl.store(values + row, _value(win, loss), row < count)

    # Two passes over the policy head are cheaper than to keep all actions, or to write and read them.
    top = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    for first in tl.range(0, ACTIONS, UNITS, num_stages=STAGES):
        y = _head(n, heads, heads_bias, first, UNITS)
        higher = tl.maximum(top, tl.max(y, 1))
        total = total * tl.exp(top - higher) + tl.sum(tl.exp(y - higher[:, None]), 1)
        top = higher
    top += tl.log(total)
    for first in tl.range(0, ACTIONS, UNITS, num_stages=STAGES):
        actions = (first + unit)[None, :]
        y = _head(n, heads, heads_bias, first, UNITS) - top[:, None]
        tl.store(log_policy + row[:, None] * ACTIONS + actions, y, mine & (actions < ACTIONS))


@triton.jit(do_not_specialize=["count"])
def normalise(
    x,  # bfloat16 [count, WIDTH]
    offset,  # float32 [WIDTH]; all rows lack it
    n,  # bfloat16 [count, WIDTH] receives the normalised rows
    count,
    eps,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Normalises rows, in float32."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mine = (row < count)[:, None]
    feature = tl.arange(0, WIDTH)
    at = row[:, None] * WIDTH + feature[None, :]
    whole = tl.load(x + at, mine, 0.0).to(tl.float32) + tl.load(offset + feature)[None, :]
    tl.store(n + at, _normalised(whole, eps, WIDTH), mine)


@triton.jit(do_not_specialize=["count"])
def conclude(
    heads,  # bfloat16 [count, HIDDEN + VALUE_UNITS]
    value_head,  # float32 [2, VALUE_UNITS + 1]
    values,  # float32 [count]
    log_policy,  # float32 [count, ACTIONS]
    count,
    ACTIONS: tl.constexpr,
    COLUMNS: tl.constexpr,  # a power of two that holds the actions
    HIDDEN: tl.constexpr,
    VALUE_UNITS: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Makes values and log policies of the outputs of the heads, in float32."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mine = (row < count)[:, None]
    at = heads + row[:, None] * (HIDDEN + VALUE_UNITS)
    action = tl.arange(0, COLUMNS)[None, :]
    y = tl.load(at + action, mine & (action < ACTIONS), float("-inf")).to(tl.float32)
    y -= tl.max(y, 1)[:, None]
    y -= tl.log(tl.sum(tl.exp(y), 1))[:, None]
    tl.store(log_policy + row[:, None] * ACTIONS + action, y, mine & (action < ACTIONS))
    unit = tl.arange(0, VALUE_UNITS)
    h = tl.maximum(tl.load(at + HIDDEN + unit[None, :], mine, 0.0).to(tl.float32), 0.0)
    win = tl.sum(h * tl.load(value_head + unit)[None, :], 1) + tl.load(value_head + VALUE_UNITS)
    lost = value_head + VALUE_UNITS + 1
    loss = tl.sum(h * tl.load(lost + unit)[None, :], 1) + tl.load(lost + VALUE_UNITS)
    tl.store(values + row, _value(win, loss), row < count)
