"""The environment of PettingZoo passes PettingZoo's own tests, and plays our rules."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pettingzoo = pytest.importorskip("pettingzoo")

from pettingzoo.test import api_test, performance_benchmark, render_test, seed_test, test_save_obs  # noqa: E402

from pylos.adapters import pylos_v0  # noqa: E402
from pylos.adapters.conformance import check_conformance  # noqa: E402
from pylos.errors import ConfigurationError, IllegalActionError, RulesError  # noqa: E402
from pylos.game.actions import parse_action  # noqa: E402
from pylos.game.board import Board  # noqa: E402
from pylos.game.outcome import MOST_PLIES, outcome_on  # noqa: E402
from tests.support.boards import RULE_NAMES, random_game  # noqa: E402

test_save_obs.__test__ = False  # it is called below


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.mark.parametrize("rules", RULE_NAMES)
@pytest.mark.filterwarnings("ignore:Observation")  # a dict with a mask, as in PettingZoo's own board games
def test_it_passes_the_test_of_the_interface(rules, capsys):
    api_test(pylos_v0.env(rules=rules), num_cycles=150)
    api_test(pylos_v0.raw_env(rules=rules), num_cycles=50)
    assert capsys.readouterr().out.count("Passed API test") == 2


def test_it_passes_the_test_of_seeds():
    seed_test(pylos_v0.env, num_cycles=100)


def test_it_passes_the_test_of_rendering(monkeypatch):
    monkeypatch.setattr("pylos.adapters.rendering.FRAMES_PER_SECOND", 0)  # no waiting
    render_test(pylos_v0.env)


def test_it_passes_the_test_of_saved_observations(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    test_save_obs(pylos_v0.env())  # only observations that are pictures can be saved; it says so
    assert "Observations must be Box" in capsys.readouterr().out


def test_it_passes_the_measurement_of_speed(monkeypatch, capsys):
    seconds = iter(range(0, 10**9, 3))
    monkeypatch.setattr("time.time", lambda: next(seconds))  # its five seconds are over soon
    performance_benchmark(pylos_v0.env())
    assert "Finished performance benchmark" in capsys.readouterr().out


class Environments:
    """Its interface as that of an adapter: an environment is copied before it is stepped."""

    def start(self, rules):
        env = pylos_v0.env(rules=rules)
        env.reset()
        return env

    def legal(self, env):
        return np.flatnonzero(env.last()[0]["action_mask"])

    def mover(self, env):
        return pylos_v0.AGENTS.index(env.agent_selection)

    def play(self, env, action):
        env = copy.deepcopy(env)
        env.step(action)
        return env

    def result(self, env):
        ended = all(env.terminations.values()) or all(env.truncations.values())
        return env.rewards[pylos_v0.AGENTS[0]] if ended else None


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "mini-children"])
def test_it_conforms(rules):
    check_conformance(Environments(), [rules], depth=1, games=1)


def test_the_same_agent_acts_again_while_a_take_back_is_pending():
    env = pylos_v0.env()
    env.reset()
    for name in ("1A1", "1D1", "1A2", "1D2", "1B1", "1D4"):
        env.step(parse_action(name))
    assert env.agent_selection == "player_0"
    env.step(parse_action("1B2"))  # a square
    assert env.agent_selection == "player_0"
    mask = env.last()[0]["action_mask"]
    assert mask.sum() == 4
    assert env.observe("player_1")["action_mask"].sum() == 0
    env.step(parse_action("-1A1"))
    env.step(parse_action("="))
    assert env.agent_selection == "player_1"


def test_both_agents_see_the_board_from_their_own_side():
    env = pylos_v0.raw_env()
    env.reset()
    env.step(5)
    white, black = (env.observe(agent)["observation"] for agent in pylos_v0.AGENTS)
    assert (white[5], black[5]) == (1, -1)
    assert white[30] == black[31] == np.float32(14 / 15)


def test_a_win_and_a_loss_are_rewarded_at_the_end():
    board = random_game("standard", 200, 1)
    env = pylos_v0.env()
    env.reset()
    for action in board.actions:
        assert set(env.rewards.values()) == {0}
        env.step(action)
    winner = pylos_v0.AGENTS[board.winner == "black"]
    assert env.rewards == {agent: 1 if agent == winner else -1 for agent in pylos_v0.AGENTS}
    assert env.terminations == dict.fromkeys(pylos_v0.AGENTS, True)
    assert env.truncations == dict.fromkeys(pylos_v0.AGENTS, False)
    for agent in env.agent_iter():
        assert env.last()[1] == (1 if agent == winner else -1)
        env.step(None)


def test_a_long_game_is_cut_off(monkeypatch):
    monkeypatch.setattr("pylos.game.outcome.MOST_PLIES", 3)
    env = pylos_v0.env()
    env.reset()
    for action in range(3):
        assert env.agents
        assert not any(env.truncations.values())
        env.step(action)
    assert env.truncations == dict.fromkeys(pylos_v0.AGENTS, True)
    assert env.terminations == dict.fromkeys(pylos_v0.AGENTS, False)
    assert set(env.rewards.values()) == {0}
    assert MOST_PLIES == 200


def test_an_illegal_action_loses():
    env = pylos_v0.env()
    env.reset()
    env.step(29)
    assert env.rewards == {"player_0": -1, "player_1": 0}
    assert all(env.terminations.values())
    env.reset()
    with pytest.raises(AssertionError, match="action space"):
        env.step(303)


def test_without_wrappers_an_illegal_action_is_an_error_and_changes_nothing():
    env = pylos_v0.raw_env()
    env.reset()
    with pytest.raises(IllegalActionError, match="4A1"):
        env.step(29)
    assert env.board == Board()
    env.step(0)
    assert outcome_on(env.board) is None


def test_it_is_registered():
    env = pettingzoo.make("aec", "pylos-v0", rules="mature")
    assert (str(env), env.unwrapped.board.rules) == ("pylos_v0", "mature")


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_from_the_same_board(again):
    env = pylos_v0.env(rules="mature", render_mode="human")
    env.reset()  # opens a window
    env.step(3)
    copied = again(env)
    copied.step(4)
    assert copied.unwrapped.board.actions == (3, 4)
    assert env.unwrapped.board.actions == (3,)
    copied.close()
    env.close()


def test_wrong_options_are_refused():
    with pytest.raises(RulesError, match="chess"):
        pylos_v0.env(rules="chess")
    with pytest.raises(ConfigurationError, match="3d"):
        pylos_v0.env(render_mode="3d")


@pytest.mark.parametrize(
    ("library", "module"), [("pettingzoo", "pylos_v0"), ("gymnasium", "gymnasium"), ("gymnasium", "vector")]
)
def test_a_missing_library_is_named_in_one_line(library, module):
    code = f"import sys; sys.modules[{library!r}] = None; import pylos.adapters.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stderr.splitlines()[-1].endswith(f"is not installed: pip install 'pylos[{library}]'")
