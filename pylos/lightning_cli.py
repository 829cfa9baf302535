"""The subcommands of Lightning: ``pylos fit | validate | test | predict``."""

from __future__ import annotations

import importlib.resources
import itertools
import logging
import shlex
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import lightning.pytorch as pl
from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from pylos import __version__
from pylos.checkpoints import atomic_write, load_checkpoint
from pylos.datamodule import SelfPlayDataModule
from pylos.errors import CheckpointError, ConfigurationError
from pylos.module import PylosModule
from pylos.runs import choose_start, last_checkpoint, mark_first_epoch, run_folder, unmark_first_epoch

HARMLESS_WARNINGS = (
    "The '.*dataloader' does not have many workers",  # there is nothing to load: the data is in memory
    "You defined a `validation_step` but have no `val_dataloader`",
    "The number of training batches .* is smaller than the logging interval",
    "Checkpoint directory .* exists and is not empty",  # on every resume
    "Your `IterableDataset` has `__len__` defined",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
)
"""What Lightning warns of although it is meant so."""


SHOWN_ACTIONS = 5
"""How many actions ``predict`` names for a position."""
_ADVERTISING_LOGGERS = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")


def run(arguments: Sequence[str]) -> int:
    """Runs a subcommand of Lightning.

    Returns:
        The exit code.

    Raises:
        PylosError: The input is bad.
        KeyboardInterrupt: The user interrupted it; its text says how to go on.
    """
    silence_lightning()
    try:
        PylosCLI(arguments)
    except MisconfigurationException as error:
        raise ConfigurationError(str(error)) from error
    except SystemExit as end:  # --help and --print_config
        return int(end.code or 0)
    return 0


def silence_lightning() -> None:
    """Leaves on the terminal what a user can act on, each warning in one line."""
    for name in _ADVERTISING_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", message)
    warnings.formatwarning = lambda message, *_, **__: f"pylos: warning: {' '.join(str(message).split())}\n"


class Parser(LightningArgumentParser):
    """A parser whose complaints become the one line that all bad input gets."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises ConfigurationError."""
        if not self.exit_on_error:  # jsonargparse is trying out one type after the other
            super().error(message, ex)
        raise ConfigurationError(message) from ex


class ConfigOrPreset(ActionConfigFile):
    """``--config``: a file, or the bare name of a preset that comes with the package."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Reads the file into ``cfg``."""
        super().__call__(parser, cfg, config_file(values), option_string)  # type: ignore[no-untyped-call]


def config_file(name: str) -> str:
    """The path of a configuration: a file, or else the packaged preset of that name.

    Raises:
        ConfigurationError: There is neither.
    """
    if Path(name).is_file():
        return name
    folder = Path(str(importlib.resources.files("pylos.configs")))
    presets = {path.stem: str(path) for path in sorted(folder.glob("*.yaml"))}
    if name not in presets:
        raise ConfigurationError(
            f"no configuration file {name}, nor a preset of that name; presets: {', '.join(presets)}"
        )
    return presets[name]


class RecordConfig(SaveConfigCallback):
    """Keeps every configuration that a run was started with: config.yaml, config-2.yaml, ...

    A start with the configuration of the newest file adds none; the checkpoint to resume from is no part of a
    configuration. Also clears the mark of the first epoch (see :mod:`pylos.runs`).
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Writes the file, before anything is trained."""
        if stage == "fit" and trainer.is_global_zero:
            config = self.config.clone()
            config["ckpt_path"] = None
            record_config(run_folder(trainer), self.parser.dump(config, skip_none=False))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The epoch before may have written the first checkpoint."""
        if trainer.is_global_zero:
            unmark_first_epoch(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The same for the last epoch."""
        if trainer.is_global_zero:
            unmark_first_epoch(trainer)


def record_config(folder: Path, text: str) -> None:
    """Adds a configuration to the numbered files of a run's folder, unless it is that of the newest."""
    number = 1
    newest = None
    while (path := folder / ("config.yaml" if number == 1 else f"config-{number}.yaml")).exists():
        newest = path
        number += 1
    if newest is None or newest.read_text(encoding="utf-8") != text:
        atomic_write(path, text)


class PylosCLI(LightningCLI):
    """LightningCLI with PylosModule and SelfPlayDataModule that refuses bad input instead of losing data.

    Args:
        arguments: The subcommand and its arguments.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        super().__init__(
            PylosModule,
            SelfPlayDataModule,
            save_config_callback=RecordConfig,
            trainer_defaults={"enable_model_summary": False},
            seed_everything_default=0,
            parser_class=Parser,
            args=self._arguments,
            auto_configure_optimizers=False,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """As Lightning's own, with presets."""
        parser = self.parser_class(dump_header=[f"pylos=={__version__}"], **kwargs)
        help_text = "A configuration file (YAML), or the name of a preset."
        parser.add_argument("-c", "--config", action=ConfigOrPreset, help=help_text)
        return parser

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:
        """Only ``fit`` logs, unless a configuration says otherwise."""
        super().setup_parser(*args, **kwargs)
        for name, parser in self._subcommand_parsers.items():
            if name != "fit":
                parser.set_defaults({"trainer.logger": False})

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parses; the hyperparameters of a checkpoint named by its file count as defaults."""
        self.config = parser.parse_args(args)
        command = self.config.subcommand
        path = self.config[command].get("ckpt_path")
        if path and Path(path).is_file():
            self._subcommand_parsers[command].set_defaults(hyperparameters(path))
            self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        """Not as Lightning does it, where the checkpoint's hyperparameters beat the user's flags."""

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Creates the trainer, whose complaints about its arguments are errors of the user."""
        try:
            return super().instantiate_trainer(**kwargs)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error

    def after_instantiate_classes(self) -> None:
        """Decides from which checkpoint to start."""
        arguments = self.config_init[self.subcommand]
        wanted = arguments.ckpt_path
        if self.subcommand == "fit":
            if not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
                arguments.ckpt_path = self._choose_start(wanted)
        elif wanted is not None:
            path = last_checkpoint(self.trainer) if wanted == "last" else Path(wanted)
            arguments.ckpt_path = str(path)
        if arguments.ckpt_path is not None:
            check_fits(self.model, arguments.ckpt_path)

    def _choose_start(self, wanted: str | None) -> str | None:
        if wanted == "last" and numbers_its_runs(self.config[self.subcommand].trainer.logger):
            raise ConfigurationError(
                "--ckpt_path last needs a run with a name: give one with --trainer.logger.init_args.version"
            )
        start = choose_start(self.trainer, wanted)
        if start is None and self.trainer.is_global_zero:
            mark_first_epoch(self.trainer)
        return start

    def predict(self, **kwargs: Any) -> None:
        """Prints one line per position: the value for the player to move, and the likeliest actions."""
        for batch in self.trainer.predict(**kwargs) or []:
            for judgement in batch:
                print(prediction_line(**judgement))

    def _run_subcommand(self, subcommand: str) -> None:
        """Runs it; Ctrl-C, which Lightning turns into exit code 1, becomes an interrupt again."""
        try:
            super()._run_subcommand(subcommand)
        except SystemExit:
            if not self.trainer.interrupted:
                raise
            raise KeyboardInterrupt(*self._way_on()) from None

    def _way_on(self) -> list[str]:
        """What to tell the user who interrupted the subcommand."""
        if self.subcommand != "fit" or numbers_its_runs(self.config["fit"].trainer.logger):
            return []
        command = ["pylos", *without_option(self._arguments, "--ckpt_path"), "--ckpt_path", "last"]
        return [f"go on with: {shlex.join(command)}"]


def hyperparameters(path: str) -> dict[str, Any]:
    """What a checkpoint says about the arguments of module and data module, by the keys of the parser."""
    checkpoint = load_checkpoint(path, mmap=True)
    sections = {"model": "hyper_parameters", "data": "datamodule_hyper_parameters"}
    return {
        f"{section}.{name}": value
        for section, key in sections.items()
        for name, value in checkpoint.get(key, {}).items()
        if name != "_instantiator"
    }


def check_fits(model: pl.LightningModule, path: str) -> None:
    """Raises CheckpointError if the weights in a checkpoint are not of the model's names and shapes."""
    theirs = {
        name: tuple(value.shape) for name, value in load_checkpoint(path, mmap=True)["state_dict"].items()
    }
    ours = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise CheckpointError(
                f"{path} does not fit the network of this configuration: {name} is "
                f"{theirs.get(name, 'absent')} there and {ours.get(name, 'absent')} here"
            )


def numbers_its_runs(logger: Any) -> bool:
    """Whether a ``trainer.logger`` of the configuration makes a new folder at every start."""
    if isinstance(logger, list):
        return bool(logger) and numbers_its_runs(logger[0])
    if isinstance(logger, bool) or logger is None:
        return logger is not False
    return "version" in logger.init_args and logger.init_args.version is None


def without_option(arguments: Sequence[str], option: str) -> list[str]:
    """The arguments without an option that takes a value."""
    kept = []
    skip = False
    for argument in arguments:
        if not skip and argument != option and not argument.startswith(f"{option}="):
            kept.append(argument)
        skip = argument == option
    return kept


def prediction_line(position: str, value: float, policy: Mapping[str, float]) -> str:
    """One judged position, with its likeliest actions (the policy comes likeliest first)."""
    actions = ", ".join(
        f"{name} {share:.2f}" for name, share in itertools.islice(policy.items(), SHOWN_ACTIONS)
    )
    return f"{position} | value {value:+.3f} | {actions or 'the game is over'}"
