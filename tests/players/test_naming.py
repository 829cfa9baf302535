"""The texts that name players."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pylos.errors import CheckpointError, PlayerError, RulesError
from pylos.game.board import Board
from pylos.game.rules import rules_code, step
from pylos.game.symmetry import canonical_image
from pylos.network.checkpoints import load_network
from pylos.network.network import pylos_network
from pylos.network.onnx_network import OnnxEvaluator
from pylos.players.baselines import RandomPlayer, RolloutPlayer
from pylos.players.level_player import LevelPlayer
from pylos.players.levels import find_level
from pylos.players.naming import ONNX, check_player, make_player, player_text, reference_file
from pylos.players.network_player import NetworkPlayer
from pylos.players.player import Player
from tests.support.players import drawn_network, save_player, some_boards


@pytest.mark.parametrize(
    "text",
    [
        "random",
        "rollouts:7",
        "perfect",
        "perfect:0.1",
        "reference:0",
        "a.ckpt:8",
        "a.onnx",
        "a.onnx:0",
        "level:club",
    ],
)
def test_a_sound_text_is_checked_without_loading_anything(text: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.ckpt", "a.onnx"):
        (tmp_path / name).write_text("no network at all")
    check_player(text)


@pytest.mark.parametrize(
    "text", ["stockfish", "rollouts:0", "perfect:2", "reference:-1", "a.ckpt:x", "level:", "level:king"]
)
def test_a_text_that_names_no_player_is_refused_without_loading_anything(text: str):
    with pytest.raises(PlayerError):
        check_player(text)


def test_the_checkpoint_of_a_sound_text_must_be_a_file(tmp_path: Path):
    (tmp_path / "folder.ckpt").mkdir()
    missing = (
        ("none.ckpt", "No such file"),
        ("none.onnx:8", "No such file"),
        ("folder.ckpt:8", "Is a directory"),
    )
    for name, reason in missing:
        with pytest.raises(CheckpointError, match=f"no (checkpoint|network) .*{reason}"):
            check_player(str(tmp_path / name))


def test_players_are_made_from_texts(tmp_path):
    path = save_player(tmp_path / "a.ckpt")
    odd = save_player(tmp_path / "epoch:7.ckpt")
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
    boards, path = some_boards(), save_player(tmp_path / "a.ckpt")
    expected = NetworkPlayer("net", drawn_network(), "standard", simulations).choose(boards)
    player = make_player(f"{path}:{simulations}")
    assert player.choose(boards).tolist() == expected.tolist()
    assert player.weights_digest == load_network(path).weights_digest


def _rules(player: Player) -> str:
    return next(r for r in ("standard", "mature") if _accepts(player, r))


def _accepts(player: Player, rules: str) -> bool:
    try:
        player.choose([Board(rules)])
    except RulesError:
        return False
    return True


def test_rules_are_those_asked_for_or_the_checkpoints(tmp_path):
    path = save_player(tmp_path / "a.ckpt", rules="mature")
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


def test_a_level_is_a_player_of_its_rules():
    player = make_player("level:learner", "mature")
    assert isinstance(player, LevelPlayer)
    assert (player.name, player.rules, player.level) == (
        "level:learner",
        "mature",
        find_level("mature", "learner"),
    )
    assert make_player("level:child").rules == "standard"
    with pytest.raises(PlayerError, match="no level 'king'; there are child, beginner, "):
        make_player("level:king")
    with pytest.raises(PlayerError, match="no level 'master' of the mini-standard rules; there are child, "):
        make_player("level:master", "mini-standard")


def test_one_player_has_one_text():
    texts = {
        "random": "random",
        "rollouts:020": "rollouts:20",
        "./a//b.ckpt": "a/b.ckpt:64",
        "a/../b.ckpt:08": "b.ckpt:8",
        "reference": "reference:64",
        "reference:0": "reference:0",
        "a.ckpt:0": "a.ckpt:0",
        "level:club": "level:club",
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
    path = save_player(tmp_path / "a.ckpt")
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
            make_player(f"{save_player(tmp_path / 'bad.ckpt', **changes)}")


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


def test_an_agent_ships_for_the_rules_that_are_asked_for():
    assert make_player("reference:0", "mature").rules == "mature"
    assert make_player("reference:0").rules == "standard"
    assert reference_file("children").name == "children.ckpt"
    with pytest.raises(
        PlayerError, match="no reference agent ships for the mini-mature rules, only for children, m"
    ):
        reference_file("mini-mature")


# Exported networks -------------------------------------------------------------------------------------------

REFERENCE_ONNX = str(reference_file("standard", ONNX))


def test_an_exported_network_plays_as_its_checkpoint_does():
    boards = some_boards()
    for simulations in (0, 16):
        player = make_player(f"{REFERENCE_ONNX}:{simulations}")
        trained = make_player(f"{reference_file('standard')}:{simulations}")
        assert isinstance(player.network, OnnxEvaluator)
        assert not isinstance(trained.network, OnnxEvaluator)
        assert player.name == f"{REFERENCE_ONNX}:{simulations}"
        assert (player.rules, player.weights_digest) == ("standard", trained.weights_digest)
        chosen, expected = player.choose(boards), trained.choose(boards)
        # Of actions that lead to images of one position rounding decides.
        for board, *actions in zip(boards, chosen, expected, strict=True):
            after = {
                canonical_image(step(board.position, action, rules_code(board.rules)))[0]
                for action in actions
            }
            assert len(after) == 1


def test_the_agent_that_ships_is_computed_without_torch_on_a_cpu_alone():
    assert isinstance(make_player("reference").network, OnnxEvaluator)
    assert isinstance(make_player("level:club").agent.network, OnnxEvaluator)
    assert not isinstance(make_player("reference", device="meta").network, OnnxEvaluator)
    with pytest.raises(
        PlayerError, match="is computed on the CPU alone, not on cuda: take its checkpoint there"
    ):
        make_player(REFERENCE_ONNX, device="cuda")


def test_rules_of_exported_networks_are_held_to_those_asked_for():
    with pytest.raises(PlayerError, match="was trained for 'standard' rules, not for 'mature'"):
        make_player(REFERENCE_ONNX, "mature")


def test_a_damaged_export_is_refused_in_one_line(tmp_path):
    content = bytearray(Path(REFERENCE_ONNX).read_bytes())
    content[1000] ^= 1
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.onnx is damaged or was changed by another program"):
        make_player(str(tmp_path / "a.onnx"))


@pytest.mark.parametrize(
    "use",
    [
        f"pylos.make_player('{REFERENCE_ONNX}:2').choose([pylos.Board()])",
        "pylos.make_player('level:club').choose([pylos.Board()])",
        f"pylos.analyse(pylos.Board(), None, pylos.make_player('{REFERENCE_ONNX}:2'))",
        "from pylos.cli.main import main; main(['match', 'reference:2', 'random', '--games', '2'])",
        "from pylos.cli.main import main; main(['analyse', '--ckpt_path', 'reference', '--simulations', '2'])",
        "import pylos.web.server, pylos.engine.engine; from pylos.analysis.service import *; s = SearchService(); "
        "s.warm_up(load_agent('reference', 'standard')); s.close()",
    ],
)
def test_who_plays_with_exported_networks_does_without_torch(use: str):
    code = f"import sys, pylos; {use}; assert 'onnxruntime' in sys.modules; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
