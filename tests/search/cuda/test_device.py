"""Memory that torch and kernels share."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")

from pylos.search.cuda import device
from pylos.search.cuda.device import launch, zeros


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


def test_the_wait_for_kernels_of_the_device_is_said_once(monkeypatch, capsys):
    class Kernel:
        def __init__(self):
            self.overloads, self.launched = {}, []

        def __getitem__(self, sizes):
            return lambda *args: self.launched.append((*sizes[:2], *args))

    monkeypatch.setattr(device.cuda, "external_stream", lambda stream: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=0))
    device._say_compiling.cache_clear()
    kernels = [Kernel(), Kernel(), Kernel()]
    kernels[0].overloads["int64"] = "compiled"
    for kernel, said in zip(kernels, (0, 1, 0), strict=True):
        launch(kernel, 33, 7)
        assert kernel.launched == [(2, 32, 7)]
        assert capsys.readouterr().err.count("compiling kernels for the GPU") == said
