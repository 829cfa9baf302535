"""Every code block of the pages is run: as it stands there, but for numbers that make it small.

Python is executed and doctests are compared. Lines of `sh` are run in a folder in which the presets have the names that
they always have and tiny numbers in them; `console` blocks are run by the shell, and what they print is compared. A
comment above a block, which readers do not see, says what cannot be run here: `only parsed: REASON`. Such lines are
given to the real parser.
"""

from __future__ import annotations

import configparser
import doctest
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pylos.cli.arguments import LIGHTNING_COMMANDS, command_parser
from pylos.cli.main import main
from pylos.system.home import home
from tests.support.pages import PAGES, ROOT, Block, blocks
from tests.support.presets import PRESETS, tiny_preset

PYTHON = [block for page in PAGES for block in blocks(page, "python")]
SHELL = [block for page in PAGES for block in blocks(page, "sh", "bash")]
TRAINING = [block for block in PYTHON if "trainer.fit(" in block.text]
CONSOLE = [block for page in PAGES for block in blocks(page, "console")]

SMALLER = {
    'PylosModule(rules="standard")': "PylosModule(width=16, blocks=1, validation_simulations=4)",
    "games_per_epoch=200, parallel_games=256, simulations=32, batches_per_epoch=100": (
        "games_per_epoch=4, parallel_games=8, simulations=4, batches_per_epoch=4, batch_size=16, "
        "validation_positions=50"
    ),
    "max_epochs=5": "max_epochs=1, accelerator='cpu'",
    "EvaluationCallback(games=50)": "EvaluationCallback(games=2, simulations=2, anchors=('rollouts:2',))",
    ".ckpt:64": ".ckpt:2",
    "rollouts:200": "rollouts:2",
    "games=100": "games=2",
    "rollouts:1000": "rollouts:2",
    'Tablebase("standard")': 'Tablebase("mini-standard")',
    "table.probe([Board()])": 'table.probe([Board("mini-standard")])',
    "table.best_actions(Board())": 'table.best_actions(Board("mini-standard"))',
    "games, simulations = 20, 1000": "games, simulations = 2, 5",
    "games=20)": "games=2)",
    '"reference:16"': '"reference:2"',
    "for update in range(60)": "for update in range(2)",
    "reference:64": "reference:2",
    "2.0, 1000, 1000": "2.0, 5, 1000",
    "        64,\n": "        2,\n",
}
"""What makes the Python of the pages a matter of seconds."""
SMALLER_ARGUMENTS: dict[str, list[tuple[str, str]]] = {
    "": [(r"(rollouts|\.ckpt|reference):\d+", r"\1:2"), (r"--simulations \d+", "--simulations 2")],
    "match": [
        (r"$", " --games 2"),
        (r"reference(?!:)", "reference:2"),
        (r"(.*perfect.*)", r"\1 --rules mini-standard"),
    ],
    "perft": [(r"--depth \d+", "--depth 2")],
    "solve": [(r"--rules (mini-)?", "--rules mini-")],
    "suite": [(r"--rules ", "--per_stratum 2 --rules mini-")],
    "validate": [(r"$", " --trainer.limit_val_batches 1")],
}
"""The same for the arguments of the command, by subcommand: patterns and what takes their place."""
DOES_NOT_END = {"play"}
"""Subcommands whose lines are only parsed."""


# Where it runs -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home_with_tables(solved_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PYLOS_HOME with the kernels that are compiled already, and the solutions of the mini games."""
    folder = tmp_path_factory.mktemp("home")
    (home() / "kernels").mkdir(parents=True, exist_ok=True)
    (folder / "kernels").symlink_to(home() / "kernels")
    (folder / "tables").symlink_to(solved_folder / "tables")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `lightning_logs/quick`, which many lines need."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "quick").write_text(tiny_preset("quick"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", "-c", "quick"]) == 0
    return folder / "lightning_logs" / "quick"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_with_tables: Path) -> Path:
    """The working directory of a block: the files that lines of the pages name lie in it."""
    monkeypatch.setenv("PYLOS_HOME", str(home_with_tables))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in PRESETS:
        (tmp_path / name).write_text(tiny_preset(name))  # a file is preferred to the preset of the same name
    (tmp_path / "FILE").write_text(".....w........../........./..../. b 0\n")
    [game] = [b for b in blocks(ROOT / "docs" / "games.md", "") if "human" in b.text]
    (tmp_path / "game.txt").write_text(game.text)
    [module] = [b for b in PYTHON if "class Module(PylosModule)" in b.text]
    (tmp_path / "my.py").write_text(module.text)
    return tmp_path


# Python ------------------------------------------------------------------------------------------------------


def smaller(source: str) -> str:
    return functools.reduce(lambda text, item: text.replace(*item), SMALLER.items(), source)


def test_nothing_is_made_smaller_in_vain():
    for text in SMALLER:
        assert any(text in block.text for block in PYTHON), text


@pytest.mark.parametrize("block", [block for block in PYTHON if block not in TRAINING], ids=str)
def test_python(block: Block, workplace: Path):
    assert not block.note
    if ">>>" in block.text:
        test = doctest.DocTestParser().get_doctest(block.text, {}, str(block), str(block.page), block.line)
        assert test.examples
        assert doctest.DocTestRunner().run(test).failed == 0
    else:
        exec(compile(smaller(block.text), str(block), "exec"), {"__name__": "cell"})


@pytest.mark.parametrize("block", TRAINING, ids=str)
def test_a_cell_that_trains_can_be_run_again(
    block: Block, workplace: Path, capsys: pytest.CaptureFixture[str]
):
    assert len([line for line in block.text.splitlines() if line and not line.startswith("#")]) <= 15
    source, page = smaller(block.text), str(block)
    exec(compile(source, page, "exec"), {})
    assert (workplace / "runs" / "first" / "last.ckpt").is_file()
    assert (workplace / "runs" / "first" / "manifest.json").is_file()
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch 1/1"))
    assert all(text in line for text in ("loss value", "truth policy", "Elo"))
    # It goes on where it was.
    exec(compile(source, page, "exec"), {})
    assert "epoch 1" not in capsys.readouterr().out
    exec(compile(source.replace("max_epochs=1", "max_epochs=2"), page, "exec"), {})
    assert "\nepoch 2/2" in f"\n{capsys.readouterr().out}"
    assert not list(workplace.rglob("*-v1.ckpt"))


# The command -------------------------------------------------------------------------------------------------


def pylos_lines(block: Block) -> list[list[str]]:
    """The arguments of every `pylos` in a block of the shell, made smaller."""
    lines = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if match := re.match(r"(?:srun .*?|torchrun .*-m )?pylos (.*)", line):
            text = " ".join(shlex.join(shlex.split(match[1], comments=True)).split())
            command = text.partition(" ")[0]
            for pattern, replacement in [*SMALLER_ARGUMENTS[""], *SMALLER_ARGUMENTS.get(command, [])]:
                text = re.sub(pattern, replacement, text, count=1 if pattern == "$" else 0)
            lines.append(shlex.split(text))
    return lines


def only_parse(arguments: list[str]) -> None:
    if arguments[0] in LIGHTNING_COMMANDS:
        assert main([*arguments, "--print_config"]) == 0
    else:
        assert command_parser().parse_args(arguments).run


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_commands(block: Block, workplace: Path, trained: Path, capsys: pytest.CaptureFixture[str]):
    run_commands(block, trained, capsys)


def test_who_follows_a_page_from_top_to_bottom_can(
    workplace: Path, trained: Path, capsys: pytest.CaptureFixture[str]
):
    """Its blocks write files, and all of them lie in one folder."""
    page = [block for block in (*PYTHON, *SHELL) if block.page.name == "export.md"]
    for block in sorted(page, key=lambda block: block.line):
        if block in SHELL:
            run_commands(block, trained, capsys)
        else:
            exec(compile(smaller(block.text), str(block), "exec"), {"__name__": "cell"})


def run_commands(block: Block, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in pylos_lines(block):
        text = " ".join(arguments)
        if block.note.startswith("only parsed: ") or arguments[0] in DOES_NOT_END:
            only_parse(arguments)
            continue
        if ("lightning_logs/quick" in text or "last" in arguments) and not Path(
            "lightning_logs/quick"
        ).exists():
            shutil.copytree(trained, "lightning_logs/quick")
        assert main(arguments) == 0, f"{text}: {capsys.readouterr().err}"


OTHERS: dict[str, Callable[[list[str]], bool]] = {
    "make": lambda words: (
        re.search(rf"^{words[1]}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    ),
    "pip": lambda words: words[1] == "install" and set(re.findall(r"\w+", words[2])) <= extras() | {"pylos"},
    "source": lambda words: words[1:] == [".venv/bin/activate"],
    "pylos": lambda words: True,
    "srun": lambda words: words[1:3] == ["--kill-on-bad-exit=1", "pylos"],
    "torchrun": lambda words: words[words.index("-m") + 1] == "pylos",
    "uv": lambda words: words[1] in ("venv", "pip"),
    "lowest/bin/python": lambda words: words[1:3] == ["-m", "pytest"],
}
"""What else a line may begin with, and whether it makes sense."""


def extras() -> set[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return set(parser["options.extras_require"])


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_other_lines_make_sense(block: Block):
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        assert not words or OTHERS[words[0]](words), line


def test_few_blocks_are_only_parsed():
    noted = [block for block in (*PYTHON, *SHELL, *CONSOLE) if block.note]
    assert all(re.match("only parsed: .", block.note) for block in noted)
    assert len(noted) <= 4


# What is printed ---------------------------------------------------------------------------------------------


def assert_printed(found: str, wanted: str) -> None:
    """Lines are equal, but for `...`, which stands for anything, and for the last digits of fractions."""
    number = r"(-?\d+\.\d+)"
    pattern = number.join(
        ".*".join(re.escape(part) for part in text.split("..."))
        for text in re.split(number[1:-1], wanted.rstrip())
    )
    match = re.fullmatch(pattern, found.rstrip())
    assert match, f"{found}\nis not as the page has it:\n{wanted}"
    assert [float(text) for text in match.groups()] == pytest.approx(
        [float(text) for text in re.findall(number, wanted)], abs=0.02
    )


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_console(block: Block, tmp_path: Path):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command, _, wanted = block.text.removeprefix("$ ").partition("\n")
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert_printed(done.stdout, wanted)
