"""What the README shows works as it stands there."""

from __future__ import annotations

import doctest
import importlib
import operator
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

SMALLER = {
    'PylosModule(rules="standard")': "PylosModule(width=16, blocks=1, validation_simulations=4)",
    "games_per_epoch=200, parallel_games=256, simulations=32, batches_per_epoch=100": (
        "games_per_epoch=4, parallel_games=8, simulations=4, batches_per_epoch=4, batch_size=16, "
        "validation_positions=50"
    ),
    "max_epochs=5": "max_epochs=1, accelerator='cpu', logger=False",
    "EvaluationCallback(games=50)": "EvaluationCallback(games=2, simulations=2, anchors=('rollouts:2',))",
    "best.ckpt:64": "best.ckpt:2",
    "rollouts:200": "rollouts:2",
    "games=100": "games=2",
}
"""What makes the notebook's lines a matter of seconds."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_notebook_lines_run(tmp_path: Path, monkeypatch, capsys):
    source = next(block for block in blocks("python") if "trainer.fit(" in block)
    assert len([line for line in source.splitlines() if line and not line.startswith("#")]) <= 15
    for text, smaller in SMALLER.items():
        assert text in source, text
        source = source.replace(text, smaller)
    monkeypatch.chdir(tmp_path)
    exec(compile(source, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "first" / "best.ckpt").is_file()
    assert (tmp_path / "runs" / "first" / "manifest.json").is_file()
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch 1/1"))
    assert all(text in line for text in ("loss value", "truth policy", "Elo"))
    # The cell can be run again: it goes on where it was.
    exec(compile(source, "README.md", "exec"), {})
    assert "epoch 1" not in capsys.readouterr().out
    exec(compile(source.replace("max_epochs=1", "max_epochs=2"), "README.md", "exec"), {})
    assert "\nepoch 2/2" in f"\n{capsys.readouterr().out}"
    assert not list(tmp_path.rglob("*-v1.ckpt"))


def test_the_game_in_python_prints_what_it_says():
    source = next(block for block in blocks("python") if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(source, {}, "README", "README.md", 0)
    assert len(test.examples) >= 4
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines() if line])
def test_commands_exist(line: str):
    root = Path(__file__).parents[2]
    words = line.split("#")[0].split()
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (root / "Makefile").read_text(), flags=re.MULTILINE)
    else:
        from pylos.cli.arguments import LIGHTNING_COMMANDS

        assert words[0] == "pylos"
        assert words[1] in {
            *LIGHTNING_COMMANDS,
            "match",
            "evaluate",
            "analyse",
            "perft",
            "play",
            "solve",
            "suite",
        }


# The map of the code -----------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
QUOTED = r"`([^`\n]+)`"


def test_the_tree_names_every_wing_and_what_is_beside_the_package():
    tree = README.partition("## What is where")[2].split("```")[1].strip()
    lines = [(len(line) - len(line.lstrip()), line.split()[0]) for line in tree.splitlines()]
    inside = {name for indent, name in lines if indent == 2}
    beside = {name for indent, name in lines if indent == 0}
    wings = {f"{path.parent.name}/" for path in (ROOT / "pylos").glob("*/__init__.py")}
    assert inside == {*wings, "errors.py"}
    assert beside >= {"pylos/", "callbacks/", "configs/", "tests/", "benchmarks/", "docs/"}
    for name in beside:
        assert (ROOT / name).is_dir(), name
    for name in re.findall(r"\w+\.md|twins/|whole/", tree):
        assert list(ROOT.glob(f"*/{name}")), name


def test_the_files_of_the_architecture_exist():
    paths = {text for text in re.findall(QUOTED, ARCHITECTURE) if "/" in text and text.islower()}
    assert len(paths) >= 50
    for path in paths:
        assert (ROOT / path).exists(), path
        assert path.endswith("/") == (ROOT / path).is_dir(), path


def test_the_names_of_the_architecture_are_in_the_files_behind_them():
    text = " ".join(ARCHITECTURE.split())
    named = re.findall(r"((?:`[\w.]+`(?:,| and| or)? ?)+)\(`([\w/]+)\.py`", text)
    assert len(named) >= 50
    for names, path in named:
        module = importlib.import_module(path.replace("/", "."))
        for name in re.findall(QUOTED, names):
            assert operator.attrgetter(name)(module) is not None
            found = getattr(module, name.split(".")[0])
            assert getattr(found, "__module__", module.__name__) == module.__name__, (
                f"{name} is not of {path}"
            )


def test_every_wing_is_in_the_architecture():
    for path in (ROOT / "pylos").glob("*/__init__.py"):
        assert f"`pylos/{path.parent.name}/`" in ARCHITECTURE
