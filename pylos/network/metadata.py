"""What the file of an exported network says about it, as texts by name: docs/export.md has the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple

from pylos.errors import CheckpointError
from pylos.game.observation import LAYOUT
from pylos.game.rules import RULES
from pylos.system.files import StrPath
from pylos.system.options import natural, shown

FORMAT = 1
"""It grows with every change that an older program would misread."""
_FORMAT, _LAYOUT = "pylos_format", "pylos_layout"
_RULES, _DIGEST, _ACTIVATION = "pylos_rules", "pylos_weights_digest", "pylos_activation"


class Metadata(NamedTuple):
    """Facts about an exported network."""

    rules: str
    """The name of the rule set for which it was trained."""
    weights_digest: str = ""
    """See `pylos.network.weights.weights_digest`; empty where another program made the file."""
    width: int | None = None
    """See `PylosNetwork`; None for a network of another class."""
    blocks: int | None = None
    """See `PylosNetwork`; None for a network of another class."""
    activation: str | None = None
    """See `PylosNetwork`; None for a network of another class."""

    def to_texts(self) -> dict[str, str]:
        """All of it as a file keeps it."""
        sizes = {"pylos_width": self.width, "pylos_blocks": self.blocks, _ACTIVATION: self.activation}
        return {
            _FORMAT: str(FORMAT),
            _LAYOUT: str(LAYOUT),
            _RULES: self.rules,
            **{name: str(size) for name, size in sizes.items() if size is not None},
            _DIGEST: self.weights_digest,
            "pylos_version": version("pylos"),
        }


def read_metadata(texts: Mapping[str, str], path: StrPath) -> Metadata:
    """Reads what a file says.

    Args:
        texts: by name, as `Metadata.to_texts` makes them.
        path: the name of the file.

    Raises:
        CheckpointError: something is missing, or this version of the package does not know it.
    """
    if _RULES not in texts or _LAYOUT not in texts:
        raise CheckpointError(
            f"{path} is no network for Pylos: its metadata lack {_RULES} or {_LAYOUT} (docs/export.md)"
        )
    for name, known in ((_FORMAT, FORMAT), (_LAYOUT, LAYOUT)):
        if texts.get(name, str(FORMAT)) != str(known):
            raise CheckpointError(f"{path} has {name} {shown(texts[name])}, this program reads {known}")
    if texts[_RULES] not in RULES:
        raise CheckpointError(f"{path} is for unknown rules, {shown(texts[_RULES])}")
    digest = texts.get(_DIGEST, "")
    if not re.fullmatch("[0-9a-f]{8}|", digest):
        raise CheckpointError(f"{path} makes no sense: its {_DIGEST} is {shown(digest)}")
    width, blocks = (natural(texts.get(name, "")) for name in ("pylos_width", "pylos_blocks"))
    return Metadata(texts[_RULES], digest, width, blocks, texts.get(_ACTIVATION))
