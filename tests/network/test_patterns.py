"""Look-ups are sums of rows of a table, turn with the board, and have gradients with the same bits every time."""

import copy
import pickle

import numpy as np
import pytest
import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import RULES, formation_cells
from pylos.network.network import SQUARE, _hidden_moves
from pylos.network.patterns import PATTERNS, TiedPatterns
from tests.support.networks import perturbed

SHIFTS = (np.arange(3)[:, None] + np.arange(3)) % 3
"""A group of another kind: three numbers in a circle."""
LAYERS = {
    "Pylos": (PATTERNS, SQUARE.inputs, 32),
    "no symmetries": ([[4, 1], [0, 2, 3], [5]], np.arange(6)[None], 5),
    "a circle": ([[0, 1], [1, 2], [2, 0], [0, 1, 2]], SHIFTS, 6),
}


def layer_of(kind: str) -> TiedPatterns:
    torch.manual_seed(0)
    return perturbed(TiedPatterns(*LAYERS[kind]), 1.0)  # a fresh one adds nothing


def inputs_of(kind: str, rows: int = 64) -> torch.Tensor:
    numbers = LAYERS[kind][1].shape[1]
    return torch.randint(-1, 2, (rows, numbers), generator=torch.Generator().manual_seed(1)).float()


def plain_sum(layer: TiedPatterns, kind: str, inputs: torch.Tensor) -> torch.Tensor:
    """What the layer should say, number by number: each element looks at the inputs that it moves to."""
    groups, moves, _ = LAYERS[kind]
    first, firsts = 0, {}
    for group in groups:
        firsts[frozenset(group)] = first, group
        first += 3 ** len(group)
    rows = []
    for row in inputs.tolist():
        parts = []
        for moved in moves:
            back = {int(there): here for here, there in enumerate(moved)}
            total = torch.zeros(layer.table.shape[1])
            for begin, group in firsts.values():
                digits = [
                    int(row[back[i]]) + 1 for i in group
                ]  # what stands where the image of the board has i
                number = begin + sum(digit * 3**place for place, digit in enumerate(digits))
                total = total + layer.table[number]
            parts.append(total / 16)
        rows.append(torch.cat(parts))
    return torch.stack(rows)


def test_the_patterns_of_pylos_are_the_formations_of_its_rules():
    everything = formation_cells((1 << 30) - 1, RULES["mature"])
    seen = 0
    for group in PATTERNS:
        cells = group[:4] if len(group) == 5 else group
        own = sum(1 << cell for cell in cells)
        assert formation_cells(own, RULES["mature"]) == own
        assert all(formation_cells(own & ~(1 << cell), RULES["mature"]) == 0 for cell in cells)
        seen |= own
    assert seen == everything
    assert len({frozenset(group) for group in PATTERNS}) == len(PATTERNS) == 28


@pytest.mark.parametrize("kind", LAYERS)
def test_it_is_a_sum_of_weights_of_what_is_there(kind: str):
    layer, inputs = layer_of(kind), inputs_of(kind)
    expected = plain_sum(layer, kind, inputs)
    torch.testing.assert_close(layer(inputs), expected)
    with torch.no_grad():
        torch.testing.assert_close(layer.dense()[layer.numbers(inputs).long()].sum(1), expected)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_outputs_turn_with_the_inputs(kind: str):
    _, moves, width = LAYERS[kind]
    layer, inputs = layer_of(kind), inputs_of(kind)
    for moved, hidden in zip(moves, _hidden_moves(moves, width), strict=True):
        turned = torch.empty_like(inputs)
        turned[:, moved] = inputs
        torch.testing.assert_close(layer(turned)[:, hidden], layer(inputs))


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_those_of_the_plain_sum(kind: str):
    layer, inputs = layer_of(kind), inputs_of(kind, 16)
    upstream = torch.randn(16, LAYERS[kind][2])
    (found,) = torch.autograd.grad(layer(inputs), layer.table, upstream)
    (expected,) = torch.autograd.grad(plain_sum(layer, kind, inputs), layer.table, upstream)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("width", [128, 256])
def test_gradients_have_the_same_bits_every_time(width: int):
    torch.manual_seed(0)
    layer, inputs = TiedPatterns(PATTERNS, SQUARE.inputs, width), inputs_of("Pylos", 512)
    upstream = torch.randn(512, width)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = {
            torch.autograd.grad(layer(inputs), layer.table, upstream)[0].numpy().tobytes() for _ in range(50)
        }
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_patterns_have_the_same_numbers_in_any_precision(dtype: torch.dtype):
    layer, inputs = layer_of("Pylos"), inputs_of("Pylos")
    expected = layer.numbers(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.numbers(inputs), expected)
        assert layer(inputs).dtype == torch.float32
    assert torch.equal(layer.to(dtype).numbers(inputs.to(dtype)), expected)
    assert layer(inputs.to(dtype)).dtype == dtype


def test_only_signs_count_and_nothing_is_looked_up_outside_of_the_table():
    layer, inputs = layer_of("Pylos"), inputs_of("Pylos")
    assert torch.equal(
        layer.numbers(inputs * torch.rand_like(inputs).add(0.01) * 1e30), layer.numbers(inputs)
    )
    odd = torch.tensor([torch.nan, torch.inf, -torch.inf]).repeat_interleave(OBSERVATION_SIZE).view(3, -1)
    assert torch.equal(layer.numbers(odd), layer.numbers(torch.tensor([[0.0], [1.0], [-1.0]]).expand_as(odd)))


def test_it_can_be_copied_pickled_and_moved_and_has_no_buffers():
    layer, inputs = layer_of("Pylos"), inputs_of("Pylos")
    expected = layer(inputs)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(again(inputs), expected)
    assert not list(layer.buffers())
    assert [*layer.state_dict()] == ["table"]
    assert "groups=28, patterns=4212" in repr(layer)  # by which measured precisions are told apart
    moved = layer.to("meta")
    moved(inputs.to("meta")).sum().backward()
    assert moved.table.grad.is_meta


def test_a_compiled_layer_says_the_same_and_has_the_same_gradient():
    layer, inputs = layer_of("Pylos"), inputs_of("Pylos")
    compiled = torch.compile(layer, backend="aot_eager")
    upstream = torch.randn(64, 32)
    (found,) = torch.autograd.grad(compiled(inputs), layer.table, upstream)
    (expected,) = torch.autograd.grad(layer(inputs), layer.table, upstream)
    assert torch.equal(compiled(inputs), layer(inputs))
    assert torch.equal(found, expected)


def test_an_exported_layer_needs_no_bags():
    layer, inputs = layer_of("Pylos"), inputs_of("Pylos")
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.export.export(layer, (inputs,), dynamic_shapes=({0: batch},))
    assert "embedding_bag" not in str(program.graph)
    torch.testing.assert_close(program.module()(inputs[:5]), layer(inputs[:5]))
