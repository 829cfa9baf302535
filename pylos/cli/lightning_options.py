"""The options of Lightning's subcommands: their help, their defaults from a checkpoint, and the names of runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.utilities import rank_zero_warn

from pylos.errors import ConfigurationError
from pylos.network.checkpoints import check_rules, load_checkpoint
from pylos.network.weights import check_finite, check_fit
from pylos.runs.renamed import with_new_class_paths
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule

BASES: dict[str, type] = {"model": PylosModule, "data": SelfPlayDataModule}
"""The classes of `--model` and `--data`, where the user names no subclass."""


def explain(parser: LightningArgumentParser, command: str) -> None:
    """Replaces Lightning's help of some options by what they mean here."""
    resumes = (
        ": last, the run's last checkpoint; auto, the same, or from nothing where there is no run; or FILE"
    )
    measures = ": FILE; reference, the agent that ships; or last, the run's last one, with the configuration of the run"
    texts = {
        "ckpt_path": f"The checkpoint to {f'go on from{resumes}' if command == 'fit' else f'take{measures}'}.",
        "model": "A class of your own (a subclass of PylosModule, as my.Module), or a file with options.",
        "data": "A class of your own (a subclass of SelfPlayDataModule, as my.Data), or a file with options.",
    }
    for action in parser._actions:
        action.help = texts.get(action.dest, action.help)


def hyperparameters(path: str, key: str, chosen: Any) -> dict[str, Any]:
    """The hyperparameters of a checkpoint, as the parser's default for the class that the user chose.

    A checkpoint must not choose the class: that would let it run code. If it has options that only another class
    knows, a warning names the class that made it.

    Args:
        path: the checkpoint.
        key: "model" or "data".
        chosen: what the parser has made of the user's arguments for that key.
    """
    section = {"model": "hyper_parameters", "data": "datamodule_hyper_parameters"}[key]
    theirs = dict(load_checkpoint(path, mmap=True).get(section, {}))
    theirs.pop("_instantiator", None)
    made_by = with_new_class_paths(str(theirs.pop("_class_path", "")))
    known = {name: value for name, value in theirs.items() if name in chosen.init_args}
    # An option of the base class that the chosen class lacks is no loss: the chosen class sets it itself.
    foreign = theirs.keys() - known.keys() - inspect.signature(BASES[key]).parameters.keys()
    if foreign and made_by != chosen.class_path:
        rank_zero_warn(
            f"{chosen.class_path} has no {', '.join(sorted(foreign))}, with which {path} was made; "
            f"name the class that made it: --{key} {made_by or 'CLASS'}"
        )
    return {"class_path": chosen.class_path, "init_args": known}


def settle_run_names(loggers: Any) -> None:
    """Turns the versions of loggers, which are the names of runs, into numbers where they are written as numbers.

    The parser takes a number for a text. Lightning distinguishes them: the number 3 is the run "version_3".

    Raises:
        ConfigurationError: the recorded configuration would have a number in the place of this name.
    """
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        arguments = getattr(logger, "init_args", {})
        name = arguments.get("version")
        if isinstance(name, str) and re.fullmatch("[0-9_]+[eE][0-9]+", name):
            raise ConfigurationError(f"no run can be called {name}: YAML takes that for a number")
        if isinstance(name, str) and re.fullmatch("0|[1-9][0-9]{0,8}", name):
            arguments["version"] = int(name)


def numbers_its_runs(logger: Any, index: int = 0) -> bool:
    """Whether a logger makes a new folder at every start.

    Args:
        logger: `trainer.logger` of the configuration.
        index: the logger's place, where that is a list.
    """
    if isinstance(logger, list):
        return numbers_its_runs(logger[index])
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


def check_fits(model: PylosModule, checkpoint: Mapping[str, Any], path: str) -> None:
    """Raises CheckpointError if a checkpoint has other rules than the model, another activation, or other shapes."""
    check_fit(checkpoint["state_dict"], model.state_dict(), path)
    check_rules(checkpoint, model.rules, path)
    model.take_activation(checkpoint, path)
    check_finite(checkpoint["state_dict"], path)
