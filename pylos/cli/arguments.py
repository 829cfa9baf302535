"""The arguments of the `pylos` command. Nothing heavy is imported to parse them."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

import pylos
from pylos.cli import subcommands
from pylos.cli.option_errors import did_you_mean
from pylos.errors import ConfigurationError
from pylos.system.options import COUNT, COUNT_OR_ZERO, MOST_COUNT, SEED, Range, natural, shown

LIGHTNING_COMMANDS = {
    "fit": "train an agent, or go on training it",
    "validate": "measure a checkpoint against the exact solution of the game",
    "test": "measure the loss of a checkpoint on fresh games with itself",
    "predict": "print what a checkpoint thinks of positions",
}
"""Subcommands that `pylos.cli.lightning_cli` runs, with their help."""


class _Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations and raises its errors, so that they become one line on stderr."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Refuses unknown options at once, so that the message names the help of their own command."""
        options, unknown = super().parse_known_args(*args, **kwargs)
        if unknown:
            nearest = did_you_mean(unknown[0].partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{nearest}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message} (see {self.prog} --help)")


def command_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; `run` of its result is the subcommand's function."""
    parser = _Parser(prog="pylos", description=pylos.__doc__.splitlines()[0] if pylos.__doc__ else None)
    parser.add_argument("--version", action="version", version=f"pylos {pylos.__version__}")
    # This takes the place of `required=True`, which would hide the error about an unknown option.
    parser.set_defaults(run=lambda _: parser.error("a COMMAND is missing"))
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for name, text in LIGHTNING_COMMANDS.items():
        subparsers.add_parser(name, help=text, add_help=False)  # for --help: `main` runs them itself

    command = subparsers.add_parser(
        "play",
        help="play, analyse, learn and watch runs in the browser",
        description="Starts a server on this machine and opens the browser at it. Ctrl-C ends it.",
    )
    command.add_argument(
        "--port", type=_port, help="where to listen (default: 7575, or the next that is free)"
    )
    command.add_argument("--no-browser", action="store_true", help="only print the address")
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, this machine alone)",
    )
    command.add_argument("--rules", help="of the first game (default: the checkpoint's, or standard)")
    command.add_argument("--level", metavar="NAME", help="of the first opponent (default: learner)")
    command.add_argument("--ckpt_path", metavar="PATH", help="a checkpoint, or PATH.onnx, to play against")
    command.add_argument(
        "--runs", metavar="FOLDER", help="of the runs to watch and play against (default: lightning_logs)"
    )
    command.set_defaults(run=subcommands.play)

    command = subparsers.add_parser("evaluate", help="rate the checkpoints of a run that are not rated yet")
    command.add_argument("folder", metavar="RUN", help="the run's folder")
    command.add_argument("--games", type=_positive, help="games per match (default: as the run did)")
    command.add_argument(
        "--simulations", type=_natural, help="per decision; 0: the bare policy (default: as the run did)"
    )
    command.set_defaults(run=subcommands.evaluate)

    command = subparsers.add_parser(
        "match",
        help="let two players play against each other",
        description="Players: random, rollouts:N (search with N random playouts per decision), perfect (by "
        "the solution of the rules, see pylos solve), perfect:P (random actions with probability P), PATH.ckpt, "
        "PATH.ckpt:N (search with N simulations per decision; 0: the bare policy), PATH.onnx, PATH.onnx:N (the same "
        "with an exported network, see pylos export), reference, reference:N (the agent that ships), level:NAME (the "
        "same at a measured strength: child, beginner, learner, casual, club, expert, master, champion). Games come in "
        "pairs that begin with the same four random actions, with the colours swapped.",
    )
    command.add_argument("a", metavar="A", help="a player")
    command.add_argument("b", metavar="B", help="its opponent")
    command.add_argument("--games", type=_positive, default=200, help="an even number (default: 200)")
    _add_rules(command)
    _add_seed(command)
    command.add_argument(
        "--simulations",
        type=_natural,
        default=64,
        help="for a PATH.ckpt or reference that does not say (default: 64)",
    )
    command.set_defaults(run=subcommands.match)

    command = subparsers.add_parser(
        "solve",
        help="solve a rule set: the exact value of every position",
        description="Computes who wins from every position and keeps it in PYLOS_HOME (0.6 GB; with distances "
        "3 GB). Interrupt it as you like: started again it goes on where it was.",
    )
    _add_rules(command)
    command.add_argument(
        "--distance", action="store_true", help="also in how many turns, which perfect play needs"
    )
    command.set_defaults(run=subcommands.solve)

    command = subparsers.add_parser(
        "suite", help="make a suite of labelled positions from a solution, as those that ship were made"
    )
    _add_rules(command)
    command.add_argument("--per_stratum", type=_positive, default=2000, help="positions (default: 2000)")
    _add_seed(command)
    command.add_argument("--out", help="the file to write (default: RULES.npz)")
    command.set_defaults(run=subcommands.suite)

    command = subparsers.add_parser(
        "analyse",
        help="print what the legal actions of a position are worth",
        description="Exact values need a solution of the rule set (pylos solve); the prior is that of a checkpoint, "
        "visits, mean values and improved policy are those of its search.",
    )
    command.add_argument(
        "position", metavar="POSITION", nargs="*", help="a position (default: the empty board)"
    )
    command.add_argument("--game", metavar="FILE", help="analyse a saved game (docs/games.md); -: from stdin")
    command.add_argument(
        "--after", metavar="N", type=_natural, help="its position after N turns of either side (default: all)"
    )
    command.add_argument("--rules", help="name of the rule set (default: that of the game, else standard)")
    command.add_argument(
        "--ckpt_path",
        metavar="PATH",
        help="also ask this checkpoint, or PATH.onnx; reference: the one that ships",
    )
    command.add_argument("--simulations", type=_natural, help="of its search; 0: none (default: 64)")
    command.set_defaults(run=subcommands.analyse)

    command = subparsers.add_parser(
        "engine",
        help="judge positions for other programs: JSON lines on stdin and stdout",
        description="Reads requests, one JSON object per line, and answers them as the searches proceed, many "
        "positions at a time. docs/engine.md describes both. It ends when the input does and all is answered.",
    )
    _add_rules(command)
    command.add_argument(
        "--ckpt_path",
        metavar="PATH",
        default="reference",
        help="the checkpoint, or PATH.onnx, that judges; reference: the one that ships; rollouts: random playouts "
        "instead "
        "(default: reference)",
    )
    command.add_argument(
        "--simulations", type=_natural, default=64, help="of a request that does not say (default: 64)"
    )
    command.add_argument(
        "--most_open",
        type=_positive,
        default=10_000,
        help="positions that may be open at the same time (default: 10000)",
    )
    command.set_defaults(run=subcommands.engine)

    command = subparsers.add_parser(
        "export",
        help="write a network for other programs: ONNX, safetensors, torch.export",
        description="Writes the network of a checkpoint with what others must know about it, reads the file back and "
        "compares it with torch on random positions (docs/export.md). PATH.onnx is a player, too.",
    )
    command.add_argument("source", metavar="CKPT", help="a checkpoint; reference: the one that ships")
    command.add_argument("out", metavar="OUT", help="the file to write: .onnx, .safetensors or .pt2")
    command.add_argument(
        "--format", metavar="NAME", help="onnx, safetensors or torch_export (default: as OUT ends)"
    )
    command.add_argument(
        "--rules", help="that it must be for (default: the checkpoint's; of reference: standard)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    command.set_defaults(run=subcommands.export)

    command = subparsers.add_parser("perft", help="count the sequences of turns from a position")
    _add_rules(command)
    command.add_argument("--position", metavar="TEXT", help="where to start (default: the empty board)")
    command.add_argument("--depth", type=_positive, required=True, help="number of turns")
    command.set_defaults(run=subcommands.perft)
    return parser


def _add_rules(command: argparse.ArgumentParser) -> None:
    command.add_argument("--rules", default="standard", help="name of the rule set (default: standard)")


def _add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=_seed, default=0, help="of all random choices (default: 0)")


def _number(text: str, allowed: Range) -> int:
    number = natural(text, int(allowed.most))
    if number is None or number not in allowed:
        # The greatest count is for the kernels' sake: it concerns nobody who is not beyond it.
        counts = allowed.most == MOST_COUNT and not (number is None and text.isdecimal())
        wanted = f"a whole number of at least {allowed.least}" if counts else allowed
        raise argparse.ArgumentTypeError(f"expected {wanted}, but got {shown(text)}")
    return number


def _natural(text: str) -> int:
    return _number(text, COUNT_OR_ZERO)


def _positive(text: str) -> int:
    return _number(text, COUNT)


def _port(text: str) -> int:
    return _number(text, Range(int, 0, 65535))


def _seed(text: str) -> int:
    return _number(text, Range(int, 0, SEED.most))
