"""What weights must be, and the digest by which they are known."""

import re

import pytest
import torch

from pylos.errors import CheckpointError, NonFiniteNetworkError
from pylos.network.weights import check_finite, check_fit, weights_digest

WEIGHTS = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3, 4])}


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_weights_that_are_no_finite_numbers_are_named_with_their_owner(number: float):
    check_finite(WEIGHTS, "x.ckpt")
    with pytest.raises(NonFiniteNetworkError, match=r"^x\.ckpt: the weights c are not finite numbers$"):
        check_finite({**WEIGHTS, "c": torch.tensor([0.0, number])}, "x.ckpt")


@pytest.mark.parametrize(
    ("found", "wanted", "sound"),
    [
        (torch.bfloat16, torch.float32, True),
        (torch.float64, torch.float32, True),
        (torch.int64, torch.int64, True),
        (torch.int64, torch.float32, False),
        (torch.float32, torch.int64, False),
        (torch.complex64, torch.float32, False),
        (torch.int32, torch.int64, False),
    ],
)
def test_precisions_may_differ_and_kinds_of_numbers_may_not(found, wanted, sound: bool):
    theirs, ours = {"w": torch.ones(1, dtype=found)}, {"w": torch.ones(1, dtype=wanted)}
    if sound:
        check_fit(theirs, ours, "x.ckpt")
    else:
        with pytest.raises(
            CheckpointError, match=re.escape(f"x.ckpt makes no sense: w is {found}, not {wanted}")
        ):
            check_fit(theirs, ours, "x.ckpt")


@pytest.mark.parametrize(
    ("theirs", "there", "here"),
    [
        ({"a": WEIGHTS["a"]}, "b is absent there", "(2,) here"),
        ({**WEIGHTS, "c": torch.ones(3, 1)}, "c is (3, 1) there", "absent here"),
        ({**WEIGHTS, "a": torch.ones(2, 1)}, "a is (2, 1) there", "(2,) here"),
    ],
)
def test_weights_must_have_the_same_names_and_shapes(theirs, there: str, here: str):
    check_fit(WEIGHTS, WEIGHTS, "x.ckpt")
    message = f"x.ckpt does not fit the network of this configuration: {there} and {here} (model.width, model.blocks)"
    with pytest.raises(CheckpointError, match=re.escape(message)):
        check_fit(theirs, WEIGHTS, "x.ckpt")


def test_a_digest_names_weights_by_names_and_numbers():
    assert re.fullmatch("[0-9a-f]{8}", digest := weights_digest(WEIGHTS))
    assert digest == "4bbe9f90"  # manifests have such names, and must find them again
    assert weights_digest(dict(reversed(WEIGHTS.items()))) == digest
    assert weights_digest({"a": WEIGHTS["a"].clone().requires_grad_(), "b": WEIGHTS["b"]}) == digest
    others = [
        {"a": WEIGHTS["a"]},
        {"a": WEIGHTS["a"], "c": WEIGHTS["b"]},
        {**WEIGHTS, "a": torch.tensor([1.0, 2.1])},
        {**WEIGHTS, "a": WEIGHTS["a"].bfloat16()},
    ]
    assert len({digest, *map(weights_digest, others)}) == 5
