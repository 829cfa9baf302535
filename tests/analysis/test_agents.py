"""Agents by text: loaded once, again when the file changes, and refused in words."""

from __future__ import annotations

import os
from collections import OrderedDict

import numpy as np
import pytest

from pylos.analysis import agents
from pylos.analysis.agents import load_agent
from pylos.errors import CheckpointError, PlayerError, RulesError
from pylos.game.board import Board
from pylos.game.position import START
from pylos.players.naming import ONNX, make_player, reference_file
from tests.support.players import drawn_network, save_player

POSITIONS = np.full(8, START)


def test_the_agent_that_ships_judges_as_its_player_does():
    agent = load_agent("reference", "children")
    expected = make_player("reference", "children").evaluator(POSITIONS)
    assert all(np.array_equal(a, b) for a, b in zip(agent.evaluate(POSITIONS), expected, strict=True))
    assert (agent.name, agent.rules, agent.root) == ("reference", "children", "gumbel")
    assert load_agent("reference", "children") is agent


def test_rollouts_judge_every_rule_set_and_always_the_same():
    agent = load_agent("rollouts", "mini-mature")
    values, log_policy = agent.evaluate(POSITIONS)
    assert set(np.abs(values)) == {1}
    assert len(set(values)) == 1
    assert not log_policy.any()
    assert agent.root == "puct"


def test_a_checkpoint_is_loaded_again_when_it_has_changed(tmp_path):
    path = save_player(tmp_path / "a.ckpt")
    agent = load_agent(str(path), "standard")
    assert load_agent(str(path), "standard") is agent
    changed = {f"network.{name}": value for name, value in drawn_network(1).state_dict().items()}
    save_player(path, state_dict=changed)
    os.utime(path, ns=(0, 0))
    assert not np.array_equal(
        load_agent(str(path), "standard").evaluate(POSITIONS)[0], agent.evaluate(POSITIONS)[0]
    )


def test_only_a_few_stay_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(agents, "MOST_AGENTS", 2)
    monkeypatch.setattr(agents, "_loaded", OrderedDict())
    first = load_agent("rollouts", "standard")
    load_agent("rollouts", "mature")
    assert load_agent("rollouts", "standard") is first
    load_agent("rollouts", "children")
    assert load_agent("rollouts", "standard") is first
    assert len(agents._loaded) == 2


@pytest.mark.parametrize(
    ("text", "rules", "error", "message"),
    [
        (
            "nonsense",
            "standard",
            PlayerError,
            "no agent 'nonsense'; there are reference, PATH.ckpt, PATH.onnx and rollouts",
        ),
        ("reference", "mini-standard", PlayerError, "no reference agent ships for the mini-standard rules"),
        ("missing.ckpt", "standard", CheckpointError, "missing.ckpt"),
        ("missing.onnx", "standard", CheckpointError, "missing.onnx"),
        ("\0.ckpt", "standard", PlayerError, "no agent"),
        ("rollouts", "nonsense", RulesError, "unknown rule set 'nonsense'"),
    ],
)
def test_what_names_no_agent_is_refused(text, rules, error, message):
    with pytest.raises(error, match=message):
        load_agent(text, rules)


def test_a_checkpoint_of_other_rules_is_refused(tmp_path):
    path = save_player(tmp_path / "a.ckpt", "standard")
    with pytest.raises(PlayerError, match="was trained for 'standard' rules, not for 'mature'"):
        load_agent(str(path), "mature")


def test_an_exported_network_is_an_agent():
    path = str(reference_file("children", ONNX))
    found, expected = (load_agent(text, "children").evaluate(POSITIONS) for text in (path, "reference"))
    assert np.array_equal(found[0], expected[0])
    legal = Board("children").legal_actions
    assert np.array_equal(found[1][:, legal], expected[1][:, legal])
