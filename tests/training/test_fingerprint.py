"""What a run depends on has names, and so have its changes."""

from importlib.metadata import version

import torch

from pylos.training.fingerprint import differences, fingerprint


def test_differences_name_what_changed():
    here = fingerprint(torch.device("cpu"), 1)
    assert differences(here, fingerprint(torch.device("cpu"), 1)) == []
    assert differences({**here, "torch": "1.0"}, here) == [f"torch 1.0 then, {version('torch')} now"]
    assert differences({}, {"ranks": 2}) == ["ranks unknown then, 2 now"]
    assert all(type(value) in (str, int) for value in here.values())
