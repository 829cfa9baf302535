"""The `pylos` command."""

from pylos.cli.main import console as console
from pylos.cli.main import main as main
