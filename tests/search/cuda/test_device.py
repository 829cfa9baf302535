"""Memory that torch and kernels share."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")

from pylos.search.cuda.device import zeros


@pytest.mark.parametrize("by_column", [False, True])
def test_zeros_have_the_shape_and_the_type_and_the_order_that_was_asked_for(by_column):
    with torch.inference_mode():
        tensor = zeros((3, 5), np.int16, torch.device("cpu"), by_column=by_column)
    assert not tensor.is_inference()
    assert tensor.shape == (3, 5)
    assert tensor.dtype == torch.int16
    assert tensor.stride() == ((1, 3) if by_column else (5, 1))
    assert not tensor.any()
    assert zeros(4, np.float32, torch.device("cpu"), by_column=by_column).shape == (4,)
