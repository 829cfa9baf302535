"""The callback that draws the curves of a fit in a notebook's cell."""

from __future__ import annotations

import base64
import io
import math
import sys
from typing import Any

import lightning.pytorch as pl

from pylos.errors import ConfigurationError
from pylos.runs.lightning_internals import call_last
from pylos.system.schema import Each, Row, check_state

PANELS = {
    "Elo": {"eval/elo": "this agent"},
    "keeps the exact value": {
        "truth/search_accuracy": "search",
        "truth/policy_accuracy": "policy",
        "truth/uniform_accuracy": "random",
    },
    "loss": {"train/policy_loss": "policy", "train/value_loss": "value"},
}
"""What is drawn: the metrics of each panel, by the panel's title, with their labels."""
_COLOURS = ("#00805c", "#b35c00", "#5b6472")
_WIDTH, _HEIGHT, _DPI = 11.0, 2.9, 90


class LiveCurves(pl.Callback):
    """Draws Elo, the truth and the losses in a notebook's cell while a fit goes on: one picture, replaced every epoch.

    Elo has a band, its 95 % interval, where both ends are known. Outside of a notebook it draws nothing. It needs
    matplotlib.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            import matplotlib.figure  # noqa: F401  # said now, not after the first epoch
        except ImportError:
            message = "the curves need matplotlib: pip install 'pylos[notebook]'"
            raise ConfigurationError(message) from None
        self.history: dict[str, list[float]] = {}
        """The metrics of all epochs by name, and `epoch`; NaN where one has no value."""
        self._picture: Any = None

    def state_dict(self) -> dict[str, Any]:
        """The curves so far."""
        return {"history": {name: list(values) for name, values in self.history.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: it is something else.
        """
        check_state(state_dict, {"history": Each(Row(float))}, "the state of the curves")
        self.history = {name: list(values) for name, values in state_dict["history"].items()}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Moves behind the callbacks that log what is drawn."""
        call_last(trainer, self)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws in the running cell from now on, and forgets the curves of another run."""
        self._picture = None
        if trainer.ckpt_path is None and trainer.global_step == 0:
            self.history = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Adds the epoch and draws."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        metrics["epoch"] = trainer.current_epoch + 1.0
        past = len(self.history.get("epoch", []))
        for name in (
            "epoch",
            "eval/elo_low",
            "eval/elo_high",
            *(n for panel in PANELS.values() for n in panel),
        ):
            self.history.setdefault(name, [math.nan] * past).append(metrics.get(name, math.nan))
        if trainer.is_global_zero and _in_notebook():
            self._show(self.draw())

    def draw(self) -> bytes:
        """The curves as a PNG file."""
        from matplotlib.figure import Figure

        figure = Figure((_WIDTH, _HEIGHT), layout="constrained")
        epochs = self.history["epoch"]
        for axes, (title, names) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
            for (name, label), colour in zip(names.items(), _COLOURS, strict=False):
                style = "--" if label == "random" else "-"
                axes.plot(epochs, self.history[name], style, color=colour, marker=".", label=label)
            if title == "Elo":
                low, high = self.history["eval/elo_low"], self.history["eval/elo_high"]
                axes.fill_between(epochs, low, high, color=_COLOURS[0], alpha=0.15, linewidth=0)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
            axes.grid(alpha=0.25)
            if len(names) > 1:
                axes.legend(fontsize=8, frameon=False)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=_DPI)
        return file.getvalue()

    def _show(self, picture: bytes) -> None:
        from IPython.display import display

        content = {
            "image/png": base64.b64encode(picture).decode(),
            "text/plain": f"curves of {len(self.history['epoch'])} epochs",
        }
        if self._picture is None:
            self._picture = display(content, raw=True, display_id=True)
        else:
            self._picture.update(content, raw=True)


def _in_notebook() -> bool:
    """Whether pictures can be shown where this runs."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None
