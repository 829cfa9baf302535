"""What can go wrong, by name. Every one is a sentence for the user, never a traceback on the command line."""


class PylosError(Exception):
    """The base of all errors that this package raises on purpose."""


class RulesError(PylosError, ValueError):
    """A rule set that does not exist."""


class PositionError(PylosError, ValueError):
    """A position text that cannot be read, or a position that cannot occur."""


class IllegalActionError(PylosError, ValueError):
    """An action that does not exist or is not legal in the position."""


class PlayerError(PylosError, ValueError):
    """A player specification that names no player."""


class CheckpointError(PylosError):
    """A checkpoint or run directory that is missing, damaged or not ours."""


class ConfigurationError(PylosError, ValueError):
    """Options that contradict each other or cannot work."""


class NonFiniteLossError(PylosError):
    """The loss is no longer a finite number."""


class NonFiniteNetworkError(PylosError):
    """A network whose weights or answers are infinite or not a number."""


class TableError(PylosError):
    """A solution of the game that is missing, damaged or not ours."""
