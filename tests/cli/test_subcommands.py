"""The subcommands that are not Lightning's, as their user sees them."""

from pathlib import Path

import pytest
import torch

from pylos.analysis.text import analysis_text
from pylos.cli.main import main
from pylos.game.board import Board
from pylos.solution.tablebase import Tablebase
from tests.support.boards import random_game
from tests.support.networks import untrained_network

MINI = "mini-mature"
OVER = "wbbwwbwwbwbwwbbw/wbbbbwwbw/bbww/. w 0"


def test_perft(capsys):
    assert main(["perft", "--depth", "3", "--rules", "children"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["depth 1: 16", "depth 2: 240", "depth 3: 3,360"]
    assert all(line.endswith(" turns/s") for line in lines)


def test_perft_from_a_position(capsys):
    position = "bbbwwbwbbwb.bwb./wb.ww..w./b.../. w 0"
    assert main(["perft", "--depth", "2", "--position", position]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("depth 2: 72 ")


def test_a_level_takes_part_in_a_match(capsys):
    assert main(["match", "level:child", "random", "--games", "4"]) == 0
    assert capsys.readouterr().out.startswith("level:child vs random: ")


def test_match(capsys):
    assert main(["match", "random", "rollouts:2", "--games", "4", "--seed", "1"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("random vs rollouts:2: ")
    assert first.count("\n") == 1
    assert main(["match", "random", "rollouts:2", "--games", "4", "--seed", "1"]) == 0
    assert capsys.readouterr().out == first


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of a network for a mini game that has learned nothing."""
    path = tmp_path_factory.mktemp("checkpoint") / "mini.ckpt"
    weights = {f"network.{name}": tensor for name, tensor in untrained_network().state_dict().items()}
    settings = {"rules": MINI, "width": 16, "blocks": 1}
    torch.save({"state_dict": weights, "hyper_parameters": settings, "epoch": 0, "global_step": 0}, path)
    return path


def analysis(capsys, *arguments: str | Path) -> str:
    assert main(["analyse", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_analyse_takes_positions_with_or_without_quotes(solved, capsys):
    board = random_game(MINI, 7, 3)
    expected = analysis_text(board, Tablebase(MINI)) + "\n"
    assert analysis(capsys, "--rules", MINI, board.text) == expected
    assert analysis(capsys, *board.text.split(), "--rules", MINI) == expected
    assert analysis(capsys, "--rules", MINI) == analysis_text(Board(MINI), Tablebase(MINI)) + "\n"


def test_analyse_asks_a_checkpoint(solved, checkpoint, capsys):
    out = analysis(capsys, "--rules", MINI, "--ckpt_path", checkpoint, "--simulations", "12")
    assert "network " in out
    assert sum(int(line.split()[3]) for line in out.splitlines() if line.startswith("  2")) == 12
    assert "visits" not in analysis(capsys, "--rules", MINI, "--ckpt_path", checkpoint, "--simulations", "0")


def test_analyse_says_that_a_game_is_over(solved, capsys):
    out = analysis(capsys, OVER)
    assert out == f"{Board.from_text(OVER)}\n\nThe game is over: white cannot move and has lost.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "'nonsense'"),
        ([OVER, "--rules", "nonsense"], "unknown rule set 'nonsense'"),
        ([OVER, "--rules", MINI], "there are 7 a side"),
        ([OVER, "--ckpt_path", "missing.ckpt"], "missing.ckpt"),
        ([OVER, "--simulations", "x"], "'x'"),
        (["--ckpt_path", "CHECKPOINT"], "was trained for 'mini-mature' rules, not for 'standard'"),
        (["--rules", MINI, "--ckpt_path", "CHECKPOINT", "--simulations", "30001"], "30000"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_of_analyse_is_named_in_one_line(arguments, message, solved, checkpoint, capsys):
    assert main(["analyse", *(str(checkpoint) if a == "CHECKPOINT" else a for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pylos: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


GAME = f'[Rules "{MINI}"]\n[Black "me"]\n\n1. 2B2 2A1  2. 2C3\n'


def test_analyse_shows_a_game_and_one_of_its_positions(solved, tmp_path, capsys):
    path = tmp_path / "game.txt"
    path.write_text(GAME)
    board = Board(MINI)
    for ply, turn in enumerate(("", "2B2", "2A1", "2C3")):
        if turn:
            board.push(turn)
        title = f"After turn {ply}, {turn}:" if turn else "Before the first turn:"
        expected = f"{GAME}\n{title}\n\n{analysis_text(board, Tablebase(MINI))}\n"
        assert analysis(capsys, "--game", path, "--after", str(ply)) == expected
    assert analysis(capsys, "--game", path, "--rules", MINI) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--game", "missing.txt"], "no game in missing.txt: No such file"),
        (["--game", "GAME", "--after", "4"], "the game has 3 turns, so there is no turn 4"),
        (["--game", "GAME", "--rules", "standard"], "is of the mini-mature rules, not of standard"),
        (["--game", "GAME", "--after", "-1"], "-1"),
        (["--game", "GAME", OVER], "a POSITION and --game exclude each other"),
        (["--after", "1"], "--after counts the turns of a game: name one with --game"),
    ],
)
def test_bad_games_of_analyse_are_named_in_one_line(arguments, message, tmp_path, capsys):
    (tmp_path / "game.txt").write_text(GAME)
    assert main(["analyse", *(str(tmp_path / "game.txt") if a == "GAME" else a for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pylos: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_analyse_names_a_damaged_table_in_one_line(solved_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / f"{MINI}.values").write_bytes(b"nonsense")
    assert main(["analyse", "--rules", MINI]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(
        "is damaged, its header cannot be read: delete it and run `pylos solve --rules mini-mature`\n"
    )


def test_simulations_need_a_checkpoint_to_search_with(capsys):
    assert main(["analyse", "--simulations", "4"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pylos: error: --simulations are those of a checkpoint's search: ")


def test_export_says_what_it_wrote_and_how_exact_it_is(checkpoint, tmp_path, capsys):
    out = tmp_path / "mini.safetensors"
    assert main(["export", str(checkpoint), str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{out}: a network for {MINI} rules, {out.stat().st_size:,} bytes"
    assert lines[1].startswith(
        "compared with torch on 1,000 random positions: the largest differences are 0.0e+00"
    )
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["CHECKPOINT"], "OUT"),
        (["CHECKPOINT", "a.bin"], "a.bin says no format"),
        (["CHECKPOINT", "a.bin", "--format", "tflite"], "there is no format 'tflite'"),
        (["CHECKPOINT", "folder.onnx"], "folder.onnx is a folder"),
        (["CHECKPOINT", "there.onnx"], "there.onnx is there already: --overwrite"),
        (["CHECKPOINT", "there.onnx/a.onnx"], "there.onnx"),
        (
            ["CHECKPOINT", "a.onnx", "--rules", "standard"],
            "trained for 'mini-mature' rules, not for 'standard'",
        ),
        (["missing.ckpt", "a.onnx"], "no checkpoint missing.ckpt"),
        (["there.onnx", "a.onnx"], "there.onnx is not a checkpoint"),
        (["reference", "a.onnx", "--rules", "chess"], "chess"),
    ],
)
def test_bad_input_of_export_is_named_in_one_line_and_nothing_written(
    arguments, message, checkpoint, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "there.onnx").write_text("precious")
    assert main(["export", *(str(checkpoint) if a == "CHECKPOINT" else a for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pylos: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert {path.name for path in tmp_path.rglob("*")} == {"folder.onnx", "there.onnx"}
    assert (tmp_path / "there.onnx").read_text() == "precious"
