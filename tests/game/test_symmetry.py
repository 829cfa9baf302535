"""Symmetries against the plain-Python twin, and against what makes a symmetry one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pylos.game.notation import format_position, parse_position
from pylos.game.rules import NUM_ACTIONS, RULES, legal_actions, step
from pylos.game.symmetry import (
    ACTION_SYMMETRY,
    CELL_SYMMETRY,
    INVERSE_SYMMETRY,
    NUM_SYMMETRIES,
    canonical,
    canonical_image,
    transform,
)
from tests.support.boards import boards, colourings
from tests.twins import rules as twin_rules
from tests.twins import symmetry as twin_symmetry

SYMMETRIES = range(NUM_SYMMETRIES)


def test_symmetry_tables():
    everything = np.arange(303)
    assert (CELL_SYMMETRY[0] == everything[:30]).all()
    assert (ACTION_SYMMETRY[0] == everything).all()
    for s in SYMMETRIES:
        assert [twin_rules.CELLS[c] for c in CELL_SYMMETRY[s]] == [
            twin_symmetry.moved(c, s) for c in twin_rules.CELLS
        ]
        assert (np.sort(ACTION_SYMMETRY[s]) == everything).all()
        assert (ACTION_SYMMETRY[INVERSE_SYMMETRY[s]][ACTION_SYMMETRY[s]] == everything).all()
        for t in SYMMETRIES:  # closed under composition, hence all eight of the square
            assert any((CELL_SYMMETRY[u] == CELL_SYMMETRY[s][CELL_SYMMETRY[t]]).all() for u in SYMMETRIES)
    assert len(np.unique(CELL_SYMMETRY, axis=0)) == 8


@given(st.one_of(boards().map(lambda board: (twin_rules.parse(board.text), board.rules)), colourings()))
def test_transform_matches_the_twin(game_and_rules):
    game, rules = game_and_rules
    position = parse_position(twin_rules.format_game(game), rules)
    for symmetry in SYMMETRIES:
        expected = twin_rules.format_game(twin_symmetry.transform(game, symmetry))
        assert format_position(transform(position, symmetry)) == expected


@given(boards())
def test_symmetry_commutes_with_the_rules(board):
    code = RULES[board.rules]
    out = np.empty(NUM_ACTIONS, np.int64)
    for symmetry in SYMMETRIES:
        moved = transform(board.position, symmetry)
        assert transform(moved, int(INVERSE_SYMMETRY[symmetry])) == board.position
        legal = out[: legal_actions(moved, code, out)]
        images = ACTION_SYMMETRY[symmetry][board.legal_actions]
        assert sorted(images) == list(legal)
        for action, image in zip(board.legal_actions, images, strict=True):
            after = step(board.position, int(action), code)
            assert transform(after, symmetry) == step(moved, int(image), code)


@given(boards())
def test_the_canonical_image_is_the_smallest_one_with_white_to_move(board):
    game = twin_rules.parse(board.text)
    if game.side == "b":
        game = twin_rules.Game(game.black, game.white, "w", game.pending)
    as_white = parse_position(twin_rules.format_game(game), board.rules)
    images = [transform(as_white, symmetry) for symmetry in SYMMETRIES]
    image, symmetry = canonical_image(board.position)
    assert image == min(images) == images[symmetry]
    several = canonical(np.array([*images, transform(board.position, 5)]))
    assert set(several.tolist()) == {image}
