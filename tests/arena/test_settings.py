from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from pylos.arena.settings import EvaluationSettings
from pylos.errors import CheckpointError, ConfigurationError, PlayerError
from pylos.players.levels import find_level
from pylos.players.naming import reference_file


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"games": 3}, ConfigurationError),
        ({"games": 0}, ConfigurationError),
        ({"simulations": -1}, ConfigurationError),
        ({"simulations": 30_001}, ConfigurationError),
        ({"anchors": ("stockfish",)}, PlayerError),
        ({"anchors": ("rollouts:0",)}, PlayerError),
        ({"anchors": ("perfect:2",)}, PlayerError),
        ({"anchors": ("missing.ckpt",)}, CheckpointError),
        ({"anchors": ("random",)}, ConfigurationError),
        ({"anchors": ("rollouts:2", "rollouts:2")}, ConfigurationError),
        ({"anchors": ("rollouts:2", "rollouts:002")}, ConfigurationError),
        ({"anchors": ("perfect", "perfect:0")}, ConfigurationError),
        ({"anchors": "rollouts:2"}, ConfigurationError),
        ({"anchors": (3,)}, ConfigurationError),
        ({"anchors": ("\udcff.ckpt",)}, ConfigurationError),
        *(
            ({name: value}, ConfigurationError)
            for name in ("games", "simulations", "seed")
            for value in (True, 4.5, "4", np.float64(4), 10**400)
        ),
    ],
    ids=itertools.count(),
)
def test_bad_settings_are_refused_in_one_line(changes, error):
    with pytest.raises(error) as caught:
        EvaluationSettings(**changes)
    assert "\n" not in str(caught.value)


def test_settings_are_plain_values():
    settings = EvaluationSettings(np.int64(4), torch.tensor(8), ["rollouts:020", "perfect:0"], np.uint8(3))
    assert settings == EvaluationSettings(4, 8, ("rollouts:20", "perfect"), 3)
    values = settings.to_dict()
    assert values == {"games": 4, "simulations": 8, "anchors": ["rollouts:20", "perfect"], "seed": 3}
    assert {type(value) for value in values.values()} == {int, list}
    assert EvaluationSettings(**values) == dataclasses.replace(settings) == settings


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """x.ckpt, in the working directory."""
    monkeypatch.chdir(tmp_path)
    with resources.as_file(reference_file("standard")) as file:
        return Path(shutil.copy(file, "x.ckpt"))


def _name(anchor: str) -> str:
    random, player = EvaluationSettings(anchors=(anchor,)).fixed_opponents("standard")
    assert random.name == "random"
    return player.name


def test_a_checkpoint_is_known_by_its_weights(checkpoint: Path):
    """However its path is written."""
    name = _name("x.ckpt:4")
    assert re.fullmatch(r"x-[0-9a-f]{8}:4", name)
    assert _name("./y/../x.ckpt:04") == name
    assert _name("x.ckpt") == name.replace(":4", ":64")
    with pytest.raises(ConfigurationError, match="met once each"):
        EvaluationSettings(anchors=("x.ckpt", "./x.ckpt:64"))
    other = torch.load("x.ckpt", weights_only=True)
    other["state_dict"][next(iter(other["state_dict"]))].add_(1)
    torch.save(other, "x.ckpt")
    assert re.fullmatch(r"x-[0-9a-f]{8}:4", _name("x.ckpt:4"))
    assert _name("x.ckpt:4") != name


def test_a_level_is_known_by_all_that_it_plays_by():
    level = find_level("standard", "club")
    assert re.fullmatch(
        rf"level:club-[0-9a-f]{{8}}:{level.simulations}:{level.temperature:g}", _name("level:club")
    )


def test_metrics_are_named_after_paths_without_being_paths(checkpoint: Path):
    Path("old").mkdir()
    checkpoint.rename("old/x y.ckpt")
    settings = EvaluationSettings(anchors=("rollouts:2", "./old//x y.ckpt:4"))
    assert settings.names_in_metrics == ["random", "rollouts:2", "old-x-y.ckpt:4"]
    Path("-").mkdir()
    Path("old/x y.ckpt").rename("-/x.ckpt")
    assert EvaluationSettings(anchors=("-/x.ckpt",)).names_in_metrics[1] == "x.ckpt:64"


def test_a_damaged_checkpoint_is_found_where_it_is_loaded(checkpoint: Path):
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    settings = EvaluationSettings(anchors=("x.ckpt:4",))
    with pytest.raises(CheckpointError, match=r"x\.ckpt"):
        settings.fixed_opponents("standard")


def test_what_the_rules_do_not_have_is_refused_where_it_is_made(unsolved: Path):
    assert EvaluationSettings(anchors=("perfect:0.5",)).anchors == ("perfect:0.5",)
    with pytest.raises(PlayerError, match="no reference agent ships for the mini-standard rules"):
        EvaluationSettings(anchors=("reference",)).fixed_opponents("mini-standard")
