"""The errors that this package raises on purpose. The command line shows each as one sentence, without a traceback."""

from __future__ import annotations


class PylosError(Exception):
    """The base of all of them."""


class RulesError(PylosError, ValueError):
    """A rule set that does not exist."""


class PositionError(PylosError, ValueError):
    """A position text that cannot be read, or a position that cannot occur."""


class RecordError(PylosError, ValueError):
    """A text that is no game, or a game that cannot be written."""


class IllegalActionError(PylosError, ValueError):
    """An action that does not exist or is not legal in the position."""


class PlayerError(PylosError, ValueError):
    """A player specification that names no player."""


class CheckpointError(PylosError):
    """A checkpoint or the folder of a run that is missing, damaged or of another program."""


class ConfigurationError(PylosError, ValueError):
    """Options that contradict each other or cannot work."""


class NonFiniteLossError(PylosError):
    """The loss is no longer a finite number."""


class NonFiniteNetworkError(PylosError):
    """A network with weights or outputs that are infinite or not a number."""

    @classmethod
    def outputs(cls, name: str) -> NonFiniteNetworkError:
        """The error of a network, here called `name`, with outputs that are infinite or not a number."""
        return cls(
            f"{name} gives values or policies that are not finite numbers: it is damaged or diverged in training"
        )

    @classmethod
    def nothing_to_play(cls) -> NonFiniteNetworkError:
        """The error of a search that gave weight to no action."""
        return cls("a search found nothing to play: what judged its leaves gave numbers that are not finite")


class ExportError(PylosError):
    """A network that cannot be written in the format of another program."""


class TableError(PylosError):
    """A solution of the game that is missing, damaged or of another program."""


class ConformanceError(PylosError):
    """An adapter that does not play by the rules of Pylos."""


class BusyError(PylosError):
    """Too much is asked at the same time. The same request may succeed later."""
