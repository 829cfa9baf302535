"""The vectorised environment does what many single ones do, in all modes of the next game."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import data_equivalence  # noqa: E402
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics  # noqa: E402

from pylos.adapters.gymnasium import PylosEnv  # noqa: E402
from pylos.adapters.vector import PylosVectorEnv  # noqa: E402
from pylos.errors import ConfigurationError, IllegalActionError  # noqa: E402
from pylos.game.position import START, mover  # noqa: E402


def choose(rng, mask, illegal=0.0):
    """Random legal actions [B], a part of them illegal."""
    actions = (rng.random(mask.shape) * mask).argmax(axis=1)
    return np.where(rng.random(len(actions)) < illegal, 302, actions)


class First:
    """Plays the first legal action, so that it is the same player in every environment."""

    name = "first"

    def __init__(self, code):
        self.code = code

    def reset(self, key):
        pass

    def choose(self, boards):
        from pylos.game.board import Board

        made = [b if isinstance(b, Board) else Board.from_position(b, self.code) for b in boards]
        return np.array([board.legal_actions[0] for board in made])


class Told(First):
    """Takes the history of its games, too, and remembers what it was told."""

    def choose(self, boards, history=None):
        rows = zip(boards.tolist(), *history, strict=True)
        self.games = [[*earlier[:n].tolist(), now] for now, earlier, n in rows]
        return super().choose(boards)


def test_an_opponent_that_takes_a_history_is_told_the_games():
    opponent, rng = Told("standard"), np.random.default_rng(0)
    env = PylosVectorEnv(4, opponent=opponent, color="white")
    observations, _ = env.reset(seed=0)
    for _ in range(6):
        observations, *_ = env.step(choose(rng, observations["action_mask"]))
        for game in opponent.games:
            row = np.flatnonzero((env._games.positions[:, : len(game)] == game).all(axis=1))
            assert len(row)
            assert game[0] == START
    assert min(map(len, opponent.games)) > 6
    env.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(
    "options",
    [
        {"opponent": None, "rules": "mature"},
        {"opponent": None, "rules": "mini-standard-optional"},
        {"opponent": First("standard"), "color": "black"},
        {"opponent": First("mini-children"), "rules": "mini-children"},
    ],
    ids=lambda options: options.get("color") or options.get("rules"),
)
def test_it_does_what_single_environments_do(mode, options):
    number, rng = 5, np.random.default_rng(0)
    ours = PylosVectorEnv(number, **options, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: PylosEnv(**options)] * number, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    (observations, infos), expected = ours.reset(seed=1), theirs.reset(seed=1)
    assert data_equivalence(observations, expected[0])
    ends = 0
    for _ in range(150):
        actions = choose(rng, observations["action_mask"], illegal=0.01)
        *results, infos = ours.step(actions)
        *expected, their_infos = theirs.step(actions)
        observations, _, terminations, truncations = results
        assert data_equivalence(observations, expected[0], exact=True)
        assert data_equivalence(tuple(results[1:]), tuple(expected[1:]))
        for name in ("position", "side", "illegal"):
            assert list(infos[name]) == list(their_infos[name])
            assert list(infos[f"_{name}"]) == list(their_infos[f"_{name}"])
        ended = terminations | truncations
        ends += ended.sum()
        assert infos.keys() == their_infos.keys()
        assert (
            ("final_obs" in infos)
            == ("final_obs" in their_infos)
            == (mode == AutoresetMode.SAME_STEP and ended.any())
        )
        if "final_obs" in infos:
            assert list(infos["_final_obs"]) == list(their_infos["_final_obs"]) == list(ended)
            for i in np.flatnonzero(ended):
                assert data_equivalence(infos["final_obs"][i], their_infos["final_obs"][i], exact=True)
                for name, value in their_infos["final_info"].items():
                    assert infos["final_info"][name][i] == value[i]
        if mode == AutoresetMode.DISABLED and ended.any():
            observations, _ = ours.reset(options={"reset_mask": ended})
            expected, _ = theirs.reset(options={"reset_mask": ended})
            assert data_equivalence(observations, expected, exact=True)
    assert ends > number
    ours.close()


def test_a_seed_determines_the_games_that_are_reset_whatever_was_played_before():
    mask, seen = np.array([True, True, False]), []
    for before in (1, 2):
        env = PylosVectorEnv(3, opponent="random", color="black")
        env.reset(seed=before)
        observations, _ = env.reset(seed=7, options={"reset_mask": mask})
        seen.append(observations["observation"][mask])
        env.close()
    assert np.array_equal(*seen)


def test_threads_and_copies_change_nothing():
    number = 600  # more than one share
    made = [
        PylosVectorEnv(number, opponent="random", rules="mature", color="random", threads=threads, copy=copy)
        for threads, copy in ((1, True), (3, False))
    ]
    rng = np.random.default_rng(0)
    seen = [env.reset(seed=3) for env in made]
    for _ in range(80):
        assert data_equivalence(seen[0], seen[1], exact=True)
        actions = choose(rng, seen[0][0]["action_mask"])
        seen = [env.step(actions) for env in made]
    kept, reused = (env.step(choose(rng, seen[0][0]["action_mask"])) for env in made)
    later = [env.step(choose(rng, env._seen.action_mask)) for env in made]
    assert not np.shares_memory(kept[0]["observation"], later[0][0]["observation"])
    assert reused[0]["observation"] is later[1][0]["observation"]
    for env in made:
        env.close()
        env.close()


def test_the_agent_acts_on_its_own_side():
    env = gymnasium.make_vec("Pylos-v0", num_envs=64, color="random", opponent="random")
    assert isinstance(env, PylosVectorEnv)
    rng = np.random.default_rng(0)
    observations, infos = env.reset(seed=0)
    assert set(infos["side"]) == {0, 1}
    rewards = np.zeros(0)
    while len(rewards) < 500:
        observations, reward, terminations, truncations, infos = env.step(
            choose(rng, observations["action_mask"])
        )
        ended = terminations | truncations
        assert (mover(infos["position"]) == infos["side"])[~ended].all()
        assert not reward[~ended].any()
        rewards = np.append(rewards, reward[ended])
    assert abs(rewards.mean()) < 0.3  # random against random
    assert env.spec.id == "Pylos-v0"


def test_our_players_choose_for_all_games_at_once():
    env = PylosVectorEnv(8, opponent="rollouts:2", rules="mini-standard")
    observations, _ = env.reset(seed=0)
    first = [env.step(choose(np.random.default_rng(1), observations["action_mask"]))[0] for _ in range(1)]
    observations, _ = env.reset(seed=0)
    second = [env.step(choose(np.random.default_rng(1), observations["action_mask"]))[0] for _ in range(1)]
    assert data_equivalence(first, second, exact=True)


def test_wrappers_of_gymnasium_work():
    counted = RecordEpisodeStatistics(PylosVectorEnv(4, opponent=None, rules="mini-standard"))
    listed = DictInfoToList(PylosVectorEnv(4, opponent=None, rules="mini-standard"))
    observations, _ = counted.reset(seed=0)
    assert listed.reset(seed=0)[1] == [{"position": 0, "side": 0, "illegal": False}] * 4
    rng, episodes = np.random.default_rng(0), 0
    for _ in range(60):
        actions = choose(rng, observations["action_mask"])
        observations, _, _, _, infos = counted.step(actions)
        assert [info["position"] for info in listed.step(actions)[4]] == list(infos["position"])
        episodes += infos["_episode"].sum() if "episode" in infos else 0
    assert episodes >= 4


def test_what_cannot_be_is_refused():
    for options in ({"num_envs": 0}, {"threads": -1}, {"autoreset_mode": "Never"}, {"color": "green"}):
        with pytest.raises(ConfigurationError, match=str(next(iter(options.values())))):
            PylosVectorEnv(**options)
    env = PylosVectorEnv(2, opponent=None, autoreset_mode="Disabled")
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step(np.zeros(2, int))
    env.reset()
    for actions in (np.zeros(3, int), np.zeros(2), 0):
        with pytest.raises(ConfigurationError, match=r"actions are integers \[2\]"):
            env.step(actions)
    for mask in ([True], np.zeros(2)):
        with pytest.raises(ConfigurationError, match="reset_mask"):
            env.reset(options={"reset_mask": mask})
    env.step([29, 0])
    with pytest.raises(gymnasium.error.ResetNeeded, match="game 0"):
        env.step([1, 1])


def test_an_opponent_that_plays_illegally_is_named():
    player = First("standard")
    player.choose = lambda boards: np.full(len(boards), 29)
    env = PylosVectorEnv(2, opponent=player)
    env.reset()
    with pytest.raises(IllegalActionError, match="first has chosen"):
        env.step([0, 1])
