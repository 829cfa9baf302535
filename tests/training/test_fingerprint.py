from pathlib import Path

import pytest
import torch

from pylos.training.fingerprint import differences, fingerprint
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def test_differences_name_what_changed():
    here = fingerprint(torch.device("cpu"), 1)
    assert differences(here, fingerprint(torch.device("cpu"), 1)) == []
    assert differences({**here, "torch": "1.0"}, here) == [f"torch 1.0 then, {torch.__version__} now"]
    assert differences({}, {"ranks": 2}) == ["ranks unknown then, 2 now"]
    assert all(type(value) in (str, int) for value in here.values())


def test_a_resume_with_other_threads_warns_and_goes_on(tmp_path: Path, recwarn: pytest.WarningsRecorder):
    threads = torch.get_num_threads()
    tiny_trainer(tmp_path, max_epochs=1).fit(tiny_module(), datamodule=tiny_data())
    path = tmp_path / "last.ckpt"
    tiny_trainer(tmp_path, max_epochs=2).fit(tiny_module(), datamodule=tiny_data(), ckpt_path=path)
    assert not [w for w in recwarn if "bit for bit" in str(w.message)]
    torch.set_num_threads(threads + 1)
    try:
        trainer = tiny_trainer(tmp_path, max_epochs=3)
        trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=path)
    finally:
        torch.set_num_threads(threads)
    (warning,) = [str(w.message) for w in recwarn if "bit for bit" in str(w.message)]
    assert warning.endswith(f": torch threads {threads} then, {threads + 1} now")
    assert trainer.current_epoch == 3
