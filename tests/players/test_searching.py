"""Players: how they are named, that they choose well, and that nothing but key and boards decides what."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pylos.arena.match import play_match
from pylos.errors import CheckpointError, ConfigurationError, PlayerError, PositionError, RulesError
from pylos.game.board import Board
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import PylosNetwork, pylos_network
from pylos.players import search_player as players
from pylos.players.baselines import RandomPlayer, RolloutPlayer
from pylos.players.naming import make_player, player_text
from pylos.players.network_player import NetworkPlayer
from pylos.players.player import Player
from tests.support.boards import random_game
from tests.support.evaluators import single
from tests.twins import gumbel as twin_gumbel


def _network(seed: int = 0) -> PylosNetwork:
    torch.manual_seed(seed)
    network = pylos_network(32, 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def _save(path: Path, rules: str = "standard", **changes) -> Path:
    """A checkpoint with what a player needs of one."""
    checkpoint = {
        "state_dict": {f"network.{name}": value for name, value in _network().state_dict().items()},
        "hyper_parameters": {"rules": rules, "width": 32, "blocks": 1},
        "epoch": 3,
        "global_step": 40,
    }
    torch.save(checkpoint | changes, path)
    return path


def _boards(rules: str = "standard", count: int = 12) -> list[Board]:
    games = (random_game(rules, 3 * i % 37, i) for i in range(3 * count))
    return [board for board in games if not board.is_over][:count]


PLAYERS = [
    lambda: RandomPlayer(),
    lambda: RolloutPlayer(30),
    lambda: NetworkPlayer("net", _network(), "standard", 16),
    lambda: NetworkPlayer("bare", _network(), "standard", 0),
]
"""One of each kind."""


def _assert_legal(actions: np.ndarray, boards: list[Board]) -> None:
    assert actions.dtype == np.int64
    assert actions.shape == (len(boards),)
    for action, board in zip(actions, boards, strict=True):
        assert action in board.legal_actions


@pytest.mark.parametrize("make", PLAYERS)
def test_every_player_chooses_legal_actions_for_any_number_of_boards(make):
    player = make()
    for count in (1, 5, 8, 12):
        _assert_legal(player.choose(_boards(count=count)), _boards(count=count))


@pytest.mark.parametrize("make", PLAYERS)
def test_boards_and_packed_positions_are_the_same(make):
    boards, player = _boards(), make()
    player.reset(3)
    from_boards = player.choose(boards)
    player.reset(3)
    assert player.choose(np.array([board.position for board in boards])).tolist() == from_boards.tolist()


@pytest.mark.parametrize("make", PLAYERS)
def test_a_key_names_all_choices(make):
    """Start boards leave much to chance; the bare policy leaves nothing."""
    player, boards = make(), [Board()] * 20

    def choices(key: int) -> list[list[int]]:
        player.reset(key)
        return [player.choose(boards).tolist() for _ in range(3)]

    first = choices(1)
    assert choices(1) == first
    if isinstance(player, RandomPlayer | RolloutPlayer):
        assert choices(2) != first
        assert first[0] != first[1]
    elif player.name == "bare":
        assert choices(2) == first


@pytest.mark.parametrize("make", PLAYERS)
def test_boards_of_other_rules_are_refused(make):
    with pytest.raises(RulesError, match="'standard' rules, the board is 'mature'"):
        make().choose([Board(), Board("mature")])


@pytest.mark.parametrize("make", PLAYERS)
def test_finished_games_and_what_is_no_board_are_refused(make):
    player, boards = make(), _boards()
    over = next(board for board in (random_game("standard", 200, i) for i in range(9)) if board.is_over)
    for asked in ([over], [*boards[:3], over, boards[3]], np.array([boards[0].position, over.position])):
        with pytest.raises(PositionError, match=r"nothing to choose: the game on board \d of \d is over"):
            player.choose(asked)
    for asked in (np.zeros(3), np.zeros((2, 2), np.int64), np.array(["x"])):
        with pytest.raises(PositionError, match="packed positions are int64"):
            player.choose(asked)
    for nothing in ([], np.array([]), np.array([], np.int64)):
        assert player.choose(nothing).dtype == np.int64
        assert player.choose(nothing).shape == (0,)


@pytest.mark.parametrize("simulations", [-1, 30_001, 4.5, True, "4"])
def test_simulations_of_an_agent_are_held_to_their_range(simulations):
    with pytest.raises(ConfigurationError, match="simulations must be a whole number from 0 to 30000"):
        NetworkPlayer("net", _network(), "standard", simulations)


def test_numbers_of_numpy_and_torch_make_the_same_player():
    boards = [Board()] * 5
    for make in (
        lambda n, key: RolloutPlayer(n, key=key),
        lambda n, key: NetworkPlayer("a", _network(), "standard", n, key=key),
    ):
        plain, other = make(8, 3), make(np.int64(8), torch.tensor(3))
        assert plain.name == other.name
        assert plain.choose(boards).tolist() == other.choose(boards).tolist()


def test_the_random_player_is_spread_over_all_actions():
    chosen = RandomPlayer(key=5).choose([Board()] * 800)
    assert np.bincount(chosen, minlength=16).min() > 20


def test_more_boards_than_rows_are_chosen_for_in_rounds(monkeypatch):
    boards = _boards(count=20)
    whole = NetworkPlayer("net", _network(), "standard", 16).choose(boards)
    monkeypatch.setattr(players, "MAX_ROWS", 8)
    assert NetworkPlayer("net", _network(), "standard", 16).choose(boards).tolist() == whole.tolist()


def test_a_player_is_asked_for_more_boards_than_its_rows():
    boards = [Board()] * (players.MAX_ROWS + 3)
    _assert_legal(RolloutPlayer(3).choose(boards), boards)


def test_the_bare_policy_plays_the_likeliest_legal_action():
    boards, network = _boards(), _network()
    chosen = NetworkPlayer("bare", network, "standard", 0).choose(boards)
    judge = NetworkEvaluator(network, 1, "cpu", "float32")
    for board, action in zip(boards, chosen, strict=True):
        _, log_policy = judge(np.array([board.position]))
        # Of actions that are the same but for symmetry, rounding decides.
        assert log_policy[0, action] == pytest.approx(log_policy[0, board.legal_actions].max(), abs=1e-5)


def test_a_network_player_searches_without_noise_and_plays_the_likeliest_improved_action():
    boards, network = _boards(), _network()
    chosen = NetworkPlayer("net", network, "standard", 24).choose(boards)
    judge = NetworkEvaluator(network, 1, "cpu", "float32").cached(0)
    search = twin_gumbel.GumbelSearch(lambda position: single(judge, position), 24)
    for board, action in zip(boards, chosen, strict=True):
        weights = twin_gumbel.weights(search.run(board))
        assert weights[int(action)] == max(weights.values())


def test_training_does_not_reach_the_network_of_a_player():
    boards, network = _boards(), _network().train()
    player = NetworkPlayer("net", network, "standard", 0)
    before = player.choose(boards).tolist()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    assert network.training
    assert player.choose(boards).tolist() == before
    assert NetworkPlayer("net", network, "standard", 0).choose(boards).tolist() != before


def test_rollouts_beat_random():
    result = play_match(RolloutPlayer(60), RandomPlayer(), games=40)
    assert result.score > 0.85


def test_more_rollouts_beat_fewer():
    assert play_match(RolloutPlayer(150), RolloutPlayer(5), games=40).score > 0.7


def test_players_are_made_from_texts(tmp_path):
    path = _save(tmp_path / "a.ckpt")
    odd = _save(tmp_path / "epoch:7.ckpt")
    assert isinstance(make_player("random"), RandomPlayer)
    assert isinstance(make_player("rollouts:7"), RolloutPlayer)
    named = {
        "random": "random",
        "rollouts:7": "rollouts:7",
        "rollouts:07": "rollouts:7",
        f"{path}": f"{path}:64",
        f"{path}:16": f"{path}:16",
        f"{path}:0": f"{path}:0",
        f"{odd}": f"{odd}:64",
        f"{odd}:5": f"{odd}:5",
    }
    for text, name in named.items():
        assert make_player(text).name == name
    assert make_player(f"{path}", simulations=9).name == f"{path}:9"


@pytest.mark.parametrize("simulations", [0, 16])
def test_a_checkpoint_plays_as_its_network(tmp_path, simulations):
    boards, path = _boards(), _save(tmp_path / "a.ckpt")
    expected = NetworkPlayer("net", _network(), "standard", simulations).choose(boards)
    assert make_player(f"{path}:{simulations}").choose(boards).tolist() == expected.tolist()


def _rules(player: Player) -> str:
    return next(r for r in ("standard", "mature") if _accepts(player, r))


def _accepts(player: Player, rules: str) -> bool:
    try:
        player.choose([Board(rules)])
    except RulesError:
        return False
    return True


def test_rules_are_those_asked_for_or_the_checkpoints(tmp_path):
    path = _save(tmp_path / "a.ckpt", rules="mature")
    assert _rules(make_player("random")) == _rules(make_player("rollouts:2")) == "standard"
    assert _rules(make_player("random", "mature")) == _rules(make_player("rollouts:2", "mature")) == "mature"
    assert _rules(make_player(f"{path}:2")) == _rules(make_player(f"{path}:2", "mature")) == "mature"
    with pytest.raises(PlayerError, match=r"a\.ckpt was trained for 'mature' rules, not for 'standard'"):
        make_player(f"{path}", "standard")
    with pytest.raises(RulesError, match="chess"):
        make_player("random", "chess")


@pytest.mark.parametrize("text", ["", "rollouts", "rollouts:", "radnom", "random:5", "x:3", "rollout:5", ":"])
def test_texts_that_name_no_player_are_refused(text):
    with pytest.raises(PlayerError, match="player"):
        make_player(text)


@pytest.mark.parametrize("kind", ["rollouts", "x.ckpt", "reference", "perfect", "nobody"])
def test_numbers_of_thousands_of_digits_are_refused_in_one_short_line(kind):
    for number in ("7" * 5000, "-" + "7" * 5000):
        with pytest.raises(PlayerError) as caught:
            make_player(f"{kind}:{number}")
        assert len(str(caught.value)) < 250
    if kind == "rollouts":
        assert make_player(f"rollouts:{'0' * 5000}7").name == "rollouts:7"


def test_one_player_has_one_text():
    texts = {
        "random": "random",
        "rollouts:020": "rollouts:20",
        "./a//b.ckpt": "a/b.ckpt:64",
        "a/../b.ckpt:08": "b.ckpt:8",
        "reference": "reference:64",
        "perfect:0": "perfect",
        "perfect:.10": "perfect:0.1",
        "perfect:1.0": "perfect:1",
        "perfect:0.12345678": "perfect:0.12345678",
    }
    for text, expected in texts.items():
        assert player_text(text) == player_text(expected) == expected


@pytest.mark.parametrize(
    "text", ["rollouts:0", "rollouts:-1", "rollouts:30001", "rollouts:x", "rollouts:1.5", "rollouts:²"]
)
def test_numbers_of_simulations_are_checked(text):
    with pytest.raises(PlayerError, match=f"'{text}' needs a number of simulations from 1 to 30000"):
        make_player(text)


@pytest.mark.parametrize("number", ["", "-1", "30001", "x"])
def test_numbers_of_simulations_of_a_checkpoint_are_checked(tmp_path, number):
    path = _save(tmp_path / "a.ckpt")
    with pytest.raises(PlayerError, match="needs a number of simulations from 0 to 30000"):
        make_player(f"{path}:{number}")


def test_checkpoints_that_hold_no_network_of_ours_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        make_player(f"{tmp_path}/none.ckpt")
    for changes in (
        {"hyper_parameters": {}},
        {"hyper_parameters": {"rules": "standard", "width": 33, "blocks": 1}},
        {"hyper_parameters": {"rules": "standard", "width": "wide", "blocks": 1}},
        {"state_dict": {}},
    ):
        with pytest.raises(CheckpointError, match=r"bad\.ckpt does not hold a network"):
            make_player(f"{_save(tmp_path / 'bad.ckpt', **changes)}")


def test_a_flipped_bit_in_a_weight_is_noticed(tmp_path):
    path = tmp_path / "a.ckpt"
    network = pylos_network(16, 1)
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    settings = {"rules": "standard", "width": 16, "blocks": 1}
    torch.save({"state_dict": weights, "hyper_parameters": settings, "epoch": 0, "global_step": 1}, path)
    make_player(str(path))
    content = bytearray(path.read_bytes())
    first = next(iter(weights.values())).numpy().tobytes()
    content[content.index(first) + 3] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged: the checksum"):
        make_player(str(path))


def test_a_folder_is_refused_with_a_hint(tmp_path):
    with pytest.raises(PlayerError, match=r"is a folder: the players in it are its checkpoints"):
        make_player(str(tmp_path))
