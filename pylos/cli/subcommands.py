"""Our own subcommands. Each imports what it needs when it is called, so that `pylos --help` answers at once.

Each takes the parsed arguments and returns the exit code.
"""

from __future__ import annotations

import argparse
import time

from pylos.errors import ConfigurationError


def play(options: argparse.Namespace) -> int:
    """Serves the page until a signal ends it."""
    from pylos.web.server import serve
    from pylos.web.settings import make_settings

    settings = make_settings(options.rules, options.level, options.ckpt_path, options.runs, options.host)
    serve(settings, options.port, not options.no_browser)
    return 0


def analyse(options: argparse.Namespace) -> int:
    """Prints what the legal actions of a position are worth; before that the game that led to it, if there is one."""
    from pylos.analysis.text import analysis_text
    from pylos.cli.saved_game import read_game
    from pylos.game.board import Board
    from pylos.game.record import format_record
    from pylos.players.naming import load_player
    from pylos.solution.tablebase import open_if_present

    # A position contains blanks. The user need not quote it, so it may come in pieces.
    text, rules = " ".join(options.position), options.rules or "standard"
    heading = ""
    if options.game is not None:
        if text:
            raise ConfigurationError("a POSITION and --game exclude each other")
        record = read_game(options.game, options.rules)
        board, rules = record.board(options.after), record.rules
        reached = (
            f"After turn {len(board.turns)}, {board.last_turn}" if board.turns else "Before the first turn"
        )
        heading = f"{format_record(record)}\n{reached}:\n"
    elif options.after is not None:
        raise ConfigurationError("--after counts the turns of a game: name one with --game")
    else:
        board = Board.from_text(text, rules) if text else Board(rules)
    tablebase = open_if_present(rules)
    player = None
    if options.ckpt_path is not None:
        simulations = 64 if options.simulations is None else options.simulations
        player = load_player(options.ckpt_path, rules, simulations, "cpu")
    elif options.simulations is not None:
        raise ConfigurationError(
            "--simulations are those of a checkpoint's search: name one with --ckpt_path"
        )
    if heading:
        print(heading)
    print(analysis_text(board, tablebase, player))
    return 0


def engine(options: argparse.Namespace) -> int:
    """Answers requests of other programs until there are no more."""
    import io
    import sys

    from pylos.engine.engine import Engine, EngineOptions
    from pylos.system.output import is_terminal, print_stderr

    settings = EngineOptions(options.ckpt_path, options.rules, options.simulations, options.most_open)
    with io.FileIO(
        0, closefd=False
    ) as source:  # unbuffered: a thread that waits in it is no obstacle to the end
        engine = Engine(settings, source, sys.stdout)
        if is_terminal(sys.stdin):
            print_stderr("pylos engine: waiting for requests, a JSON object per line (docs/engine.md)")
        engine.run()
    return 0


def perft(options: argparse.Namespace) -> int:
    """Prints how many sequences of turns there are, depth by depth."""
    from pylos.game.board import Board
    from pylos.game.perft import perft

    if options.position is None:
        board = Board(options.rules)
    else:
        board = Board.from_text(options.position, options.rules)
    perft(board, 1)  # compiles, so that the times below do not include it
    for depth in range(1, options.depth + 1):
        start = time.perf_counter()
        count = perft(board, depth)
        seconds = time.perf_counter() - start
        print(f"depth {depth}: {count:,} in {seconds:.3f} s, {count / seconds:,.0f} turns/s", flush=True)
    return 0


def solve(options: argparse.Namespace) -> int:
    """Solves a rule set and prints what came out."""
    from pylos.cli.solve_report import SolveReport, describe_solution
    from pylos.solution.solving import solve

    with SolveReport(options.rules) as report:
        facts = solve(options.rules, distance=options.distance, report=report)
    print(describe_solution(facts))
    return 0


def suite(options: argparse.Namespace) -> int:
    """Makes a suite of labelled positions and writes it."""
    from pathlib import Path

    from pylos.solution.tablebase import Tablebase
    from pylos.system.files import replacing
    from pylos.truth.making import make_suite
    from pylos.truth.suite import describe_suite, write_suite

    table = Tablebase(options.rules)
    path = Path(options.out or f"{options.rules}.npz")
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"--out {path} is there already, and no file")
    with replacing(path) as file:  # opened before the work, so that a path that cannot be written fails early
        suite = make_suite(table, options.per_stratum, options.seed)
        write_suite(file, suite)
    print(f"{describe_suite(suite)}\nwritten to {path}")
    return 0


def match(options: argparse.Namespace) -> int:
    """Plays a match and prints its result."""
    from pylos.arena.match import play_match
    from pylos.players.naming import make_player
    from pylos.system.progress import progress_bar

    a, b = (make_player(spec, options.rules, options.simulations) for spec in (options.a, options.b))
    with progress_bar("match", total=options.games) as update:
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


def evaluate(options: argparse.Namespace) -> int:
    """Evaluates the checkpoints of a run. The exit code is 1 if one of them could not be evaluated."""
    from pylos.arena.results import interval_text
    from pylos.runs.backfill import evaluate_run
    from pylos.runs.checkpoint_files import find_checkpoints
    from pylos.runs.manifest_format import FAILED

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
            print(f"{entry.player}: epoch {entry.epoch + 1}, {elo}, {entry.label}")
    failed = any(e.status == FAILED and e.file is not None for e in manifest.entries.values())
    unreadable = find_checkpoints(manifest.folder)[1]
    return 1 if failed or unreadable else 0


def export(options: argparse.Namespace) -> int:
    """Writes the network of a checkpoint in another format, and prints how exact it is."""
    from pylos.adapters.export import export_network

    print(export_network(options.source, options.out, options.format, options.rules, options.overwrite))
    return 0
