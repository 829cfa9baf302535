"""The perfect player: it gets what every position is worth, in as many turns as the table says."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pylos.arena.match import play_games, play_match
from pylos.cli.main import main
from pylos.errors import PlayerError, RulesError, TableError
from pylos.game.board import Board
from pylos.game.position import START
from pylos.players.baselines import RandomPlayer
from pylos.players.naming import make_player
from pylos.players.perfect_player import PerfectPlayer
from pylos.solution.solving import solve
from pylos.solution.tablebase import Tablebase


def _positions(rules: str, games: int = 100, seed: int = 0) -> np.ndarray:
    """Positions of random games that go on."""
    played = play_games(RandomPlayer(rules), [RandomPlayer(rules)], games, rules, seed)
    return np.concatenate([row[:plies] for row, plies in zip(played.positions, played.ply, strict=True)])


@pytest.mark.parametrize("rules", ["mini-standard", "mini-mature", "mini-children"])
def test_it_wins_every_game_that_is_won(solved, rules):
    games = play_games(make_player("perfect", rules), [RandomPlayer(rules)], 200, rules, opening_plies=2)
    values, _ = Tablebase(rules).probe(games.positions[:, 2])  # white is to move again
    worth = np.where(games.agent_is_black, -values, values)
    assert (worth == 1).any()
    assert not games.lost[worth >= 0].any()
    ends = np.array(
        [Board.from_position(int(p), rules).is_over for p in games.positions[range(200), games.ply]]
    )
    assert ends[worth == 1].all()


@pytest.mark.parametrize(
    ("rules", "value", "turns"),
    [("mini-standard", 1, 15), ("mini-children", -1, 16), ("mini-mature", 0, None)],
)
def test_two_perfect_players_play_out_the_value_and_the_distance_of_the_start(solved, rules, value, turns):
    player = make_player("perfect", rules)
    games = play_games(player, [make_player("perfect", rules)], 40, rules, opening_plies=0)
    if turns is None:
        assert not games.lost.any()
        assert play_match(player, player, 40, rules, opening_plies=0).draws == 40
    else:
        assert (games.lost == (games.agent_is_black == (value == 1))).all()
        assert games.turns.tolist() == [turns] * 40
        distinct = {tuple(row[: plies + 1]) for row, plies in zip(games.positions, games.ply, strict=True)}
        assert len(distinct) > 5  # chance decides between equals


def test_every_action_is_one_of_the_best(solved):
    table, positions = Tablebase("mini-mature"), _positions("mini-mature")
    chosen = PerfectPlayer(table).choose(positions)
    for position, action in zip(positions.tolist(), chosen, strict=True):
        assert action in table.best_actions(Board.from_position(position, "mini-mature"))


def test_equals_are_equally_likely_and_chosen_by_the_key(solved):
    table = Tablebase("mini-standard")
    board = Board("mini-standard")
    board.push(int(table.best_actions(board)[0]))  # the one winning move; the answers are symmetric
    best = table.best_actions(board)
    assert len(best) > 1
    starts = np.full(1000 * len(best), board.position)
    chosen = PerfectPlayer(table, key=1).choose(starts)
    assert set(chosen.tolist()) == set(best.tolist())
    assert np.bincount(chosen)[best].min() > 800
    assert PerfectPlayer(table, key=1).choose(starts).tolist() == chosen.tolist()
    assert PerfectPlayer(table, key=2).choose(starts).tolist() != chosen.tolist()


def test_it_errs_as_often_as_it_is_told_to(solved):
    positions = _positions("mini-standard", 400)
    found = Tablebase("mini-standard").probe_actions(positions)
    good = np.add.reduceat(found.best().astype(float), found.starts[:-1]) / np.diff(found.starts)
    player = make_player("perfect:0.1", "mini-standard")
    assert player.name == "perfect:0.1"
    assert make_player("perfect:0.10", "mini-standard").name == "perfect:0.1"
    chosen = player.choose(positions)[found.rows()] == found.actions
    errors = 1 - (found.best() & chosen).sum() / len(positions)
    assert errors == pytest.approx(0.1 * (1 - good).mean(), rel=0.2)
    always = make_player("perfect:1", "mini-standard").choose(np.full(8000, START))
    assert np.bincount(always)[Board("mini-standard").legal_actions].min() > 700


@pytest.mark.parametrize("text", ["perfect:", "perfect:x", "perfect:-0.1", "perfect:1.1", "perfect:nan"])
def test_other_probabilities_are_refused(text):
    with pytest.raises(PlayerError, match=f"'{text}' needs the probability of a random action, from 0 to 1"):
        make_player(text, "mini-standard")


@pytest.mark.parametrize(
    ("rules", "time"), [("mini-standard", "some seconds"), ("standard", "25 to 35 minutes on two cores")]
)
def test_without_distances_the_message_names_the_command(unsolved, rules, time):
    expected = f"`pylos solve --rules {rules} --distance` does it in {time}"
    with pytest.raises(TableError, match=expected):
        make_player("perfect", rules)
    if rules == "mini-standard":
        solve(rules)  # values alone are not enough
        with pytest.raises(TableError, match=expected):
            make_player("perfect:0.5", rules)


def test_rules_that_do_not_exist_are_refused(unsolved):
    with pytest.raises(RulesError, match="chess"):
        make_player("perfect", "chess")


@pytest.mark.parametrize("kind", ["values", "distances"])
def test_a_damaged_table_is_refused(solved_folder: Path, unsolved: Path, kind: str):
    shutil.copytree(solved_folder / "tables", unsolved / "tables", ignore=shutil.ignore_patterns("*.checked"))
    path = unsolved / "tables" / f"mini-standard.{kind}"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(TableError, match=rf"mini-standard\.{kind} is damaged"):
        make_player("perfect", "mini-standard")


def test_a_match_on_the_command_line(solved, capsys):
    assert main(["match", "perfect", "perfect:0.5", "--rules", "mini-standard", "--games", "20"]) == 0
    assert capsys.readouterr().out.startswith("perfect vs perfect:0.5: ")


def test_complaints_on_the_command_line_are_one_line(unsolved, capsys):
    for player, part in (("perfect", "--distance"), ("perfect:2", "from 0 to 1")):
        assert main(["match", player, "random", "--rules", "mini-standard"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("pylos: error: ")
        assert part in err
        assert err.count("\n") == 1
