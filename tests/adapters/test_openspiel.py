"""Pylos as a game of OpenSpiel: its own tests, the rules and limits of this package, bots in both directions."""

import builtins
import importlib
import pickle
import random
import sys
import unittest

import numpy as np
import pyspiel
import pytest
from open_spiel.integration_tests import api_test
from open_spiel.python.algorithms import evaluate_bots, mcts, minimax
from open_spiel.python.observation import make_observation
from open_spiel.python.tests import games_sim_test

from pylos.adapters.conformance import check_conformance
from pylos.adapters.openspiel import GAME, BotPlayer, PositionEvaluator, PylosBot, pylos_bot
from pylos.arena.match import play_match
from pylos.errors import IllegalActionError, PlayerError, PositionError, RulesError
from pylos.game.board import Board
from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.outcome import MOST_PLIES
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.players.baselines import RandomPlayer
from pylos.solution.tablebase import Tablebase
from tests.support.boards import RULE_NAMES, random_game
from tests.support.playthroughs import FOLDER, path_of, text_of


def load(rules="standard"):
    return pyspiel.load_game(GAME, {"rules": rules})


def state_of(board, game=None):
    """The state after the actions of a board."""
    state = (game or load(board.rules)).new_initial_state()
    for action in board.actions:
        state.apply_action(action)
    return state


# OpenSpiel's own tests


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_random_games_of_openspiel_pass(rules):
    pyspiel.random_sim_test(load(rules), num_sims=3, serialize=True, verbose=False)
    games_sim_test.GamesSimTest().sim_game(load(rules))


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_the_test_of_the_interface_passes(rules):
    members = {"game": load(rules), "game_name": GAME}
    case = type("Interface", (api_test.EnforceAPIOnPartialTreeBase,), members)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert result.testsRun >= 5
    assert [*result.failures, *result.errors] == []


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_a_game_is_told_as_before(rules):
    """After a change that is meant: `python -m tests.support.playthroughs`."""
    assert text_of(rules).splitlines() == path_of(rules).read_text(encoding="utf-8").splitlines()


def test_every_playthrough_is_of_a_rule_set():
    assert {path.name for path in FOLDER.iterdir()} == {path_of(rules).name for rules in RULES}


# The game


class Spiel:
    """The game as `check_conformance` wants to see it."""

    def start(self, rules):
        return load(rules).new_initial_state()

    def legal(self, state):
        return state.legal_actions()

    def mover(self, state):
        return state.current_player()

    def play(self, state, action):
        return state.child(action)

    def result(self, state):
        return state.returns()[0] if state.is_terminal() else None


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_it_conforms(rules):
    check_conformance(Spiel(), [rules])


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_states_go_with_boards(rules):
    state, board = state_of(random_game(rules, 14, 1)), random_game(rules, 14, 1)
    assert state.board == board
    assert state.position == board.position
    assert state.history() == list(board.actions)
    assert sum(state.returns()) == 0
    for action in state.legal_actions():
        name = state.action_to_string(action)
        assert state.string_to_action(name) == action
        after = board.copy()
        after.push(name)
        assert state.child(action).board == after


def test_a_side_that_takes_back_acts_again():
    state = load().new_initial_state()
    for name in ["1A1", "1D1", "1A2", "1D2", "1B1", "1D3", "1B2"]:
        state.apply_action(state.string_to_action(name))
    assert state.current_player() == 0
    state.apply_action(state.string_to_action("-1A1"))
    assert (state.current_player(), state.action_to_string(29)) == (0, "=")
    state.apply_action(29)
    assert state.current_player() == 1


def test_the_limits_are_those_of_matches():
    game = load()
    assert game.max_game_length() == MOST_PLIES
    assert (game.min_utility(), game.max_utility(), game.utility_sum()) == (-1, 1, 0)
    state = game.new_initial_state("ww..w.....bb..b./........./..../. w 0")
    for name in ["1B2", "-1B2", "=", "1D4", "-1D4", "="] * 2:
        assert not state.is_terminal()
        state.apply_action(state.string_to_action(name))
    assert state.is_terminal()
    assert state.returns() == [0, 0]
    assert str(state).endswith("A draw: the same position has occurred 3 times.")
    with pytest.raises(IllegalActionError, match=r"the game is over. A draw"):
        state.apply_action(0)


def test_a_game_ends_after_the_most_plies():
    state = load("mature").new_initial_state()
    rng = random.Random(1)
    while not state.is_terminal():
        children = [state.child(action) for action in state.legal_actions()]
        going_on = [child for child in children if not child.is_terminal()]
        # Who takes balls back does not fill the board.
        earning = [child for child in going_on if child.current_player() == state.current_player()]
        state = rng.choice(earning or going_on or children)
    assert len(state.history()) == MOST_PLIES
    assert state.returns() == [0, 0]
    assert str(state).endswith("A draw: 200 actions have been played.")


def test_an_illegal_action_changes_nothing():
    state = load().new_initial_state()
    with pytest.raises(IllegalActionError, match=r"2A1 is not legal in '\.+/.* w 0': "):
        state.apply_action(16)
    with pytest.raises(IllegalActionError, match="there is no action 303; ids run from 0 to 302"):
        state.apply_action(303)
    assert state.history() == []
    assert state.board == Board()
    with pytest.raises(pyspiel.SpielError, match="action_id != kInvalidAction"):
        state.apply_action(-1)


def test_unknown_rules_and_positions_are_named():
    with pytest.raises(RulesError, match="unknown rule set 'chess'; there are: children"):
        load("chess")
    with pytest.raises(pyspiel.SpielError, match="Available parameters are: rules"):
        pyspiel.load_game(f"{GAME}(rule=mature)")
    with pytest.raises(PositionError, match="expected three fields"):
        load().new_initial_state("nothing")
    assert str(pyspiel.load_game(GAME)) == f"{GAME}(rules=standard)"


def test_a_missing_openspiel_is_named(monkeypatch):
    def without(name, *arguments, **options):
        if name == "pyspiel":
            raise ImportError(name)
        return importer(name, *arguments, **options)

    importer = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "pylos.adapters.openspiel")
    with pytest.raises(ImportError, match=r"pip install 'pylos\[openspiel\]'"):
        importlib.import_module("pylos.adapters.openspiel")


# Copies and files


@pytest.mark.parametrize("rules", ["standard", "mini-mature-optional"])
def test_copies_and_stored_states_go_on_as_the_game_itself(rules):
    game = load(rules)
    state = state_of(random_game(rules, 9, 4), game)
    stored = pyspiel.serialize_game_and_state(game, state)
    copies = [
        state.clone(),
        pickle.loads(pickle.dumps(state)),
        game.deserialize_state(state.serialize()),
        pyspiel.deserialize_game_and_state(stored)[1],
        state.resample_from_infostate(0, lambda: 0.5),
    ]
    action = state.legal_actions()[-1]
    for copy in copies:
        assert copy.history() == state.history()
        assert copy.board == state.board
        copy.apply_action(action)
        assert copy.history() == [*state.history(), action]
    assert copies[0].board == state.child(action).board


@pytest.mark.parametrize("damage", [lambda s: s[:-40], lambda s: s.replace("history=", "h="), lambda s: ""])
def test_damaged_text_is_refused(damage):
    game = load()
    text = state_of(random_game("standard", 9, 4), game).serialize()
    with pytest.raises((pyspiel.SpielError, pickle.UnpicklingError, EOFError, ValueError)):
        game.deserialize_state(damage(text))


# Observations


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_the_tensor_is_our_observation(rules):
    board = random_game(rules, 12, 3)
    state = state_of(board)
    expected = np.empty(OBSERVATION_SIZE, np.float32)
    observe(board.position, RULES[rules], expected)
    seen = make_observation(state.get_game())
    for player in (0, 1):
        assert np.array_equal(state.observation_tensor(player), expected)
        seen.set_from(state, player)
        assert np.array_equal(seen.tensor, expected)
        assert seen.string_from(state, player) == str(state) == state.observation_string(player)
    assert sum(map(len, seen.dict.values())) == OBSERVATION_SIZE
    assert seen.dict["cells"].tolist() == expected[:30].tolist()
    assert seen.dict["opponent_completing"].tolist() == expected[154:].tolist()
    assert all(np.shares_memory(piece, seen.tensor) for piece in seen.dict.values())


def test_their_observers_in_cpp_see_the_same():
    state = state_of(random_game("standard", 12, 3))
    kind = pyspiel.IIGObservationType(perfect_recall=False)
    for arguments in [({},), (kind, {})]:
        observer = state.get_game().make_observer(*arguments)
        seen = pyspiel._Observation(state.get_game(), observer)
        seen.set_from(state, 0)
        assert np.frombuffer(seen, np.float32).tolist() == state.observation_tensor(0)
        assert seen.string_from(state, 0) == str(state)


def test_observations_have_no_parameters():
    with pytest.raises(ValueError, match="have no parameters"):
        make_observation(load(), params={"planes": 3})


# Players


def their_mcts(game, seed, simulations=20):
    evaluator = pyspiel.RandomRolloutEvaluator(1, seed)
    return pyspiel.MCTSBot(game, evaluator, 1.4, simulations, 100, True, seed, False)


def test_their_search_and_our_player_play_each_other():
    game = load("mini-standard")
    ours = pylos_bot(game, "rollouts:20", seed=1)
    their_python = mcts.MCTSBot(game, 1.4, 10, mcts.RandomRolloutEvaluator(1, np.random.RandomState(1)))
    for bots in ([ours, their_mcts(game, 1)], [their_mcts(game, 2), ours]):
        assert sorted(pyspiel.evaluate_bots(game.new_initial_state(), bots, 0)) == [-1, 1]
    returns = evaluate_bots.evaluate_bots(game.new_initial_state(), [ours, their_python], np.random)
    assert sorted(returns) == [-1, 1]


def test_a_bot_draws_by_its_seed():
    game = load()

    def game_of(seed):
        state = game.new_initial_state()
        pyspiel.evaluate_bots(state, [pylos_bot(game, "random", seed), pylos_bot(game, "random", 9)], 0)
        return state.history()

    assert game_of(1) == game_of(1) != game_of(2)


def test_a_bot_says_what_it_cannot_play():
    game = load()
    bot = PylosBot(RandomPlayer("mini-standard"))
    with pytest.raises(RulesError, match="random plays 'mini-standard' rules, the board is 'standard'"):
        bot.step(game.new_initial_state())
    with pytest.raises(RulesError, match=r"random plays python_pylos, not tic_tac_toe\(\)"):
        bot.step(pyspiel.load_game("tic_tac_toe").new_initial_state())
    state = load("mini-standard").new_initial_state()
    while not state.is_terminal():
        state.apply_action(bot.step(state))
    with pytest.raises(PositionError, match="random has nothing to choose: the game is over"):
        bot.step(state)
    with pytest.raises(RulesError, match=r"random plays python_pylos, not misere\(game=python_pylos"):
        pylos_bot(pyspiel.load_game(f"misere(game={GAME}())"), "random")
    with pytest.raises(PlayerError, match="no player 'nobody'"):
        pylos_bot(game, "nobody")


def test_perfect_play_wins_through_openspiel(solved):
    game = load("mini-standard")
    perfect = pylos_bot(game, "perfect")
    # The second player wins from the start.
    for seed in range(3):
        assert pyspiel.evaluate_bots(game.new_initial_state(), [their_mcts(game, seed), perfect], 0) == [
            -1,
            1,
        ]


def test_their_search_plays_in_our_matches():
    game = load("mini-standard")
    theirs = BotPlayer("mcts", game, lambda seed: their_mcts(game, seed, 30))
    results = [
        play_match(theirs, RandomPlayer("mini-standard"), 6, "mini-standard", seed=1) for _ in range(2)
    ]
    assert results[0] == results[1]
    assert results[0].player == "mcts"
    assert results[0].as_first[0] + results[0].as_second[0] >= 4


@pytest.mark.parametrize("seed", range(4))
def test_their_minimax_agrees_with_our_solution(solved, seed):
    board = random_game("mini-standard", 8, seed)
    state = state_of(board)
    table = Tablebase("mini-standard")
    value, action = minimax.alpha_beta_search(
        state.get_game(), state, maximizing_player_id=state.current_player()
    )
    assert value == table.probe([board])[0][0]
    found = table.probe_actions([board])
    assert dict(zip(found.actions.tolist(), found.values.tolist(), strict=True))[action] == value


def test_their_search_can_judge_by_our_evaluators(solved):
    game, table = load("mini-standard"), Tablebase("mini-standard")
    policy = np.log(np.arange(1, NUM_ACTIONS + 1, dtype=np.float32))

    def exact(positions):
        return table.probe(positions)[0].astype(np.float32), np.tile(policy, (len(positions), 1))

    evaluator = PositionEvaluator(exact)
    state = game.new_initial_state()
    for player in (0, 1):  # the first player wins
        assert state.current_player() == player
        assert evaluator.evaluate(state).tolist() == [1, -1]
        actions, probabilities = zip(*evaluator.prior(state), strict=True)
        assert list(actions) == state.legal_actions()
        expected = 1 + np.array(actions)
        assert np.allclose(probabilities, expected / expected.sum())
        state.apply_action(table.best_actions(state.board)[0])
    state = game.new_initial_state()
    theirs = mcts.MCTSBot(game, 1.4, 40, evaluator, random_state=np.random.RandomState(1))
    assert evaluate_bots.evaluate_bots(state, [theirs, pylos_bot(game, "perfect")], np.random) == [1, -1]
