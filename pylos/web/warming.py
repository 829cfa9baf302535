"""What the first game needs is loaded and compiled before the server says that it is ready."""

from __future__ import annotations

from starlette.datastructures import State

from pylos.analysis.service import load_agent
from pylos.errors import TableError
from pylos.game.board import Board
from pylos.system.output import print_stderr
from pylos.web.opponents import default_opponent, find_opponent
from pylos.web.searches import usual_agent
from pylos.web.states import play_turns


def warm_up(state: State) -> None:
    """Makes a turn and a search, and looks a position up.

    Args:
        state: of the application.
    """
    rules = state.settings.rules
    opponent = find_opponent(state.settings, rules, default_opponent(state.settings))
    agents = {opponent.agent or usual_agent(rules), usual_agent(rules)}
    state.service.warm_up(*(load_agent(agent, rules) for agent in sorted(agents)))
    board = Board(rules)
    play_turns(board, board.legal_actions[:1].tolist())
    try:
        state.tables.warm_up(rules)
    except TableError as error:  # games need no table, and who asks for exact values is told
        print_stderr(f"pylos: {error}")
