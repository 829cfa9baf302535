"""The agent that ships with the package: that it is there, plays by its name, and plays well."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import pylos
from pylos.cli.main import main
from pylos.errors import PlayerError
from pylos.game.board import Board
from pylos.game.rules import RULES, rules_code, step
from pylos.game.symmetry import canonical_image
from pylos.network.checkpoint_format import REQUIRED, VERSION_KEY
from pylos.network.checkpoints import read_torch_file
from pylos.network.onnx_network import OnnxEvaluator
from pylos.players.naming import ONNX, load_player, load_trained, make_player, reference_file
from pylos.players.network_player import NetworkPlayer
from pylos.truth.suite import load_suite
from tests.support.players import save_player

SHIPPED = sorted(path.stem for path in (Path(pylos.__file__).parent / "players" / "reference").glob("*.ckpt"))


def kept_share(spec: str, every: int, rules: str = "standard") -> float:
    """How often a player's choice keeps the exact value, in one of `every` positions of the suite."""
    suite = load_suite(rules)
    rows = np.arange(0, len(suite), every)
    return float(suite.keeping[rows, make_player(spec, rules).choose(suite.positions[rows])].mean())


def test_it_is_named_with_its_simulations():
    assert make_player("reference").name == "reference:64"
    assert make_player("reference", simulations=7).name == "reference:7"
    assert make_player("reference:0").name == "reference:0"
    assert load_player("reference", None, 5, "cpu").name == "reference:5"


@pytest.mark.parametrize("rules", SHIPPED)
def test_it_holds_no_more_than_a_player_needs(rules):
    path = reference_file(rules)
    checkpoint = read_torch_file(str(path))
    assert set(checkpoint) - {VERSION_KEY} == {*REQUIRED, "pytorch-lightning_version"}  # older ones lack it
    assert checkpoint["hyper_parameters"]["rules"] == rules
    assert path.stat().st_size < 1_000_000
    assert all(torch.isfinite(weight).all() for weight in checkpoint["state_dict"].values())


def load_script() -> ModuleType:
    path = Path(__file__).parents[2] / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_picture_of_a_run_is_drawn_from_its_metrics(tmp_path: Path):
    """No event files, of which an interrupted run has several without a common clock. Every column is in it."""
    names = ["epoch", *(f"truth/{name}_accuracy" for name in ("search", "policy", "uniform"))]
    names += ["eval/elo", "eval/elo_low", "eval/elo_high"]
    rows = [[n, 0.9 + n / 100, 0.8, 0.5, *([2000 + n, 1900, 2100] if n % 2 else [""] * 3)] for n in range(4)]

    def drawn() -> str:
        (tmp_path / "metrics.csv").write_text(
            "".join(",".join(map(str, row)) + "\n" for row in [names, *rows])
        )
        load_script().plot(tmp_path, tmp_path / "progress.svg")
        return (tmp_path / "progress.svg").read_text()

    pictures = [drawn()]
    assert all(
        f">{text}</text>" in pictures[0] for text in ("search", "policy", "uniformly random", "epochs")
    )
    for place in range(len(names)):
        rows[3][place] = rows[3][place] * 0.75 if place else 4
        pictures.append(drawn())
    rows[1][5] = ""  # an open end of an interval
    assert len({*pictures, drawn()}) == len(names) + 2


def test_what_ships_of_a_run_is_what_a_player_needs(tmp_path: Path, monkeypatch):
    script = load_script()
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    save_player(
        last, "mature", **{"pytorch-lightning_version": "2.6.6", "loops": {}, "SelfPlayDataModule": 5}
    )
    monkeypatch.setattr(script, "ROOT", tmp_path)
    shipped = script.ship(tmp_path / "run")
    assert shipped == tmp_path / "pylos" / "players" / "reference" / "mature.ckpt"
    assert set(read_torch_file(shipped)) == {*REQUIRED, VERSION_KEY, "pytorch-lightning_version"}
    played = [make_player(f"{path}:8") for path in (shipped, shipped.with_suffix(ONNX))]
    assert {(player.rules, player.weights_digest) for player in played} == {
        ("mature", played[0].weights_digest)
    }
    assert Path(str(reference_file("mature"))).parts[-4:] == shipped.relative_to(tmp_path).parts


def test_it_plays_nearly_perfectly():
    # An untrained network is at 0.5.
    assert kept_share("reference:0", 16) > 0.94
    assert kept_share("reference:64", 16) > 0.98


LEAST = {
    "children": (0.95, 0.98),
    "standard": (0.93, 0.96),
    "standard-optional": (0.92, 0.95),
    "mature-optional": (0.87, 0.91),
    "mature": (0.86, 0.88),
}
"""How often the bare policy and 16 simulations keep the exact value, as measured and a little less."""


@pytest.mark.parametrize("rules", LEAST)
def test_those_of_all_rules_play_well(rules):
    policy, search = LEAST[rules]
    assert kept_share("reference:0", 32, rules) > policy
    assert kept_share("reference:16", 32, rules) > search


@pytest.mark.parametrize("rules", SHIPPED)
def test_onnxruntime_chooses_what_torch_does(rules):
    """In one of eight positions of the suite. `benchmarks/startup.py` compares all of them."""
    suite = load_suite(rules)
    positions = suite.positions[::8]
    played = make_player("reference:0", rules)
    trained = NetworkPlayer("torch", load_trained("reference", rules).network, rules, 0)
    assert isinstance(played.network, OnnxEvaluator)
    assert played.weights_digest == load_trained("reference", rules).weights_digest
    chosen, expected = played.choose(positions), trained.choose(positions)
    assert (chosen == expected).mean() > 0.99
    # Where an action and its image under a symmetry lead to the same, rounding decides.
    for position, *actions in zip(positions.tolist(), chosen, expected, strict=True):
        assert len({canonical_image(step(position, a, rules_code(rules)))[0] for a in actions}) == 1


def test_every_rule_set_of_the_whole_board_has_one():
    assert set(SHIPPED) == set(LEAST) == {name for name in RULES if not name.startswith("mini-")}


@pytest.mark.parametrize("text", ["reference:", "reference:x", "reference:-1", "reference:30001"])
def test_numbers_of_simulations_are_checked(text):
    with pytest.raises(PlayerError, match="needs a number of simulations from 0 to 30000"):
        make_player(text)


def test_rules_without_one_are_refused():
    with pytest.raises(
        PlayerError, match=r"no reference agent ships for the mini-mature rules, only for .*standard"
    ):
        make_player("reference", "mini-mature")


def test_it_needs_no_training(capsys):
    assert main(["match", "reference:8", "random", "--games", "4"]) == 0
    assert "reference:8" in capsys.readouterr().out
    assert main(["analyse", "--ckpt_path", "reference", "--simulations", "8", Board().text]) == 0
    assert "network" in capsys.readouterr().out
    options = ["--trainer.accelerator", "cpu", "--trainer.limit_val_batches", "1"]
    assert (
        main(["validate", "--ckpt_path", "reference", *options, "--model.validation_simulations", "0"]) == 0
    )
    assert "policy" in capsys.readouterr().out
    assert main(["match", "reference", "random", "--rules", "mini-mature"]) == 2
    assert "no reference agent ships" in capsys.readouterr().err
