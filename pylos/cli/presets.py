"""Configurations: read from files and presets, complained about in one line, and kept beside their run."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]  # it does not say what it exports

import pylos
from pylos.cli.option_errors import shorten
from pylos.errors import ConfigurationError
from pylos.system.files import open_regular


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
