from pylos.game.board import Board
from pylos.web.states import state_of


def test_the_state_of_an_empty_board():
    state = state_of(Board())
    assert state["supported"] == list(range(16))
    assert [entry["name"] for entry in state["legal"]][:2] == ["1A1", "1A2"]
    assert state["reserves"] == {"white": 15, "black": 15}
