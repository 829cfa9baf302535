import lightning.pytorch as pl
import pytest
import torch

from callbacks import report as module
from callbacks.plain_report import PlainReport
from callbacks.report import Report, live_text
from pylos.training.trainer import phases_shown
from tests.support.reporting import Evaluates, Tiny, fit_and_report


def test_live_losses():
    assert (
        live_text(
            {name: torch.tensor(x) for name, x in (("loss", 1.5), ("value_loss", 0.25), ("entropy", 1.0))}
        )
        == "loss 1.500  value loss 0.250"
    )
    assert live_text(torch.tensor(1.5)) == "loss 1.500"
    assert live_text(None) == live_text({"loss": torch.ones(2), "value_loss": 1.5}) == ""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_report_may_be_disabled_and_enabled(folder, capsys):
    report = Report()
    report.disable()
    assert not report.is_enabled
    fit_and_report(folder, 1, report)
    assert capsys.readouterr() == ("", "")
    report.enable()
    assert report.is_enabled


def test_without_its_bar_it_is_a_plain_report():
    assert type(Report().without_bar()) is PlainReport


def test_a_disabled_report_prints_nothing(folder, capsys):
    callback = Report()
    callback.disable()
    callback._trainer = trainer = pl.Trainer(accelerator="cpu", logger=False, callbacks=[callback])
    callback.on_train_batch_end(trainer, Tiny(), None, None, 0)
    callback.on_train_epoch_end(trainer, Tiny())
    callback.on_fit_end(trainer, Tiny())
    assert capsys.readouterr().out == ""


def test_only_our_own_bar_leaves_room_for_others(folder):
    def shown(*callbacks, **options):
        return phases_shown(pl.Trainer(accelerator="cpu", logger=False, callbacks=[*callbacks], **options))

    report = Report()
    assert shown(report)
    assert not shown(PlainReport())  # beside the one that Lightning adds
    assert not shown(PlainReport(), enable_progress_bar=False)
    report.disable()
    assert not shown(report)


def test_a_module_may_print_beside_the_report(folder, capsys):
    class Prints(Tiny):
        def on_train_start(self):
            self.print("hello")

    pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, callbacks=[Report()]).fit(Prints())
    assert "hello\n" in capsys.readouterr().out


@pytest.fixture
def events(monkeypatch) -> list:
    """What happens to bars, and when the evaluation is."""
    found: list = []

    class Bar:
        def __init__(self, title, total):
            found.append((title, total))

        def __enter__(self):
            return lambda done, text: found.append(done)

        def __exit__(self, *_):
            found.append("close")

    monkeypatch.setattr(module, "progress_bar", Bar)
    monkeypatch.setattr(module, "LIVE_SECONDS", 0.0)
    monkeypatch.setattr(Evaluates, "on_train_epoch_end", lambda *_: found.append("evaluation"))
    return found


TRAINING = ("training epoch 1", 2)


def test_the_bar_is_closed_before_the_evaluation(folder, events):
    fit_and_report(folder, 1, Report())
    assert events == [TRAINING, 1, 2, "close", "evaluation"]


def test_the_bar_of_an_epoch_that_ends_early_is_closed(folder, events):
    fit_and_report(folder, 1, Report(), max_steps=1)
    assert events == [TRAINING, 1, "evaluation", "close"]


def test_the_bar_is_closed_before_an_error_is_shown(folder, events, monkeypatch):
    monkeypatch.setattr(Tiny, "on_train_batch_end", lambda *_: 1 / 0, raising=False)
    with pytest.raises(ZeroDivisionError):
        fit_and_report(folder, 1, Report())
    assert events == [TRAINING, 1, "close"]


def test_the_bar_is_not_drawn_anew_for_every_batch(folder, events, monkeypatch):
    monkeypatch.setattr(module, "LIVE_SECONDS", 100.0)
    fit_and_report(folder, 1, Report())
    assert events == [TRAINING, 1, "close", "evaluation"]


def test_validation_has_a_bar_but_not_lightnings_check_of_it(folder, events, monkeypatch):
    monkeypatch.setattr(Tiny, "validation_step", lambda self, batch, batch_index: None)
    monkeypatch.setattr(Tiny, "val_dataloader", lambda self: torch.utils.data.DataLoader(torch.ones(3, 1)))
    fit_and_report(folder, 1, Report())
    assert events == [TRAINING, 1, 2, "close", ("validation", 3), 1, 2, 3, "close", "evaluation"]
