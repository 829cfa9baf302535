"""Our own subcommands: their arguments, and what is refused among them."""

import itertools
import subprocess

import pytest

from pylos.cli import subcommands
from pylos.cli.arguments import LIGHTNING_COMMANDS, command_parser
from pylos.cli.main import main
from pylos.errors import ConfigurationError
from tests.support.commands import assert_refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND is missing"),
        (["nonsense"], "'nonsense'"),
        (["--nonsense"], "--nonsense"),
        (["perft"], "--depth"),
        (["perft", "--depth", "x"], "'x'"),
        (["perft", "--depth", "0"], "expected a whole number of at least 1, but got '0'"),
        (["match", "a", "b", "--simulations", "-4"], "expected a whole number of at least 0, but got '-4'"),
        (["match", "a", "b", "--simulations", "x"], "expected a whole number of at least 0, but got 'x'"),
        (
            ["match", "a", "b", "--simulation", "4"],
            "--simulation 4; did you mean --simulations? (see pylos match",
        ),
        (["play", "--port", "-1"], "expected a whole number from 0 to 65535, but got '-1'"),
        (["perft", "--depth", "9" * 5000], "--depth: "),
        (["match", "random", "random", "--seed", "²"], "'²'"),
        (["perft", "--depth", "2", "--nonsense"], "--nonsense"),
        (["perft", "--depth", "2", "--rules", "nonsense"], "unknown rule set 'nonsense'"),
        (["perft", "--depth", "2", "--position", "nonsense"], "nonsense"),
        (["match", "random"], "B"),
        (["match", "random", "nonsense"], "'nonsense'"),
        (["match", "random", "rollouts:x"], "rollouts:x"),
        (["match", "random", "missing.ckpt"], "missing.ckpt"),
        (["match", "random", "random", "--games", "3"], "even"),
        (["match", "random", "random", "--rules", "nonsense"], "unknown rule set 'nonsense'"),
        (["evaluate", "missing"], "missing"),
        (
            ["engine", "--simulations", "20001"],
            "simulations must be a whole number from 0 to 20000, got 20001",
        ),
        (["engine", "--most_open", "0"], "'0'"),
        (["engine", "--rules", "nonsense"], "unknown rule set 'nonsense'"),
        (["engine", "--ckpt_path", "nonsense"], "no agent 'nonsense'"),
        (["engine", "--rules", "mini-standard"], "no reference agent ships for the mini-standard rules"),
        (["match", "random", f"rollouts:{'1' * 5000}"], "needs a number of simulations from 1 to 30000"),
        (["match", "random", "random", "--seed", "9" * 5000], "from 0 to 9223372036854775807"),
        (["match", "random", "random", "--games", "9" * 5000], "a whole number from 1 to 1000000000"),
        (["match", "random", "random", "--simulations", "9" * 5000], "a whole number from 0 to 1000000000"),
        (["perft", "--depth", "9" * 5000], "a whole number from 1 to 1000000000"),
    ],
    ids=itertools.count(),
)
def test_bad_input_is_named_in_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert_refused(subprocess.CompletedProcess(arguments, 2, captured.out, captured.err), message)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["perft", "--depth", "3"], {"rules": "standard", "position": None, "depth": 3}),
        (["match", "a", "b"], {"a": "a", "b": "b", "games": 200, "seed": 0, "simulations": 64}),
        (["match", "a", "b", "--simulations", "0", "--seed", "7"], {"simulations": 0, "seed": 7}),
        (["evaluate", "run"], {"folder": "run", "games": None, "simulations": None}),
        (["solve"], {"rules": "standard", "distance": False}),
        (
            ["engine", "--most_open", "5"],
            {"ckpt_path": "reference", "rules": "standard", "simulations": 64, "most_open": 5},
        ),
        (["suite", "--rules", "mature"], {"rules": "mature", "per_stratum": 2000, "seed": 0, "out": None}),
        (
            ["analyse", "..w", "b", "0"],
            {"position": ["..w", "b", "0"], "ckpt_path": None, "simulations": None},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_subcommand_is_called_with(arguments, expected):
    options = vars(command_parser().parse_args(arguments))
    assert options.items() >= expected.items()
    assert options["run"] is getattr(subcommands, arguments[0])


def test_nothing_is_abbreviated():
    with pytest.raises(ConfigurationError, match=r"--dep .*see pylos perft --help"):
        command_parser().parse_args(["perft", "--depth", "3", "--dep", "2"])


def test_the_help_names_all_subcommands():
    text = command_parser().format_help()
    for name in (*LIGHTNING_COMMANDS, "evaluate", "match", "solve", "suite", "analyse", "engine", "perft"):
        assert f"\n    {name} " in text
