"""Trainers and loggers for tests of where a run lies."""

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger


class Remote(Logger):
    """A logger without a folder, whose run has no name before it starts."""

    name = version = None
    save_dir = "."

    def log_hyperparams(self, *arguments, **options): ...

    def log_metrics(self, *arguments, **options): ...


def csv(folder):
    return CSVLogger(folder, name="", version="run")


def make_trainer(folder, **options):
    return Trainer(accelerator="cpu", logger=csv(folder), callbacks=[ModelCheckpoint(**options)])
