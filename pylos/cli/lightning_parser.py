"""The parser of Lightning's subcommands, and where it reads configurations from: files and presets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]  # it does not say what it exports
from lightning.pytorch.cli import LightningArgumentParser

import pylos
from pylos.cli.option_errors import did_you_mean, shorten
from pylos.cli.user_modules import CALLBACKS, name_clash
from pylos.errors import ConfigurationError
from pylos.runs.renamed import with_new_class_paths
from pylos.system.files import open_regular


class Parser(LightningArgumentParser):
    """A parser that takes no abbreviations and raises its errors, so that they become one line on stderr."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allow_abbrev = False

    def parse_string(self, content: str, *args: Any, **kwargs: Any) -> Any:
        """Parses the content of a configuration; it may be that of a run of an earlier version."""
        return super().parse_string(with_new_class_paths(content), *args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises ConfigurationError."""
        if not self.exit_on_error:  # jsonargparse is trying out one type after the other
            super().error(message, ex)
        hint = name_clash() if f"module '{CALLBACKS}'" in message else ""
        if unknown := re.match(r"unrecognized arguments: (-[^\s=]+)", message):
            hint = did_you_mean(unknown[1], self._option_string_actions)
        raise ConfigurationError(shorten(message) + hint) from ex


class ConfigOrPreset(ActionConfigFile):
    """`--config`: a file, or the bare name of a preset that comes with the package."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Reads the file into `cfg`."""
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
    """The path of a configuration: a file, or else the preset of that name.

    Raises:
        ConfigurationError: there is neither.
    """
    if Path(name).is_file():
        return name
    # They belong to the code that runs, whatever else is installed: a wheel has them in the package, a checkout
    # beside it.
    package = Path(pylos.__file__).parent
    folder = next(
        (place for place in (package / "configs", package.parent / "configs") if place.is_dir()), package
    )
    presets = {path.stem: str(path) for path in sorted(folder.glob("*.yaml"))}
    if name not in presets:
        raise ConfigurationError(
            f"no configuration file {name}, nor a preset of that name; presets: {', '.join(presets)}"
        )
    return presets[name]
