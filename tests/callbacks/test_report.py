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
    assert live_text(None) == ""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_the_bar_is_closed_before_the_evaluation(folder, monkeypatch):
    events = []

    class Bar:
        def __init__(self, title, total):
            assert (title, total) == ("training epoch 1", 2)

        def __enter__(self):
            events.append("open")
            return lambda done, text: events.append(done)

        def __exit__(self, *_):
            events.append("close")

    monkeypatch.setattr(module, "progress_bar", Bar)
    monkeypatch.setattr(module, "LIVE_SECONDS", 0.0)
    monkeypatch.setattr(Evaluates, "on_train_epoch_end", lambda *_: events.append("evaluation"))
    fit_and_report(folder, 1, Report())
    assert events == ["open", 1, 2, "close", "evaluation"]
