"""Configurations: read from files and presets, complained about in one line, and kept beside their run."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import lightning.pytorch as pl
import yaml
from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]  # it does not say what it exports
from lightning.pytorch.cli import LightningArgumentParser, SaveConfigCallback

import pylos
from pylos.errors import ConfigurationError, PylosError
from pylos.files import open_regular
from pylos.first_epoch import end_first_epoch
from pylos.kept_configs import record_config
from pylos.own_modules import CALLBACKS, clash
from pylos.runs import checkpoint_folder, run_folder

MOST_CHARACTERS = 500
"""Of a complaint about an option, which may quote a value of any length."""


class Parser(LightningArgumentParser):
    """A parser that takes no abbreviations, and whose complaints become the one line that all bad input gets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allow_abbrev = False

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises ConfigurationError."""
        if not self.exit_on_error:  # jsonargparse is trying out one type after the other
            super().error(message, ex)
        hidden = clash() if f"module '{CALLBACKS}'" in message else ""
        raise ConfigurationError(shorten(message) + hidden) from ex


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turns whatever goes wrong with options inside into an error of the user.

    Raises:
        PylosError: The one that was raised, also where jsonargparse has wrapped it; else a ConfigurationError.
    """
    try:
        yield
    except (MemoryError, OSError):  # the machine is to blame, which the command says itself
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, PylosError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise ConfigurationError(shorten(str(error) or type(error).__name__)) from error
        raise cause from None


def shorten(message: str) -> str:
    """What jsonargparse says of a value, without the list of all types that it could have been, and not too long."""
    # A value that could be a file, too, is first complained about as that.
    text = re.sub(r"- Expected a path but [^\n]* either not accessible or invalid\n\s*- ", "", message)
    found = 1
    while found:
        text, found = _UNION.subn(_reasons, text)
    text = " ".join(re.sub("<class '([^']+)'>", r"\1", text).split())
    # Of an option of a class: its whole name.
    pattern = r"Parser key \"([^\"]+)\": Problem with given class_path '([^']+)': "
    while re.match(f"{pattern}Parser key ", text):
        text = re.sub(f'{pattern}Parser key "', r'Parser key "\1.', text, count=1)
    text = re.sub(f"^{pattern}Option '([^']+)' is not accepted", r"\2 has no option \1.\3", text)
    text = re.sub('^Parser key "([^"]+)"', r"\1", text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


_UNION = re.compile(
    r"Does not validate against any of the Union subtypes\n\s*Subtypes: [^\n]*\n\s*Errors:\n\s*- "
    r"((?:(?!Does not validate).)*?)\n\s*Given value type: [^\n]*\n\s*Given value: ([^\n]*)",
    re.DOTALL,
)


def _reasons(union: re.Match[str]) -> str:
    """The reasons why a value is of none of several types."""
    errors = list(dict.fromkeys(re.split(r"\n\s*- ", union[1])))
    # For a class that exists but cannot be made, it does not matter which other types there are.
    problems = [error for error in errors if error.startswith("Problem with")]
    return "; ".join(problems) if problems else f"{'; '.join(errors)}; got {union[2]}"


class ConfigOrPreset(ActionConfigFile):
    """``--config``: a file, or the bare name of a preset that comes with the package."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Reads the file into ``cfg``."""
        path = config_file(values)
        try:
            with open_regular(path) as file:
                options = yaml.safe_load(file)
                file.seek(0)
                written = yaml.load(file, yaml.BaseLoader)
            if not isinstance(options, dict):
                raise ConfigurationError(f"the configuration {path} holds no options")
            for name, value in zip(_run_names(written), _run_names(options), strict=True):
                if not isinstance(value, str) and value is not None and str(value) != name:
                    raise ConfigurationError(
                        f"{path}: YAML takes the run's name {name} for {value}: put it in quotes"
                    )
            super().__call__(parser, cfg, path, option_string)  # type: ignore[no-untyped-call]  # nor has it types
        except ConfigurationError:
            raise
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            reason = shorten(str(error))
            raise ConfigurationError(f"cannot read the configuration {path}: {reason}") from error


def _run_names(options: Mapping[str, Any]) -> list[Any]:
    """What a configuration has for the version of its loggers, which is the name of the run."""
    trainer = options.get("trainer")
    loggers = trainer.get("logger") if isinstance(trainer, Mapping) else None
    arguments = [
        logger.get("init_args")
        for logger in (loggers if isinstance(loggers, list) else [loggers])
        if isinstance(logger, Mapping)
    ]
    return [names.get("version") for names in arguments if isinstance(names, Mapping)]


def config_file(name: str) -> str:
    """The path of a configuration: a file, or else the packaged preset of that name.

    Raises:
        ConfigurationError: There is neither.
    """
    if Path(name).is_file():
        return name
    try:
        folder = Path(str(importlib.resources.files("pylos.configs")))
    except ModuleNotFoundError:  # a working copy that is not installed
        folder = Path(pylos.__file__).parents[1] / "configs"
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
        if stage != "fit":
            return
        folder = run_folder(trainer)  # on every rank: they agree upon it
        if trainer.is_global_zero:
            config = self.config.clone()
            config["ckpt_path"] = None
            record_config(folder, self.parser.dump(config, skip_none=False))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The epoch before may have written the first checkpoint."""
        self._end_first_epoch(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The same for the last epoch."""
        self._end_first_epoch(trainer)

    def _end_first_epoch(self, trainer: pl.Trainer) -> None:
        folder = checkpoint_folder(trainer)  # on every rank: they agree upon it
        if trainer.is_global_zero:
            end_first_epoch(folder)
