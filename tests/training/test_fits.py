"""Which fit goes on where another one ended, and which may not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pylos.errors import ConfigurationError
from pylos.system.signals import CellInterrupt
from pylos.training.fits import Fits


def trainer_of(module: str, trial: bool = False, **more: Any) -> Any:
    return SimpleNamespace(lightning_module=module, fast_dev_run=trial, ckpt_path=None, **more)


def test_a_fit_goes_on_only_with_the_same_trainer_and_module():
    fits, trainer = Fits(), trainer_of("a")
    assert [fits.begin(trainer) for _ in range(2)] == [(False, False), (True, False)]
    trainer.lightning_module = "b"
    assert fits.begin(trainer) == (False, False)
    assert fits.begin(trainer_of("b", trial=True)) == (False, False)
    assert fits.begin(trainer) == (False, True)


def test_only_the_interrupt_of_a_fit_is_noted(tmp_path, monkeypatch):
    last = tmp_path / "last.ckpt"
    monkeypatch.setattr("pylos.training.fits.how_to_go_on", lambda trainer: "so")
    monkeypatch.setattr("pylos.training.fits.last_checkpoint", lambda trainer: last)
    fits, trainer = Fits(), trainer_of("a", state=SimpleNamespace(fn="fit"))
    last.touch()
    fits.note_interrupt(trainer, KeyboardInterrupt())
    fits.check_interrupted(trainer)
    interrupt = CellInterrupt()
    fits.note_interrupt(trainer, interrupt)
    assert interrupt.args == ("so",)
    fits.check_interrupted(trainer_of("a"))  # another trainer; and the interrupt is forgotten
    fits.check_interrupted(trainer)
    fits.note_interrupt(trainer, CellInterrupt())
    for _ in range(2):  # as often as it is asked for
        with pytest.raises(ConfigurationError, match="this fit was interrupted: so"):
            fits.check_interrupted(trainer)
    last.unlink()
    with pytest.warns(UserWarning, match="no checkpoint was kept"):
        fits.check_interrupted(trainer)
