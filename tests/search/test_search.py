"""The search kernels against the twin, and what rows, threads and keys may and may not change."""

import functools

import numpy as np
import pytest
from scipy import stats

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.position import mover
from pylos.game.rules import FULL_RULES, RULES
from pylos.search.options import SearchOptions
from pylos.search.root import pick_actions
from pylos.search.search import Search, SearchResult
from tests.support.boards import RULE_NAMES, random_game
from tests.support.evaluators import half_for_white, hashed, single, uninformed
from tests.twins import search as twin_search


def _boards(rules: str, count: int, seed: int = 0) -> list[Board]:
    """Positions of all phases that are not over."""
    games = (random_game(rules, i % 40, seed + i) for i in range(1000))
    running = (board for board in games if not board.is_over)
    return [next(running) for _ in range(count)]


def _late_boards(rules: str, count: int) -> list[Board]:
    """Positions some actions before the end of games, where proofs happen."""
    boards = []
    for seed in range(count):
        board = random_game(rules, 200, seed)
        for _ in range(2 + seed % 6):
            board.pop()
        boards.append(board)
    return boards


def _early_boards(rules: str, count: int) -> list[Board]:
    """Positions of the full game from which no search gets to its end."""
    return [board for board in _boards(rules, count) if min(board.reserves) >= 6]


def _search(boards, options=None, evaluate=hashed, keys=None, games=None, threads=1) -> SearchResult:
    positions = np.array([board.position for board in boards], np.int64)
    keys = np.arange(len(boards)) if keys is None else keys
    search = Search(games or len(boards), RULES[boards[0].rules], options or SearchOptions(), threads)
    return search.run(positions, evaluate, keys)


def _visits(result: SearchResult, row: int) -> dict[int, int]:
    """The visited actions and their visits of a row; checks that they are ascending and padded with zeros."""
    k = np.count_nonzero(result.weights[row])
    actions, visits = result.actions[row].tolist(), result.weights[row].tolist()
    assert not any(actions[k:])
    assert not any(visits[k:])
    assert actions[:k] == sorted(set(actions[:k]))
    return dict(zip(actions[:k], visits[:k], strict=True))


def _assert_equals_twin(boards: list[Board], options: SearchOptions, evaluate=hashed) -> None:
    result = _search(boards, options, evaluate)
    twin = twin_search.Search(
        functools.partial(single, evaluate),
        options.simulations,
        options.c_puct,
        options.fpu_reduction,
        options.dirichlet_alpha,
        options.dirichlet_fraction,
    )
    for row, board in enumerate(boards):
        root = twin.run(board, key=row)
        width = options.width
        assert _visits(result, row) == dict(list(twin_search.root_visits(root).items())[:width])
        assert result.values[row] == pytest.approx(twin_search.root_value(root), abs=1e-5)


@pytest.mark.parametrize("rules", RULE_NAMES)
@pytest.mark.parametrize("evaluate", [hashed, uninformed])
def test_visits_equal_those_of_the_twin(rules, evaluate):
    _assert_equals_twin(_boards(rules, 12), SearchOptions(simulations=80), evaluate)


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_visits_near_the_end_of_games_equal_those_of_the_twin(rules):
    _assert_equals_twin(_late_boards(rules, 30), SearchOptions(simulations=60), hashed)
    _assert_equals_twin(_late_boards(rules, 30), SearchOptions(simulations=3), uninformed)


@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(simulations=300),
        SearchOptions(simulations=60, c_puct=0.4, fpu_reduction=0.0),
        SearchOptions(simulations=60, c_puct=4.0, fpu_reduction=1.5),
        SearchOptions(simulations=60, dirichlet_fraction=0.25),
        SearchOptions(simulations=60, dirichlet_fraction=1.0, dirichlet_alpha=2.0),
        SearchOptions(simulations=1),
    ],
)
def test_every_option_means_what_it_means_in_the_twin(options):
    _assert_equals_twin(_boards("mature", 6, seed=3), options)


def test_a_row_depends_on_nothing_but_its_position_and_key():
    boards = _boards("standard", 9)
    options = SearchOptions(simulations=50, dirichlet_fraction=0.25)
    result = _search(boards, options)
    expected = [(_visits(result, row), result.values[row]) for row in range(9)]
    for order, games in ([8, 2, 5], 3), ([2, 8, 2, 0], 16), ([5], 9):
        other = _search([boards[i] for i in order], options, keys=np.array(order), games=games)
        for row, i in enumerate(order):
            assert (_visits(other, row), other.values[row]) == expected[i]


def test_a_search_is_the_same_whatever_it_searched_before():
    boards, others = _boards("mature", 4), _late_boards("mature", 4)
    search = Search(4, RULES["mature"], SearchOptions(simulations=40))
    first, _, again = (
        search.run(np.array([b.position for b in group]), hashed, np.arange(4))
        for group in (boards, others, boards)
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("active", [1, 4, 5, 9, 11])
def test_threads_and_idle_rows_do_not_change_results(active):
    boards = _boards("standard", 11)[:active]
    options = SearchOptions(simulations=40, dirichlet_fraction=0.25)
    alone = _search(boards, options)
    shared = _search(boards, options, games=11, threads=3)
    assert all((a == b).all() for a, b in zip(alone, shared, strict=True))


def test_batches_hold_the_leaves_that_wait_padded_to_a_multiple_of_eight():
    sizes = []

    def evaluate(positions):
        sizes.append(len(positions))
        return hashed(positions)

    _search(_boards("standard", 11), SearchOptions(simulations=10), evaluate, games=11)
    assert sizes == [16] * 11
    sizes.clear()
    _search(_boards("standard", 20), SearchOptions(simulations=10), evaluate, games=40, threads=2)
    assert sorted(sizes) == [16] * 22  # ten leaves in each of two threads


def test_more_positions_than_there_is_room_for_are_refused():
    with pytest.raises(ValueError, match="room for 2 positions, not for 3"):
        _search(_boards("standard", 3), games=2)


def test_noise_depends_on_the_key_and_reaches_a_row_only():
    board = Board()
    options = SearchOptions(simulations=50, dirichlet_fraction=0.5)
    result = _search([board] * 4, options, keys=np.array([1, 2, 1, 3]))
    rows = [_visits(result, row) for row in range(4)]
    assert rows[0] == rows[2]
    assert rows[0] != rows[1] != rows[3] != rows[0]
    silent = _search([board] * 2, SearchOptions(simulations=50), keys=np.array([1, 2]))
    assert _visits(silent, 0) == _visits(silent, 1)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_signs_flip_only_where_the_mover_changes(rules):
    """Every leaf is worth 0.5 to white, so every mean on the way up is, whoever acted how often in a row."""
    boards = _early_boards(rules, 120)
    result = _search(boards, SearchOptions(simulations=100), half_for_white)
    for board, value in zip(boards, result.values, strict=True):
        assert value == (0.5 if board.turn == "white" else -0.5)
    assert rules == "children" or any(board.pending for board in boards)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_the_value_of_a_root_is_the_mean_of_its_leaves_from_its_movers_view(rules):
    for board in _early_boards(rules, 60)[::5]:
        leaves = []

        def evaluate(positions, leaves=leaves):
            leaves.append(positions[0])
            return hashed(positions)

        result = _search([board], SearchOptions(simulations=60), evaluate)
        signs = [1 if mover(leaf) == mover(board.position) else -1 for leaf in leaves]
        values = hashed(np.array(leaves))[0]
        assert len(leaves) == 61
        assert result.values[0] == pytest.approx(np.mean(values * signs), abs=1e-5)
        assert sum(_visits(result, 0).values()) == 60


def test_impossible_options_are_refused():
    for bad in (
        {"simulations": 0},
        {"simulations": 30_001},
        {"c_puct": 0},
        {"dirichlet_alpha": 0},
        {"dirichlet_fraction": 1.1},
        {"dirichlet_fraction": -0.1},
    ):
        with pytest.raises(ConfigurationError, match=next(iter(bad))):
            SearchOptions(**bad)


def _pick(actions, visits, keys, greedy) -> np.ndarray:
    n = len(keys)
    rows = [np.tile(np.array(row, np.int16), (n, 1)) for row in (actions, visits)]
    return pick_actions(*rows, np.asarray(keys), np.full(n, greedy))


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("visits", [[3, 9, 1, 9, 0], [1, 0, 0, 0, 0], [300, 20_000, 9_000, 30, 1]])
def test_picked_actions_equal_their_twin(visits, greedy):
    actions = [4, 29, 77, 140, 302]
    counts = {a: n for a, n in zip(actions, visits, strict=True) if n}
    expected = [twin_search.pick_action(counts, key, greedy) for key in range(200)]
    assert _pick(actions, visits, range(200), greedy).tolist() == expected


def test_with_temperature_actions_are_drawn_in_proportion_to_their_visits():
    picked = _pick([3, 5, 8, 0], [10, 30, 60, 0], np.arange(5000), greedy=False)
    counts = [np.count_nonzero(picked == action) for action in (3, 5, 8)]
    assert sum(counts) == 5000
    assert stats.chisquare(counts, [500, 1500, 3000]).pvalue > 0.001


def test_without_temperature_chance_decides_between_the_most_visited_only():
    picked = _pick([3, 5, 8], [40, 20, 40], np.arange(2000), greedy=True)
    counts = [np.count_nonzero(picked == action) for action in (3, 8)]
    assert sum(counts) == 2000
    assert stats.chisquare(counts).pvalue > 0.001


def test_each_row_is_picked_by_its_own_rule():
    actions, visits = np.array([[1, 2]] * 300, np.int16), np.array([[1, 2]] * 300, np.int16)
    greedy = np.arange(300) % 2 == 0
    out = pick_actions(actions, visits, np.arange(300), greedy)
    assert (out[greedy] == 2).all()
    assert set(out[~greedy]) == {1, 2}
