"""The environment of Gymnasium passes Gymnasium's own check, and plays our rules against our players."""

import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env, data_equivalence  # noqa: E402

from pylos.adapters.gymnasium import PylosEnv  # noqa: E402
from pylos.errors import IllegalActionError  # noqa: E402
from pylos.game.board import Board  # noqa: E402
from pylos.game.position import mover  # noqa: E402
from pylos.players.baselines import RandomPlayer  # noqa: E402
from tests.support.boards import random_game  # noqa: E402


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("pylos.adapters.rendering.FRAMES_PER_SECOND", 0)  # no waiting


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color": "black"},
        {"color": "random", "rules": "mini-mature"},
        {"opponent": None},
        {"opponent": "rollouts:2", "rules": "children", "render_mode": "rgb_array"},
        {"opponent": "reference:1"},
    ],
)
def test_it_passes_the_check(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("Pylos-v0", **options).unwrapped)


def test_it_is_found_by_the_name_of_its_module():
    env = gymnasium.make("pylos.adapters.gymnasium:Pylos-v0", rules="mature")
    assert env.unwrapped.rules == "mature"


def random_episode(env, seed=None):
    """Plays random legal actions; returns all that was seen."""
    rng = np.random.default_rng(0)
    seen = [env.reset(seed=seed)]
    ended = False
    while not ended:
        action = rng.choice(np.flatnonzero(seen[-1][0]["action_mask"]))
        seen.append(env.step(action))
        ended = seen[-1][2] or seen[-1][3]
    return seen


@pytest.mark.parametrize("color", ["white", "black"])
def test_the_agent_plays_its_side_alone(color):
    env = PylosEnv(color=color, rules="mature")
    for _ in range(5):
        for seen in random_episode(env):
            info, over = seen[-1], len(seen) == 5 and (seen[2] or seen[3])
            assert info["side"] == (color == "black")
            assert over or mover(info["position"]) == info["side"]
            assert info["position"] == Board.from_position(info["position"], "mature").position
        assert seen[1] == (1 if env.board.winner == color else -1)
        assert seen[2:4] == (True, False)


def test_who_plays_both_sides_gets_the_reward_of_the_side_that_acted():
    game = random_game("standard", 200, 3)
    env = PylosEnv(opponent=None)
    env.reset()
    for action in game.actions[:-1]:
        observation, reward, terminated, truncated, info = env.step(action)
        assert (reward, terminated, truncated, info["illegal"]) == (0, False, False, False)
        assert info["side"] == mover(info["position"])
        assert list(np.flatnonzero(observation["action_mask"])) == list(env.board.legal_actions)
    assert env.step(game.actions[-1])[1:4] == (1, True, False)


def test_a_seed_determines_this_game_and_the_next_ones():
    options = {"opponent": "rollouts:2", "color": "random"}
    first, second = (PylosEnv(**options) for _ in range(2))
    assert data_equivalence(random_episode(first, 5), random_episode(second, 5), exact=True)
    assert data_equivalence(random_episode(first), random_episode(second), exact=True)
    games = {tuple(seen[-1]["position"] for seen in random_episode(first, seed)) for seed in range(5)}
    assert len(games) == 5


def test_a_random_color_is_both():
    env = PylosEnv(color="random")
    env.reset(seed=0)
    assert {env.reset()[1]["side"] for _ in range(20)} == {0, 1}


def test_an_illegal_action_loses_and_the_game_must_be_reset():
    env = PylosEnv()
    env.reset()
    _, reward, terminated, truncated, info = env.step(29)
    assert (reward, terminated, truncated, info["illegal"]) == (-1, True, False, True)
    assert env.board == Board()
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step(0)
    assert env.reset()[1]["illegal"] is False
    assert env.step(0)[1:4] == (0, False, False)


def test_it_must_be_reset_first():
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        PylosEnv().step(0)


def test_a_long_game_is_cut_off(monkeypatch):
    monkeypatch.setattr("pylos.game.outcome.MOST_PLIES", 4)
    env = PylosEnv(opponent=None)
    env.reset()
    ends = [env.step(action)[1:4] for action in range(4)]
    assert ends == [(0, False, False)] * 3 + [(0, False, True)]


def test_any_player_can_be_the_opponent():
    class Highest:
        name = "highest"

        def reset(self, key):
            self.key = key

        def choose(self, boards):
            return np.array([board.legal_actions[-1] for board in boards])

    player = Highest()
    env = PylosEnv(player, rules="children")
    env.reset(seed=1)
    env.step(0)
    assert env.board.actions == (0, 15)
    assert player.key > 0
    player.choose = lambda boards: np.array([29])
    with pytest.raises(IllegalActionError):
        env.step(1)


def test_it_shows_the_board():
    env = PylosEnv(RandomPlayer("mature"), render_mode="ansi")
    env.reset()
    assert "white to move; reserves: white 15, black 15" in env.render()
    window = PylosEnv(render_mode="human")
    window.reset()
    window.step(0)
    assert window.render() is None
    window.close()
    window.close()
