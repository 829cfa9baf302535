"""Self-play in plain Python: the slow twin of `pylos.selfplay.play`, one game after the other within a ply."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean

from pylos.game.board import Board
from pylos.game.playouts import random_action
from pylos.game.rules import RULES
from pylos.selfplay.games import FORK, OPENING
from pylos.selfplay.options import GameOptions
from tests.twins.randomness import draw
from tests.twins.search import Search, pick_action, root_value, root_visits

Sample = tuple[int, dict[int, int], float, int, int, float, float]
"""Packed position, visits, the outcome for the player to move, the game's number, actions before this one, and what the
search found, and how surprising it was."""


@dataclass
class Slot:
    """A game in flight."""

    number: int
    board: Board
    opening: int
    decisions: list[tuple[Board, dict[int, int], float, float]] = field(default_factory=list)


@dataclass
class SelfPlay:
    rules: str
    parallel_games: int
    search: Search
    options: GameOptions
    key: int
    samples: list[Sample] = field(default_factory=list)
    results: list[tuple[str, int]] = field(default_factory=list)
    """How each finished game ended: "white", "black", "repetition" or "moves"; and its plies."""

    def __post_init__(self) -> None:
        self.slots = [self.begin(number) for number in range(self.parallel_games)]
        self.started = self.parallel_games

    def play(self, games: int) -> None:
        enough = len(self.results) + games
        while len(self.results) < enough:
            surprises = [self.act(slot) for slot in self.slots]
            for i, slot in enumerate(self.slots):
                slot.decisions[-1] = (*slot.decisions[-1][:-1], surprises[i] / max(fmean(surprises), 1e-6))
                if ending := self.ending(slot):
                    self.finish(slot, ending)
                    self.slots[i] = self.begin(self.started)
                    self.started += 1

    def begin(self, number: int) -> Slot:
        key = draw(draw(self.key, number), OPENING)
        board, opening = Board(self.rules), 0
        for ply in range((draw(key, 0) >> 31) * (self.options.opening_plies + 1) >> 32):
            after = board.copy()
            after.push(random_action(board.position, RULES[self.rules], draw(key, 1 + ply)))
            if after.is_over:
                break
            board, opening = after, opening + 1
        if self.samples and self.forks(number):
            key = draw(draw(self.key, number), FORK)
            position, *_, plies, _, _ = self.samples[(draw(key, 1) >> 31) * len(self.samples) >> 32]
            after = Board.from_position(position, self.rules)
            after.push(random_action(position, RULES[self.rules], draw(key, 2)))
            if not after.is_over:
                board, opening = after, plies + 1
        return Slot(number, board, opening)

    def forks(self, number: int) -> bool:
        uniform = ((draw(draw(draw(self.key, number), FORK), 0) >> 10) + 0.5) * 2.0**-53
        return uniform < self.options.forked_games

    def act(self, slot: Slot) -> float:
        """Searches and plays; returns how far the search is from its prior, in nats."""
        ply = len(slot.decisions)
        key = draw(draw(self.key, slot.number), ply)
        earlier = [board.position for board, *_ in slot.decisions]
        root = self.search.run(slot.board, draw(key, 0), earlier)
        visits = dict(sorted(root_visits(root).items())[: self.search.simulations])
        greedy = ply >= self.options.temperature_moves or self.forks(slot.number)
        slot.decisions.append((slot.board.copy(), visits, root_value(root), 0.0))
        slot.board.push(pick_action(visits, draw(key, 1), greedy))
        priors, total = {edge.action: float(edge.prior) for edge in root.edges}, sum(visits.values())
        divergence = sum(n / total * math.log(n / total / priors[action]) for action, n in visits.items())
        return max(divergence, 0.0)

    def ending(self, slot: Slot) -> str | None:
        if slot.board.is_over:
            return slot.board.winner
        seen = [board.text for board, *_ in slot.decisions] + [slot.board.text]
        if seen.count(slot.board.text) >= self.options.repetition_limit:
            return "repetition"
        return "moves" if len(slot.decisions) >= self.options.max_moves else None

    def finish(self, slot: Slot, ending: str) -> None:
        draws = {
            "repetition": self.options.repetition_draw_value,
            "moves": self.options.move_limit_draw_value,
        }
        for ply, (board, visits, value, surprise) in enumerate(slot.decisions):
            outcome = draws.get(ending, 1.0 if board.turn == ending else -1.0)
            number = slot.opening + ply
            self.samples.append((board.position, visits, outcome, slot.number, number, value, surprise))
        self.results.append((ending, len(slot.decisions)))

    def first_player_score(self) -> float:
        points = {"white": 1.0, "black": 0.0}
        return sum(points.get(ending, 0.5) for ending, _ in self.results) / len(self.results)
