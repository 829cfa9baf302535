"""Class paths of earlier versions, which stand in configurations, checkpoints and job scripts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RENAMED = {
    "pylos.logger.RunLogger": "pylos.RunLogger",
    "pylos.checkpoints.AtomicCheckpointIO": "pylos.AtomicCheckpointIO",
    "pylos.checkpoint_io.AtomicCheckpointIO": "pylos.AtomicCheckpointIO",
    "pylos.module.PylosModule": "pylos.PylosModule",
    "pylos.datamodule.SelfPlayDataModule": "pylos.SelfPlayDataModule",
    "callbacks.live_report.Report": "callbacks.Report",
}
"""Old class paths, and what they are called now."""
_RENAMED = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, RENAMED))})(?![\w./-])")
_ARGUMENT = re.compile(r"(--[^=\s]+=)?(.*)", re.DOTALL)
_YAML = re.compile(r"\s*([\[{]|class_path\s*:)")


def with_new_class_paths(text: str) -> str:
    """A configuration, or one class path, without the names of earlier versions."""
    return _RENAMED.sub(lambda found: RENAMED[found[0]], text)


def argument_with_new_class_paths(argument: str) -> str:
    """An argument of the command line, `VALUE` or `--name=VALUE`, whose value is a class path or a configuration.

    Any other stays as it is, such as the name of a file.
    """
    name, value = _ARGUMENT.fullmatch(argument).groups(default="")  # type: ignore[union-attr]  # all match
    return name + with_new_class_paths(value) if value in RENAMED or _YAML.match(value) else argument


def renamed_class(hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """The `_class_path` of a checkpoint's hyperparameters by its new name; nothing where that is not another one."""
    path = hyperparameters.get("_class_path")
    return {"_class_path": RENAMED[path]} if isinstance(path, str) and path in RENAMED else {}
