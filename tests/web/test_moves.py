"""Agents' turns: whole, legal, the same for the same seed, and what the agent itself would play."""

import json

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.kernels.randomness import derive_key, draw
from pylos.players.levels import draw_action, levels
from pylos.players.naming import REFERENCE, load_player
from pylos.players.perfect_player import load_perfect
from pylos.search.history import history_of
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.solution.tablebase import Tablebase
from pylos.web.settings import Settings
from tests.support.boards import random_game
from tests.support.players import save_player
from tests.support.serving import client_of


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    for rules in ("standard", "mature"):
        (runs / rules / "checkpoints").mkdir(parents=True)
        save_player(runs / rules / "checkpoints" / "last.ckpt", rules)
    (runs / "standard" / "checkpoints" / "damaged.ckpt").write_bytes(b"PK no checkpoint")
    with client_of(Settings(runs=runs)) as running:
        yield running


def as_game(board, start=None):
    return {"rules": board.rules, "start": start, "actions": list(board.actions)}


def ask(client, board, opponent, seed=0, start=None):
    return client.post(
        "/api/1/move", json={"game": as_game(board, start), "opponent": opponent, "seed": seed}
    )


def turn_of(*arguments, **options):
    answer = ask(*arguments, **options)
    assert answer.status_code == 200, answer.text
    assert answer.json()["milliseconds"] >= 0
    return answer.json()["turn"]


def error_of(answer, status=400):
    assert answer.status_code == status
    return answer.json()["error"]


@pytest.mark.parametrize("place", [0, 3])
def test_a_level_plays_what_its_search_finds_or_its_network_alone(client, place):
    level = levels("standard")[place]
    player = load_player(REFERENCE, "standard", level.simulations, "cpu")
    search = Search(1, rules_code("standard"), network_options(level.simulations)) if place else None
    assert (level.agent, bool(level.simulations)) == (REFERENCE, place > 0)
    for seed in range(4):
        board = random_game("standard", 9, seed)
        actions = []
        after, side = board.copy(), board.turn
        while after.turn == side:
            position, history = np.array([after.position]), history_of([after.positions[:-1]])
            if search:
                found = search.run(position, player.evaluator, np.zeros(1, np.int64), history)[:2]
            else:
                found = player.search(position, history, 0)
            key = draw(derive_key(seed, "move"), len(after.actions))
            actions.append(draw_action(found[0][0], found[1][0], level.temperature, key))
            after.push(actions[-1])
        turn = turn_of(client, board, f"level:{level.name}", seed)
        assert turn["actions"] == actions
        assert (turn["by"], turn["complete"], turn["turn"]) == (side, True, after.last_turn)
        assert turn["state"]["text"] == after.text


def test_the_seed_decides_what_a_weak_level_draws(client):
    board = Board()
    drawn = [turn_of(client, board, "level:child", seed)["turn"] for seed in range(12)]
    again = [turn_of(client, board, "level:child", seed)["turn"] for seed in range(12)]
    assert drawn == again
    assert len(set(drawn)) > 1


def test_a_begun_turn_is_finished(client):
    start = "ww..ww..bbb...../........./..../. w 2"
    turn = turn_of(client, Board.from_text(start), "level:club", start=start)
    assert (turn["by"], turn["complete"]) == ("white", True)
    assert turn["turn"].startswith("-")
    assert turn["state"]["turn"] == "black"


@pytest.mark.parametrize("opponent", ["run:standard/last.ckpt@4", "run:standard/last.ckpt@0"])
def test_a_checkpoint_plays_as_its_player(client, opponent):
    path = client.app.state.settings.runs / "standard" / "checkpoints" / "last.ckpt"
    player = load_player(path, "standard", int(opponent[-1]), "cpu")
    board = random_game("standard", 8, 5)
    assert turn_of(client, board, opponent)["actions"][0] == player.choose([board])[0]


def test_perfect_play_keeps_the_value(client, solved):
    table = Tablebase("mini-standard")
    for seed in range(6):
        board = random_game("mini-standard", 5 + seed, seed)
        if board.is_over:
            continue
        turn = turn_of(client, board, "perfect", seed)
        after = board.copy()
        for action in turn["actions"]:
            assert action in table.best_actions(after)
            after.push(action)
    assert load_perfect("mini-standard").name == "perfect"


def test_what_cannot_play_is_explained(client, unsolved):
    runs = str(client.app.state.settings.runs)
    board = Board()
    texts = [
        error_of(ask(client, board, "perfect")),
        error_of(ask(client, board, "run:mature/last.ckpt")),
        error_of(ask(client, board, "run:standard/damaged.ckpt")),
        error_of(ask(client, board, "run:standard/none.ckpt")),
    ]
    parts = ["pylos solve", "trained for 'mature' rules", "damaged.ckpt", "the checkpoint 'none.ckpt'"]
    assert all(part in text for part, text in zip(parts, texts, strict=True)), texts
    assert runs not in json.dumps(texts)


def test_bad_requests_are_explained(client):
    board = Board.from_text("................/.ww.bb.../..../. w 0", "mini-children")
    assert "must be a text" in error_of(ask(client, board, None))
    assert "seed must be" in error_of(ask(client, Board(), "level:child", -1))
    assert "seed must be" in error_of(ask(client, Board(), "level:child", 2**60))
    over = random_game("standard", 200, 1)
    assert over.is_over
    assert "the game is over" in error_of(ask(client, over, "level:child"))
