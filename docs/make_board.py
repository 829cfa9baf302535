"""Draws `docs/board.svg`, the picture in docs/start.md: `python docs/make_board.py`."""

from pathlib import Path

from pylos.game.board import Board

BEFORE = "wwwbbbbbbbwwbwwb/b..bbwwww/..bw/. b 0"


def main() -> None:
    """Plays a raise that earns a take-back, so that the picture shows how a last turn is marked."""
    board = Board.from_text(BEFORE)
    board.push("1A4^2A2-2A1")
    Path(__file__).with_name("board.svg").write_text(board._repr_svg_() + "\n")


if __name__ == "__main__":
    main()
