"""Sweeps: what is looked at, in which order, how often, and what an error in one of the threads does."""

import threading

import numpy as np
import pytest

from pylos.game.rules import CELLS, RULES
from pylos.solution import sweeping
from pylos.solution.indexing import build_index
from pylos.solution.solving import STAGES, solve
from pylos.solution.successors import shape_successors
from pylos.solution.sweeping import Progress, Sweeper
from pylos.solution.tables import DISTANCES, VALUES

COLOURINGS = int(build_index(RULES["mini-standard"]).sizes.sum())


def test_the_report_tells_how_far_it_is(unsolved):
    told: dict[str, list[int]] = {}

    def report(progress: Progress) -> None:
        assert 0 < progress.done <= progress.total == COLOURINGS
        told.setdefault(progress.stage, []).append(progress.done)

    solve("mini-standard", distance=True, report=report)
    assert tuple(told) == STAGES
    assert all(max(done) == COLOURINGS for done in told.values())


def test_without_cycles_one_sweep_writes_everything(unsolved, monkeypatch):
    # Small chunks keep the threads close to each other, where one could miss what another is writing.
    monkeypatch.setattr("pylos.solution.sweeping.CHUNK", 16)
    written: dict[str, list[int]] = {}

    def sweep(self, *arguments):
        results = original(self, *arguments)
        written.setdefault(self.stage, []).append(int(results[0].sum()))
        return results

    original = Sweeper.sweep
    monkeypatch.setattr(Sweeper, "sweep", sweep)
    solve("mini-children", distance=True)
    for stage in (VALUES, DISTANCES):
        first, *later = written[stage]
        assert first == COLOURINGS
        assert not any(later)


def test_an_error_in_any_of_the_threads_ends_the_others(monkeypatch):
    monkeypatch.setattr(sweeping, "usable_threads", lambda: 2)
    monkeypatch.setattr(sweeping, "CHUNK", 4)
    failed, afterwards = threading.Event(), []

    def report(progress: Progress) -> None:
        if threading.current_thread().name.endswith("_1"):  # not the one that was started first
            failed.set()
            raise TimeoutError
        assert failed.wait(60)
        afterwards.append(progress)

    code = RULES["mini-standard"]
    index = build_index(code)
    with pytest.raises(TimeoutError):
        Sweeper(index, code, report).sweep_all("test", lambda *_: 0)
    assert len(afterwards) < sum(-(-index.sizes // 4)) / 2


@pytest.fixture
def one_thread(monkeypatch):
    """Shapes are looked at in the order of the index, one after the other."""
    monkeypatch.setattr(sweeping, "usable_threads", lambda: 1)


class Kernel:
    """A kernel without effect: it notes which shapes are looked at, and says that it wrote to some of them.

    Args:
        sweeper: the sweeper that runs it.
        writes_to: shapes to which it says, once, that it wrote.
        done: shapes in which nothing is due.
    """

    def __init__(self, sweeper: Sweeper, writes_to: tuple[int, ...], done: tuple[int, ...] = ()) -> None:
        self.sweeper, self.writes_to, self.done = sweeper, set(writes_to), done
        self.looked_at: list[int] = []

    def due(self, shape: int, first: int, n: int, rows: np.ndarray) -> int:
        self.looked_at.append(shape)
        rows[0] = 0
        return int(shape not in self.done)

    def work(self, first: int, rows: np.ndarray, positions: np.ndarray) -> int:
        shape = int(np.searchsorted(self.sweeper.index.offsets, first, side="right")) - 1
        wrote = len(rows) > 0 and shape in self.writes_to
        self.writes_to -= {shape} if wrote else set()
        return int(wrote)

    def run(self) -> list[int]:
        """Sweeps until nothing changes; returns the shapes, in the order in which they were looked at."""
        self.looked_at = []
        self.sweeper.sweep_until_stable(self.due, self.work)
        return self.looked_at


def new_sweeper(rules: str = "mini-standard") -> tuple[Sweeper, list[set[int]]]:
    """A sweeper at the beginning of a stage, and the successors of each shape."""
    index = build_index(RULES[rules])
    successors, starts = shape_successors(index, RULES[rules])
    sweeper = Sweeper(index, RULES[rules], lambda _: None)
    sweeper.begin("test")
    return sweeper, [set(own.tolist()) for own in np.split(successors, starts[1:])]


def without_images(sweeper: Sweeper) -> set[int]:
    """Shapes that a sweep passes once: the others are passed again for their images."""
    return set(np.flatnonzero(sweeper.index.symmetries == 1).tolist())


def layer(pile: int) -> tuple[int, int]:
    """What orders the layers: first by falling number of balls, then by falling height."""
    levels = [level for cell, (level, _, _) in enumerate(CELLS) if pile >> cell & 1]
    return -len(levels), -sum(levels)


def test_only_what_depends_on_a_change_is_looked_at_again(one_thread):
    sweeper, successors = new_sweeper()
    plain = without_images(sweeper)
    changed = sorted(plain)[len(plain) // 2]
    looked_at = [shape for shape in Kernel(sweeper, (changed,)).run() if shape in plain]
    first, again = looked_at[: len(plain)], looked_at[len(plain) :]
    assert first == sorted(plain)
    before = first[: first.index(changed) + 1]  # the later ones saw the change at the first look
    assert again == [shape for shape in before if changed in successors[shape]]
    assert len(again) > 1


def test_a_look_at_the_images_does_not_count_as_a_look_at_the_shape(one_thread):
    """What changes between the two is news for all but the images."""
    sweeper, successors = new_sweeper()
    index = sweeper.index
    layers = [layer(int(pile)) for pile in index.shapes]
    shape, changed = next(
        (shape, successor)
        for shape in np.flatnonzero(index.symmetries != 1).tolist()
        for successor in successors[shape]
        if successor > shape and layers[successor] == layers[shape]
    )
    looked_at = Kernel(sweeper, (changed,)).run()
    assert looked_at.index(shape) < looked_at.index(changed)
    assert looked_at.count(shape) == 4


def test_what_a_kernel_writes_elsewhere_counts_as_a_change_there(one_thread):
    sweeper, successors = new_sweeper()
    kernel = Kernel(sweeper, ())
    assert set(kernel.run()) == set(range(len(successors)))
    assert kernel.run() == []
    counts = np.zeros(len(successors), np.int64)
    counts[100] = 1
    sweeper.note_written(counts)
    assert set(kernel.run()) == {shape for shape, own in enumerate(successors) if 100 in own}
    assert kernel.run() == []


def test_where_nothing_is_due_nobody_looks_until_all_count_as_outdated(one_thread):
    sweeper, successors = new_sweeper()
    dependent = next(s for s, own in enumerate(successors) if 100 in own - {s})
    kernel = Kernel(sweeper, (), done=(dependent,))
    kernel.run()
    counts = np.zeros(len(successors), np.int64)
    counts[100] = 1
    sweeper.note_written(counts)
    assert dependent not in kernel.run()
    sweeper.mark_all_outdated()
    assert set(kernel.run()) == set(range(len(successors)))


def test_a_stage_begins_with_all_shapes(one_thread):
    sweeper, successors = new_sweeper()
    kernel = Kernel(sweeper, (5, 6))
    assert sweeper.last_written == COLOURINGS
    kernel.run()
    assert sweeper.last_written == 0
    sweeper.begin("another")
    assert (sweeper.stage, sweeper.last_written) == ("another", COLOURINGS)
    assert set(kernel.run()) == set(range(len(successors)))


def test_layers_come_in_order_and_the_images_of_each_last(one_thread):
    sweeper, _ = new_sweeper()
    index = sweeper.index
    done: list[tuple[int, bool]] = []

    def everything(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        rows[:n] = np.arange(n)
        return n

    def work(first: int, rows: np.ndarray, positions: np.ndarray) -> int:
        shape = int(np.searchsorted(index.offsets, first, side="right")) - 1
        assert len({*(positions < 0).tolist()}) <= 1
        if len(rows):
            done.append((shape, bool(positions[0] < 0)))
        return len(rows)

    written, due = sweeper.sweep(np.arange(len(index.shapes)), everything, work)
    assert written.tolist() == index.sizes.tolist()  # each row once, as image or not
    assert (due >= index.sizes).all()
    order = [(layer(int(index.shapes[shape])), image) for shape, image in done]
    assert order == sorted(order)
    assert any(image for _, image in done)
