"""The curves that a fit draws in a notebook's cell."""

import math
import sys

import pytest
import torch

from callbacks import LastCheckpoint, LiveCurves
from callbacks.live_curves import PANELS
from pylos.errors import CheckpointError, ConfigurationError
from tests.support.training import tiny_data, tiny_evaluation, tiny_module, tiny_trainer

pytest.importorskip("matplotlib")
DRAWN = {name for panel in PANELS.values() for name in panel}


def fit(folder, epochs, shown, start=None):
    curves = LiveCurves()
    curves._show = shown.append
    trainer = tiny_trainer(folder, epochs, (curves, tiny_evaluation(games=2), LastCheckpoint(folder)))
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=start)
    return curves


@pytest.fixture
def shown(monkeypatch):
    """The pictures that are shown."""
    monkeypatch.setattr("callbacks.live_curves._in_notebook", lambda: True)
    return []


def test_every_epoch_draws_all_that_the_others_have_logged(tmp_path, shown):
    curves = fit(tmp_path, 2, shown)
    assert len(shown) == 2
    assert all(picture.startswith(b"\x89PNG") for picture in shown)
    assert curves.history["epoch"] == [1.0, 2.0]
    assert set(curves.history) >= DRAWN
    assert not any(math.isnan(value) for name in DRAWN for value in curves.history[name])


def test_a_resumed_run_goes_on_with_its_curves(tmp_path, shown):
    straight = fit(tmp_path / "straight", 2, shown).history
    fit(tmp_path / "halted", 1, shown)
    halted = fit(tmp_path / "halted", 2, shown, start="last").history
    assert halted.keys() == straight.keys()
    for name, values in straight.items():
        assert halted[name] == pytest.approx(values, nan_ok=True)
    saved = torch.load(tmp_path / "halted" / "last.ckpt", weights_only=True)
    assert saved["callbacks"]["LiveCurves"]["history"]["epoch"] == [1.0, 2.0]


def test_a_strange_state_is_refused():
    with pytest.raises(CheckpointError, match="the state of the curves"):
        LiveCurves().load_state_dict({"history": {"epoch": ["1"]}})


def test_outside_of_a_notebook_nothing_is_drawn(tmp_path):
    shown = []
    assert fit(tmp_path, 1, shown).history["epoch"] == [1.0]
    assert not shown


@pytest.mark.parametrize("epochs", [1, 2, 3, 20])
def test_epochs_are_whole_numbers(epochs, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: figures.append(figure))
    curves = LiveCurves()
    names = {"eval/elo_low", "eval/elo_high", *DRAWN}
    curves.history = {name: [float(n) for n in range(1, epochs + 1)] for name in {"epoch", *names}}
    curves.draw()
    for axes in figures[0].axes:
        ticks = axes.get_xticks()
        assert len(ticks) >= 1
        assert all(tick == int(tick) for tick in ticks)


def test_without_matplotlib_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pylos\[notebook\]'"):
        LiveCurves()
