"""The ``pylos`` command. Heavy imports wait inside the subcommands: ``pylos --help`` answers at once."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import pylos
from pylos.errors import ConfigurationError, PylosError
from pylos.options import COUNT, COUNT_OR_ZERO, SEED, Range, natural, shown
from pylos.output import flush_stdout, let_go_of_streams, prepare_streams, tell
from pylos.ranks import check_rank_variables, started_by_pylos
from pylos.stopping import (
    end_soon_after_signals,
    exit_code,
    follow_parent,
    received,
    say_farewell,
    set_way_on,
    signals_raise,
)

LIGHTNING_COMMANDS = {
    "fit": "train an agent, or go on training it",
    "validate": "measure a checkpoint against the exact solution of the game",
    "test": "measure the loss of a checkpoint on fresh games with itself",
    "predict": "print what a checkpoint thinks of positions",
}
"""Subcommands that :mod:`pylos.lightning_cli` runs, with their help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: The arguments after the command's name; None: those of this process.

    Returns:
        The exit code: 0; 1 where a checkpoint could not be evaluated, or where the reader of the output went away;
        2 for bad input and for a disk or memory that is full, which is named in one line on stderr; 130 after
        Ctrl-C; 143 after SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # What can be gone on with; fit says so itself, once it knows its run.
    set_way_on(shlex.join(["pylos", *arguments]) if arguments[:1] in (["evaluate"], ["solve"]) else "")
    try:
        with signals_raise():
            code = _run(arguments)
            flush_stdout()  # here there are still words for what goes wrong
            return code
    except PylosError as error:
        return _fail(str(error))
    except MemoryError as error:
        return _fail(f"not enough memory: {error}")
    except KeyboardInterrupt as interrupt:
        say_farewell()
        return exit_code(interrupt)
    except BrokenPipeError:  # whoever read our output has seen enough, as head does
        return 1
    except OSError as error:  # the disk is full, a folder may not be written to
        return _fail(str(error))


def console() -> NoReturn:
    """What the installed command calls."""
    prepare_streams()
    try:
        if started_by_pylos():
            follow_parent()
        else:
            end_soon_after_signals()
        code = main()
    except OSError as error:  # not even a pipe could be made
        code = _fail(str(error))
    except BaseException:
        if not received():
            raise
        code = 1  # some library made another error of the interrupt
    if number := received():
        if code != 128 + number:
            say_farewell()
        let_go_of_streams()
        os._exit(128 + number)  # nothing is left to do that would be worth a second of tidying up
    let_go_of_streams()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in LIGHTNING_COMMANDS:
        check_rank_variables()
        from pylos import lightning_cli

        return lightning_cli.run(arguments)
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    code: int = options.run(options)
    return code


def _fail(message: str) -> int:
    tell(f"pylos: error: {' '.join(message.split())}")
    return 2


class _Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations, and whose complaints become the one line that all bad input gets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pylos", description=pylos.__doc__.splitlines()[0] if pylos.__doc__ else None)
    parser.add_argument("--version", action="version", version=f"pylos {pylos.__version__}")
    # Required, but found missing only after unknown options have been named.
    parser.set_defaults(run=lambda _: parser.error("a COMMAND is missing"))
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, text in LIGHTNING_COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)  # main() has taken these away already

    command = commands.add_parser("evaluate", help="rate the checkpoints of a run that are not rated yet")
    command.add_argument("folder", metavar="RUN", help="the run's folder")
    command.add_argument("--games", type=_positive, help="games per match (default: as the run did)")
    command.add_argument(
        "--simulations", type=_natural, help="per decision; 0: the bare policy (default: as the run did)"
    )
    command.set_defaults(run=_evaluate)

    command = commands.add_parser(
        "match",
        help="let two players play against each other",
        description="Players: random, rollouts:N (search with N random playouts per decision), perfect (by "
        "the solution of the rules, see pylos solve), perfect:P (random actions with probability P), PATH.ckpt, "
        "PATH.ckpt:N (search with N simulations per decision; 0: the bare policy), reference, reference:N (the "
        "agent that ships).",
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
    command.set_defaults(run=_match)

    command = commands.add_parser(
        "solve",
        help="solve a rule set: the exact value of every position",
        description="Computes who wins from every position and keeps it in PYLOS_HOME (0.6 GB; with distances "
        "3 GB). Interrupt it as you like: started again it goes on where it was.",
    )
    _add_rules(command)
    command.add_argument(
        "--distance", action="store_true", help="also in how many turns, which perfect play needs"
    )
    command.set_defaults(run=_solve)

    command = commands.add_parser(
        "suite", help="make a suite of labelled positions from a solution, as those that ship were made"
    )
    _add_rules(command)
    command.add_argument("--per_stratum", type=_positive, default=2000, help="positions (default: 2000)")
    _add_seed(command)
    command.add_argument("--out", help="the file to write (default: RULES.npz)")
    command.set_defaults(run=_suite)

    command = commands.add_parser(
        "analyse",
        help="print what the legal actions of a position are worth",
        description="Exact values need a solution of the rule set (pylos solve); the prior is that of a checkpoint, "
        "visits, mean values and improved policy are those of its search.",
    )
    command.add_argument(
        "position", metavar="POSITION", nargs="*", help="a position (default: the empty board)"
    )
    _add_rules(command)
    command.add_argument(
        "--ckpt_path", metavar="PATH", help="also ask this checkpoint; reference: the one that ships"
    )
    command.add_argument("--simulations", type=_natural, help="of its search; 0: none (default: 64)")
    command.set_defaults(run=_analyse)

    command = commands.add_parser("perft", help="count the sequences of turns from a position")
    _add_rules(command)
    command.add_argument("--position", metavar="TEXT", help="where to start (default: the empty board)")
    command.add_argument("--depth", type=_positive, required=True, help="number of turns")
    command.set_defaults(run=_perft)
    return parser


def _add_rules(command: argparse.ArgumentParser) -> None:
    command.add_argument("--rules", default="standard", help="name of the rule set (default: standard)")


def _add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=_seed, default=0, help="of all random choices (default: 0)")


def _number(text: str, allowed: Range) -> int:
    number = natural(text, int(allowed.most))
    if number is None or number not in allowed:
        raise argparse.ArgumentTypeError(f"expected {allowed}, but got {shown(text)}")
    return number


def _natural(text: str) -> int:
    return _number(text, COUNT_OR_ZERO)


def _positive(text: str) -> int:
    return _number(text, COUNT)


def _seed(text: str) -> int:
    return _number(text, Range(int, 0, SEED.most))


def _analyse(options: argparse.Namespace) -> int:
    from pylos.analysis import analysis_text
    from pylos.board import Board
    from pylos.players import load_player
    from pylos.tablebase import open_if_present

    # A position has blanks in it, which need no quotes.
    text = " ".join(options.position)
    board = Board.from_text(text, options.rules) if text else Board(options.rules)
    tablebase = open_if_present(options.rules)
    player = None
    if options.ckpt_path is not None:
        simulations = 64 if options.simulations is None else options.simulations
        player = load_player(options.ckpt_path, options.rules, simulations, "cpu")
    elif options.simulations is not None:
        raise ConfigurationError(
            "--simulations are those of a checkpoint's search: name one with --ckpt_path"
        )
    print(analysis_text(board, tablebase, player))
    return 0


def _perft(options: argparse.Namespace) -> int:
    from pylos.board import Board, perft

    if options.position is None:
        board = Board(options.rules)
    else:
        board = Board.from_text(options.position, options.rules)
    perft(board, 1)  # so that no time below includes compiling
    for depth in range(1, options.depth + 1):
        start = time.perf_counter()
        count = perft(board, depth)
        seconds = time.perf_counter() - start
        print(f"depth {depth}: {count:,} in {seconds:.3f} s, {count / seconds:,.0f} turns/s", flush=True)
    return 0


def _solve(options: argparse.Namespace) -> int:
    from pylos.solve_report import SolveReport, describe_solution
    from pylos.solving import solve

    with SolveReport(options.rules) as report:
        facts = solve(options.rules, distance=options.distance, report=report)
    print(describe_solution(facts))
    return 0


def _suite(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pylos.files import replacing
    from pylos.suite import describe_suite, write_suite
    from pylos.suite_making import make_suite
    from pylos.tablebase import Tablebase

    table = Tablebase(options.rules)
    path = Path(options.out or f"{options.rules}.npz")
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"--out {path} is there already, and no file")
    with replacing(path) as file:  # one that cannot be written is refused before the work, not after it
        suite = make_suite(table, options.per_stratum, options.seed)
        write_suite(file, suite)
    print(f"{describe_suite(suite)}\nwritten to {path}")
    return 0


def _match(options: argparse.Namespace) -> int:
    from pylos.arena import play_match
    from pylos.players import make_player
    from pylos.progress import progress

    a, b = (make_player(spec, options.rules, options.simulations) for spec in (options.a, options.b))
    with progress("match", total=options.games) as update:
        result = play_match(
            a,
            b,
            options.games,
            options.rules,
            options.seed,
            on_move=lambda finished: update(finished, "games"),
        )
    print(result)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from pylos.checkpoints import find_checkpoints
    from pylos.evaluation import evaluate_run
    from pylos.manifest import FAILED
    from pylos.results import interval_text

    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        print(line)

    manifest = evaluate_run(options.folder, options.games, options.simulations, report)
    if not lines:
        print("nothing was left to evaluate")
    for entry in manifest.entries.values():
        if entry.file is not None and entry.elo is not None:
            elo = f"Elo {entry.elo:.0f} {interval_text(entry.elo_low, entry.elo_high)}"
            print(f"{entry.file}:{entry.simulations}: epoch {entry.epoch + 1}, {elo}, {entry.label}")
    failed = any(e.status == FAILED and e.file is not None for e in manifest.entries.values())
    unreadable = find_checkpoints(manifest.folder)[1]
    return 1 if failed or unreadable else 0
