"""What the analysis of a position says, against the tablebase, the network and the search behind it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pylos.analysis.rows import analyse
from pylos.analysis.text import analysis_text
from pylos.cli.main import main
from pylos.errors import RulesError
from pylos.game.board import Board
from pylos.network.network import PylosNetwork, pylos_network
from pylos.players.network_player import NetworkPlayer
from pylos.solution.solving import solve
from pylos.solution.tablebase import Tablebase
from tests.support.boards import random_game

MINI = "mini-mature"
OVER = "wbbwwbwwbwbwwbbw/wbbbbwwbw/bbww/. w 0"


def small_network() -> PylosNetwork:
    torch.manual_seed(0)
    return pylos_network(16, 1)


def make_player(rules: str, simulations: int) -> NetworkPlayer:
    return NetworkPlayer("network", small_network(), rules, simulations)


def boards(rules: str, count: int) -> list[Board]:
    games = (random_game(rules, seed % 25, seed) for seed in range(1000))
    running = (board for board in games if not board.is_over)
    return [next(running) for _ in range(count)]


# The function ------------------------------------------------------------------------------------------------


def test_without_anyone_to_ask_the_actions_are_listed():
    for board in boards("standard", 10):
        rows = analyse(board)
        assert [row.action for row in rows] == board.legal_actions.tolist()
        assert all(row[2:] == (None,) * 6 for row in rows)
        other = board.copy()
        other.push(rows[0].name)
        assert other.actions[-1] == rows[0].action


def test_exact_values_and_their_order(solved):
    base = Tablebase(MINI)
    for board in boards(MINI, 40):
        found = base.probe_actions([board])
        worths = dict(
            zip(
                found.actions.tolist(),
                zip(found.values.tolist(), found.distances.tolist(), strict=True),
                strict=True,
            )
        )
        rows = analyse(board, base)
        assert {
            row.action: (row.exact, -1 if row.distance is None else row.distance) for row in rows
        } == worths
        order = [(row.exact, -(row.distance or 0) * row.exact) for row in rows]
        assert order == sorted(order, reverse=True)
        assert rows[0].action in base.best_actions(board)


def test_priors_are_those_of_the_network_over_the_legal_actions():
    player = make_player("standard", simulations=0)
    for board in boards("standard", 10):
        rows = analyse(board, player=player)
        positions = np.zeros(8, np.int64)
        positions[0] = board.position
        log_policy = player.network(positions)[1][0]
        expected = np.exp(log_policy[board.legal_actions])
        priors = {row.action: row.prior for row in rows}
        assert [priors[a] for a in board.legal_actions] == pytest.approx((expected / expected.sum()).tolist())
        assert [row.prior for row in rows] == sorted(priors.values(), reverse=True)
        assert rows[0].action == player.choose([board])[0]
        assert all(row.visits is None and row.mean is None for row in rows)


def test_what_is_found_is_what_the_players_search_finds():
    player = make_player("standard", simulations=40)
    for board in [board for board in boards("standard", 30) if min(board.reserves) >= 6]:
        rows = analyse(board, player=player)
        assert sum(row.visits for row in rows) == 40
        best = [row.action for row in rows if row.improved == rows[0].improved]
        assert player.choose([board])[0] in best
        result = player._room(1).run(np.array([board.position]), player.evaluator, np.zeros(1, np.int64))
        improved = {row.action: row.improved for row in rows if row.improved}
        n = len(improved)
        weights = result.weights[0, :n] / result.weights[0].sum()
        assert improved == dict(zip(result.actions[0, :n].tolist(), weights.tolist(), strict=True))
        assert [row.mean is None for row in rows] == [row.visits == 0 for row in rows]
        value = player.evaluator(np.array([board.position] * 8))[0][0]
        tried = [row for row in rows if row.visits]
        mean = sum(row.prior * row.mean for row in tried) / sum(row.prior for row in tried)
        average = (value + 40 * mean) / 41  # what an action that was not tried counts as
        worth = sum((row.improved or 0) * (row.mean if row.visits else average) for row in rows)
        assert result.values[0] == pytest.approx(worth, abs=0.005)


def test_a_proven_action_is_worth_what_it_is(solved):
    base, player = Tablebase(MINI), make_player(MINI, simulations=300)
    proven = 0
    for board in boards(MINI, 40):
        for row in analyse(board, base, player):
            assert row.exact is not None
            assert row.prior is not None
            if row.mean in (1.0, -1.0) and row.exact:
                proven += 1
                assert row.mean == row.exact
    assert proven > 10


def test_other_rules_are_refused(solved):
    with pytest.raises(RulesError, match="table of 'mini-mature' rules"):
        analyse(Board("mature"), Tablebase(MINI))
    with pytest.raises(RulesError, match="plays 'mini-mature' rules"):
        analyse(Board("mature"), player=make_player(MINI, 2))


# The text ----------------------------------------------------------------------------------------------------


def test_the_text_shows_the_board_its_worth_and_the_actions(solved):
    board = Board("mini-standard")
    lines = analysis_text(board, Tablebase("mini-standard")).splitlines()
    drawing = str(board).splitlines()
    assert lines[: len(drawing)] == drawing
    assert lines[len(drawing) + 1] == "For white: exact win in 15 turns"
    cells = [line.split() for line in lines[len(drawing) + 2 :] if line and "─" not in line]
    assert cells[0] == ["action", "exact", "turns"]
    assert cells[1] == ["2B2", "win", "15"]
    assert sorted(cells[2:]) == sorted(
        [f"2{c}{i}", "loss", "16"] for c in "ABC" for i in "123" if c + i != "B2"
    )


def test_the_text_shows_what_a_network_thinks(solved):
    board, player = Board(MINI), make_player(MINI, simulations=20)
    text = analysis_text(board, Tablebase(MINI), player)
    assert f"For white: exact draw; network {player.network(np.zeros(8, np.int64))[0][0]:+.3f}\n" in text
    assert next(line for line in text.splitlines() if "action" in line).split() == [
        "action", "exact", "prior", "visits", "mean", "improved",
    ]  # fmt: skip
    assert len(text.splitlines()) == 6 + 2 + 3 + 9 + 0


def test_the_text_names_the_command_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    assert (
        analysis_text(Board(MINI))
        .splitlines()[-1]
        .endswith("`pylos solve --rules mini-mature` does it in some seconds")
    )
    solve(MINI)
    assert (
        "`pylos solve --rules mini-mature --distance`"
        in analysis_text(Board(MINI), Tablebase(MINI)).splitlines()[-1]
    )


# The command -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of a network for a mini game that has learned nothing."""
    path = tmp_path_factory.mktemp("checkpoint") / "mini.ckpt"
    weights = {f"network.{name}": tensor for name, tensor in small_network().state_dict().items()}
    settings = {"rules": MINI, "width": 16, "blocks": 1}
    torch.save({"state_dict": weights, "hyper_parameters": settings, "epoch": 0, "global_step": 0}, path)
    return path


def run(capsys, *arguments: str | Path) -> str:
    assert main(["analyse", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_the_command_takes_positions_with_or_without_quotes(solved, capsys):
    board = random_game(MINI, 7, 3)
    expected = analysis_text(board, Tablebase(MINI)) + "\n"
    assert run(capsys, "--rules", MINI, board.text) == expected
    assert run(capsys, *board.text.split(), "--rules", MINI) == expected
    assert run(capsys, "--rules", MINI) == analysis_text(Board(MINI), Tablebase(MINI)) + "\n"


def test_the_command_asks_a_checkpoint(solved, checkpoint, capsys):
    out = run(capsys, "--rules", MINI, "--ckpt_path", checkpoint, "--simulations", "12")
    assert "network " in out
    assert sum(int(line.split()[3]) for line in out.splitlines() if line.startswith("  2")) == 12
    assert "visits" not in run(capsys, "--rules", MINI, "--ckpt_path", checkpoint, "--simulations", "0")


def test_a_finished_game_says_so(solved, capsys):
    out = run(capsys, OVER)
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
def test_bad_input_is_named_in_one_line(arguments, message, solved, checkpoint, capsys):
    assert main(["analyse", *(str(checkpoint) if a == "CHECKPOINT" else a for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pylos: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_damaged_table_is_named_in_one_line(solved_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / f"{MINI}.values").write_bytes(b"nonsense")
    assert main(["analyse", "--rules", MINI]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(
        "is damaged, its header cannot be read: delete it and run `pylos solve --rules mini-mature`\n"
    )
