"""The network for searches on a GPU, in few kernels: in one, where a row fits into the registers."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from pylos.network.frozen_network import FrozenNetwork, dense_layers, pattern_table
from pylos.network.network import PylosNetwork

WIDTHS = (64, 128, 256)
"""Widths of which the sums of a row's residual blocks fit into the registers."""
WIDE = (512, 1024)
"""Widths of which a row is normalised at once, but goes through the memory between two products."""
_CAPABILITY = (9, 0)
"""The devices for which the sizes below were chosen: H100, H200 and their kin."""
_NO_TRITON = "Triton is not installed: pip install triton"
UNITS, STAGES = 32, 3
"""See the kernel."""
FEW_ROWS, MANY_ROWS = 64, 128
"""Rows of a program: many, so that the matrices are read less often; few where else most multiprocessors would idle."""
ROWS_OF_A_WARP = 16
"""So each row is computed in the same way, whatever the rows of its program."""
WIDE_ROWS = 8
"""Rows of a program between the products of a wide network."""


def fused_network(network: PylosNetwork, device: torch.device) -> FusedNetwork | None:
    """A copy of a network that few kernels compute in bfloat16, ready to run; None where there are no such kernels.

    Args:
        network: what to copy.
        device: where to compute.
    """
    if missing := fused_missing(network, device):
        if missing is _NO_TRITON:
            warnings.warn(f"the network is computed layer by layer: {missing}", stacklevel=2)
        return None
    try:
        kind = WideNetwork if _width(network) in WIDE else FusedNetwork
        fused = kind(network, device)
        fused(torch.zeros(1, network.stem.dense()[0].shape[1], device=device))  # compiles
    except Exception as error:  # Triton has classes of its own, and may lack a compiler for C
        first = (str(error).splitlines() or [""])[0]
        warnings.warn(
            f"the network is computed layer by layer, because Triton makes no kernels for it: "
            f"{type(error).__name__}: {first}",
            stacklevel=2,
        )
        return None
    return fused


def fused_missing(network: PylosNetwork, device: torch.device) -> str | None:
    """Why a device evaluates a network layer by layer in bfloat16; None where fewer kernels do it.

    Args:
        network: the network.
        device: where to compute.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) != _CAPABILITY:
        return f"{device} has not compute capability {'.'.join(map(str, _CAPABILITY))}"
    if _width(network) not in WIDTHS + WIDE or not len(network.blocks):
        return f"the kernels are made for blocks of width {', '.join(map(str, WIDTHS + WIDE))}"
    return None if find_spec("triton") else _NO_TRITON


class FusedNetwork(FrozenNetwork):
    """Computes what a `PylosNetwork` computes by one kernel, in bfloat16 with sums in float32.

    The numbers of the patterns that are there come from a few operations of torch before it.

    A row's answer does not depend on the other rows, and is always the same on one device.

    Args:
        network: what to copy; see `fused_missing`.
        device: where to compute.
    """

    def __init__(self, network: PylosNetwork, device: torch.device) -> None:
        from pylos.network import fused_kernels  # here, because there may be no Triton

        self._kernels: Any = fused_kernels
        self._tensors = [part.to(device, copy=True) for part in self.tensors_of(network)]
        stem, *_, policy, hidden, _value = dense_layers(network)
        self._actions = len(policy[0])
        self._inputs, self._width, self._blocks = stem[0].shape[1], _width(network), len(network.blocks)
        self._outputs = {
            "ACTIONS": self._actions,
            "HIDDEN": self._actions + -self._actions % UNITS,
            "VALUE_UNITS": len(hidden[0]),
        }
        self.activation = network.activation
        self._numbers = network.patterns and network.patterns.numbers.to(device)
        self._eps = network.norm.eps
        # Triton's interpreter computes on the CPU.
        cuda = device.type == "cuda"
        self._processors = torch.cuda.get_device_properties(device).multi_processor_count if cuda else 1

    def __call__(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See `FrozenNetwork`."""
        observations = observations.float()
        values = observations.new_empty(len(observations), 1)
        log_policy = observations.new_empty(len(observations), self._actions)
        self.write(observations, values, log_policy)
        return values, log_policy

    def write(self, observations: Tensor, values: Tensor, log_policy: Tensor) -> None:
        """Evaluates observations into memory that there is.

        Args:
            observations: float32 [B, N], contiguous as what follows.
            values: float32 [B] or [B, 1] receives the values.
            log_policy: float32 [B, A] receives the log policies.
        """
        count = len(observations)
        rows = FEW_ROWS if count <= FEW_ROWS * self._processors // 2 else MANY_ROWS
        matrices, biases = self._tensors[:4], self._tensors[4:]
        blocks = (_descriptor(matrix) for matrix in matrices)
        present = (
            self._numbers(observations) if self._numbers else observations.new_empty(0, 0, dtype=torch.int32)
        )
        with torch.cuda.device_of(observations):  # type: ignore[no-untyped-call]  # torch's
            self._kernels.evaluate[-(-count // rows),](
                *(observations, present, *blocks, *biases, values, log_policy, count, self._eps),
                INPUTS=self._inputs,
                PATTERNS=present.shape[1],
                WIDTH=self._width,
                BLOCKS=self._blocks,
                SQUARED=self.activation == "relu2",
                **self._outputs,
                ROWS=rows,
                UNITS=UNITS,
                STAGES=STAGES,
                num_warps=rows // ROWS_OF_A_WARP,
                enable_fp_fusion=True,
            )

    def tensors(self) -> list[Tensor]:
        """See `FrozenNetwork`."""
        return self._tensors

    @staticmethod
    def tensors_of(network: PylosNetwork) -> list[Tensor]:
        """See `FrozenNetwork`. A row of each of the four matrices is what a program reads at once of one unit.

        - bfloat16 [inputs, width]: the stem, an input's weights in a row; after the inputs come zeros.
        - bfloat16 [blocks x width, width]: first matrices of the blocks, a unit's weights of its inputs in a row.
        - bfloat16 [blocks x width, width]: second matrices of the blocks, a unit's weights for its outputs in a row.
        - bfloat16 [actions + units, width]: the policy's head and the hidden layer of the value, as the first matrices;
          after the actions come some that are never chosen.
        - Their biases in float32, then the value's head, float32 [2, units + 1]: the weights and the bias of win and of
          loss, less those of the draw.
        - bfloat16 [patterns, width]: the weights of the patterns; none if the network has none.

        Scale and shift of a normalisation are in the matrix and the bias that follow it.
        """
        stem, *blocks, norm, policy, hidden, value = dense_layers(network)
        pairs = [_scaled(blocks[i], blocks[i + 1]) for i in range(0, len(blocks), 3)]
        rest = -len(policy[0]) % UNITS
        chosen, units = _scaled(norm, policy), _scaled(norm, hidden)
        matrices = (
            pad(stem[0].T, (0, 0, 0, -stem[0].shape[1] % UNITS)),
            torch.cat([weight for weight, _ in pairs]),
            torch.cat([weight.T for weight, _ in blocks[2::3]]),
            torch.cat([pad(chosen[0], (0, 0, 0, rest)), units[0]]),
        )
        return [
            *(matrix.detach().bfloat16().contiguous() for matrix in matrices),
            stem[1].detach().float(),
            torch.cat([bias for _, bias in pairs]).detach().float(),
            torch.cat([bias for _, bias in blocks[2::3]]).detach().float(),
            torch.cat([pad(chosen[1], (0, rest), value=-torch.inf), units[1]]).detach().float(),
            _against_draw(*value).detach().float(),
            pattern_table(network).detach().bfloat16().contiguous(),
        ]


class WideNetwork(FusedNetwork):
    """Computes a network of which a row does not fit into the registers, in bfloat16.

    The products are torch's, with biases, the first activation of a block and its sum in them; one kernel is between
    two blocks, and one after the heads. The biases of the sums are added before a row is normalised, all that there
    were so far, because no product takes both a bias and a sum.
    """

    def write(self, observations: Tensor, values: Tensor, log_policy: Tensor) -> None:
        """See `FusedNetwork`."""
        *matrices, stem_bias, expand_bias, offsets, heads_bias, value_head, table = self._tensors
        stem, expand, contract, heads = matrices
        width, rows = self._width, len(observations)
        with torch.cuda.device_of(observations):  # type: ignore[no-untyped-call]  # torch's
            x = torch.addmm(stem_bias, observations.bfloat16(), stem[: self._inputs])
            if self._numbers:
                x += embedding_bag(self._numbers(observations), table, mode="sum")
            x.relu_()
            n = torch.empty_like(x)
            programs = (-(-rows // WIDE_ROWS),)
            options = {"ROWS": WIDE_ROWS, "enable_fp_fusion": True}

            def normalised(block: int) -> Tensor:
                self._kernels.normalise[programs](
                    x, offsets[block], n, rows, self._eps, WIDTH=width, **options
                )
                return n

            for block in range(self._blocks):
                part = slice(block * width, (block + 1) * width)
                h = torch._addmm_activation(expand_bias[part], normalised(block), expand[part].T)
                x.addmm_(h.mul_(h) if self.activation == "relu2" else h, contract[part])
            y = torch.addmm(heads_bias, normalised(self._blocks), heads.T)
            columns = 1 << (self._actions - 1).bit_length()
            self._kernels.conclude[programs](
                y, value_head, values, log_policy, rows, COLUMNS=columns, **self._outputs, **options
            )

    @staticmethod
    def tensors_of(network: PylosNetwork) -> list[Tensor]:
        """See `FusedNetwork`. Biases of products are bfloat16; those of the sums are float32 [blocks + 1, width]."""
        *matrices, stem, expand, contract, heads, value_head, table = FusedNetwork.tensors_of(network)
        offsets = pad(contract.view(-1, len(stem)), (0, 0, 1, 0)).cumsum(0)
        return [*matrices, stem.bfloat16(), expand.bfloat16(), offsets, heads.bfloat16(), value_head, table]


def _width(network: PylosNetwork) -> int:
    return len(network.norm.dense()[0])


def _scaled(norm: tuple[Tensor, Tensor], layer: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Matrix and bias of a layer that takes in the scale and the shift of the normalisation before it."""
    (scale, shift), (weight, bias) = norm, layer
    return weight * scale, bias + weight @ shift


def _against_draw(weight: Tensor, bias: Tensor) -> Tensor:
    """Weights and biases of win and loss, less those of the draw: a softmax depends on differences alone."""
    rows = torch.cat([weight, bias[:, None]], 1)
    return rows[::2] - rows[1]


def _descriptor(matrix: Tensor) -> Any:
    """A matrix of which a program reads some whole rows at once."""
    from triton.tools.tensor_descriptor import TensorDescriptor

    return TensorDescriptor.from_tensor(matrix, [UNITS, matrix.shape[1]])
