"""The subcommands of Lightning: `pylos fit | validate | test | predict`."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from pylos import __version__
from pylos.cli.lightning_messages import quieten_lightning
from pylos.cli.lightning_options import BASES, explain, hyperparameters, settle_run_names, without_option
from pylos.cli.lightning_parser import ConfigOrPreset, Parser
from pylos.cli.option_errors import errors_in_one_line
from pylos.cli.preflight import (
    check_opponents,
    check_start,
    find_start,
    is_numbered,
    names_its_run,
    owning_run,
    refuse_config_of_another_run,
    refuse_spawning,
)
from pylos.cli.ranks import agreed, launcher_of, watch_ranks
from pylos.cli.record_config import RecordConfig
from pylos.cli.user_modules import open_working_directory
from pylos.errors import CheckpointError, ConfigurationError, PylosError
from pylos.players.naming import REFERENCE, reference_file
from pylos.runs.folder import is_trial, set_checkpoint_folders
from pylos.runs.lightning_internals import (
    checkpoint_in_restoration,
    count_as_first_rank,
    subcommand_parsers,
)
from pylos.runs.renamed import argument_with_new_class_paths
from pylos.runs.slurm import was_requeued
from pylos.runs.starting_point import run_has_begun
from pylos.system.signals import Terminated
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule

SHOWN_ACTIONS = 5
"""How many actions `predict` names for a position."""


def run(arguments: Sequence[str]) -> int:
    """Runs a subcommand of Lightning.

    Args:
        arguments: the subcommand and its arguments.

    Returns:
        the exit code.

    Raises:
        PylosError: the input is bad.
        KeyboardInterrupt: the user interrupted it.
    """
    quieten_lightning()
    open_working_directory()
    try:
        PylosCLI(arguments)
    except MisconfigurationException as error:
        raise ConfigurationError(str(error)) from error
    except SystemExit as end:  # --help and --print_config
        return int(end.code or 0)
    return 0


class PylosCLI(LightningCLI):
    """LightningCLI for PylosModule and SelfPlayDataModule. It refuses bad input before any data is lost.

    `--model` and `--data` may name subclasses of the two, which keep their options.

    Args:
        arguments: the subcommand and its arguments.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = [argument_with_new_class_paths(argument) for argument in arguments]
        self._until_end = ExitStack()
        self._is_numbered = False
        # A parser for one class lists its options, a parser for subclasses does not.
        listing = bool({"-h", "--help"} & set(arguments))
        super().__init__(
            PylosModule,
            SelfPlayDataModule,
            save_config_callback=RecordConfig,
            trainer_defaults={"enable_model_summary": False},
            seed_everything_default=0,
            parser_class=Parser,
            subclass_mode_model=not listing,
            subclass_mode_data=not listing,
            args=[*self._arguments[:1], "--help"] if listing else self._arguments,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """As in Lightning; `--config` also takes the name of a preset."""
        parser = self.parser_class(dump_header=[f"pylos=={__version__}"], **kwargs)
        help_text = "A configuration file (YAML), or the name of a preset."
        parser.add_argument("-c", "--config", action=ConfigOrPreset, help=help_text)
        return parser

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:
        """Sets our defaults: our classes, report and checkpoint files, and a logger for `fit` only."""
        super().setup_parser(*args, **kwargs)
        for name, parser in subcommand_parsers(self).items():
            explain(parser, name)
            if self.subclass_mode_model:
                parser.set_defaults(
                    {key: {"class_path": f"pylos.{base.__name__}"} for key, base in BASES.items()}
                )
            # The callbacks build upon the package. So only the command, which brings both together, names one.
            parser.set_defaults({"trainer.callbacks": [{"class_path": "callbacks.Report"}]})
            parser.set_defaults({"trainer.plugins": [{"class_path": "pylos.AtomicCheckpointIO"}]})
            if name != "fit":
                parser.set_defaults({"trainer.logger": False})

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parses; where a checkpoint file is named, its hyperparameters are the defaults."""
        with errors_in_one_line():
            self.config = parser.parse_args(args)
        command = self.config.subcommand
        options = self.config[command]
        path = options.get("ckpt_path")
        if path == REFERENCE and command != "fit":
            path = str(reference_file(options.model.init_args.get("rules", "standard")))
        found = path is not None and Path(path).is_file()
        if command == "fit" and not options.config and not found:
            raise ConfigurationError(
                "fit needs a configuration: -c quick, laptop, gpu or a YAML file of your own"
            )
        if found:
            subcommand_parsers(self)[command].set_defaults(
                {key: hyperparameters(path, key, options[key]) for key in BASES}
            )
            try:
                with errors_in_one_line():
                    self.config = parser.parse_args(args)
            except ConfigurationError as error:  # the first parse, without the checkpoint, raised none
                raise CheckpointError(f"{path} does not fit this configuration: {error}") from None
            self.config[command].ckpt_path = path
        settle_run_names(self.config[command].trainer.logger)

    def _parse_ckpt_path(self) -> None:
        """Does nothing: Lightning's own lets the checkpoint's hyperparameters win over the user's flags."""

    def _set_seed(self) -> None:
        try:
            super()._set_seed()
        except ValueError as error:
            raise ConfigurationError(f"seed_everything: {error}") from None

    def instantiate_classes(self) -> None:
        """Creates everything; the errors of the classes become errors of the user."""
        with errors_in_one_line():
            super().instantiate_classes()

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Creates the trainer, without our progress bar where the user wants another one or none."""
        options = self.config_init[self.subcommand].trainer
        callbacks = options.callbacks if isinstance(options.callbacks, list) else [options.callbacks or []]
        bars = [callback for callback in callbacks if isinstance(callback, ProgressBar)]
        if len(bars) > 1 or options.enable_progress_bar is False:
            kwargs["callbacks"] = [getattr(c, "without_bar", lambda c=c: c)() for c in callbacks]
        trainer = super().instantiate_trainer(**kwargs)
        if trainer.world_size == 1:
            # The environment may name another rank; then nothing would be logged.
            count_as_first_rank()
        return trainer

    def after_instantiate_classes(self) -> None:
        """Decides where the run lies and from which checkpoint to start."""
        trainer, command = self.trainer, str(self.subcommand)
        refuse_spawning(trainer)
        watch_ranks(trainer)
        self._is_numbered = is_numbered(trainer, self.config[command].trainer.logger)
        set_checkpoint_folders(trainer)
        self.config_init[command].ckpt_path = agreed(trainer, self._options, self._decide)
        if command != "fit":
            # They keep the history of the training. A row of something else would be taken for an epoch of it.
            trainer.loggers = []

    def _options(self) -> str:
        """The options of this process, as lines."""
        options = self.config.clone()
        options[str(self.subcommand)].config = options[str(self.subcommand)].ckpt_path = None
        text: str = self.parser.dump(options)
        return text

    def _decide(self) -> str | None:
        """Decides from which checkpoint to start, and locks the run's folder."""
        trainer, command = self.trainer, str(self.subcommand)
        wanted = self.config_init[command].ckpt_path
        trains = command == "fit" and not is_trial(trainer)
        if command == "fit" and was_requeued() and run_has_begun(trainer):
            wanted = "last"  # the arguments say from where the job began, not from where it goes on
        if trains and wanted in ("last", "auto") and self._is_numbered:
            raise ConfigurationError(
                f"--ckpt_path {wanted} needs a run with a name: a logger with a version, as the presets have it"
            )
        if trains and wanted in ("last", "auto") and not names_its_run(self._arguments):
            refuse_config_of_another_run(trainer, self.config[command].config or [])
        start = find_start(trainer, command, wanted)
        if command == "fit":
            check_opponents(trainer, self.model.rules)
        if start is not None:
            check_start(trainer, command, self.model, self.datamodule, start)
        if trains:
            self._until_end.enter_context(owning_run(trainer, wanted, start, self._resume_command()))
        return start

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """As in Lightning, but `validate` has no option `verbose`: it prints no table of Lightning."""
        commands = LightningCLI.subcommands()
        return {**commands, "validate": commands["validate"] | {"verbose"}}

    def validate(self, **kwargs: Any) -> None:
        """Prints how the checkpoint compares with the exact solution of the game."""
        self.trainer.validate(verbose=False, **kwargs)
        if self.trainer.is_global_zero and self.model.truth is not None:
            print(self.model.truth)

    def predict(self, **kwargs: Any) -> None:
        """Prints one line per position: the value for the player to move, and the likeliest actions."""
        for batch in self.trainer.predict(**kwargs) or []:
            for judgement in batch:
                print(prediction_line(**judgement))

    def _run_subcommand(self, subcommand: str) -> None:
        """Runs it. Lightning makes exit code 1 of an interrupt; this raises the interrupt again."""
        try:
            with self._until_end:
                super()._run_subcommand(subcommand)
        except (PylosError, MisconfigurationException):
            raise
        except Exception as error:
            if not checkpoint_in_restoration(self.trainer):
                raise
            # Lightning holds a checkpoint while it restores states: a callback could not read its own.
            path = self.config_init[subcommand].ckpt_path
            raise CheckpointError(f"{path} cannot be taken up: {type(error).__name__}: {error}") from error
        except SystemExit as end:
            if self.trainer.received_sigterm:
                raise Terminated from None
            if not isinstance(end.__context__, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from None

    def _resume_command(self) -> str:
        """The command that resumes this run; empty where there is none."""
        if self._is_numbered:
            return ""
        if launcher := launcher_of(self.trainer):
            return f"the same {launcher} command, and --ckpt_path last"
        return shlex.join(["pylos", *without_option(self._arguments, "--ckpt_path"), "--ckpt_path", "last"])


def prediction_line(position: str, value: float, policy: Mapping[str, float]) -> str:
    """The line for one judged position and its likeliest actions.

    Args:
        position: its text.
        value: for the player to move, from -1 to 1.
        policy: the probabilities of actions by name, the likeliest first.
    """
    actions = ", ".join(
        f"{name} {share:.2f}" for name, share in itertools.islice(policy.items(), SHOWN_ACTIONS)
    )
    return f"{position} | value {value:+.3f} | {actions or 'the game is over'}"
