import os
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from pylos.runs.event_times import event_files, minutes_of_training


def write(path: Path, *events: tuple[float, int]) -> None:
    """An event file as TensorBoard writes it, with times in seconds."""
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for time, step in events:
            writer.write(Event(wall_time=1e9 + time, step=step).SerializeToString())


def test_minutes_of_one_start(tmp_path: Path):
    write(tmp_path / "events.out.tfevents.1", (0, 0), (60, 400), (66, 400), (120, 800))
    # Callbacks may log a row one step later than its event.
    assert minutes_of_training(event_files(tmp_path), [399, 400, 401, 800]) == [None, 1.1, 1.1, 2.0]


def test_pauses_and_lost_epochs_do_not_count(tmp_path: Path):
    write(tmp_path / "events.out.tfevents.1", (0, 0), (60, 400), (120, 800), (180, 1200))
    write(tmp_path / "events.out.tfevents.2", (9000, 0), (9000, 801), (9090, 1200))
    assert minutes_of_training(event_files(tmp_path), [400, 800, 1200]) == [1.0, 2.0, 3.5]


def test_a_start_that_has_not_ended_an_epoch_changes_nothing(tmp_path: Path):
    write(tmp_path / "events.out.tfevents.1", (0, 0), (60, 400))
    write(tmp_path / "events.out.tfevents.2", (9000, 0))
    assert minutes_of_training(event_files(tmp_path), [400]) == [1.0]
    write(tmp_path / "events.out.tfevents.3", (9500, 0), (9560, 800))
    assert minutes_of_training(event_files(tmp_path), [400, 800]) == [1.0, 2.0]


@pytest.mark.parametrize("content", [b"", b"nonsense that is long enough to be a header", b"\xff" * 40])
def test_a_damaged_file_tells_nothing(tmp_path: Path, content: bytes):
    (tmp_path / "events.out.tfevents.1").write_bytes(content)
    os.mkfifo(tmp_path / "events.out.tfevents.2")
    assert minutes_of_training(event_files(tmp_path), [400]) == [None]


def test_a_file_that_is_being_written_tells_what_it_has(tmp_path: Path):
    path = tmp_path / "events.out.tfevents.1"
    write(path, (0, 0), (60, 400), (120, 800))
    path.write_bytes(path.read_bytes()[:-20])
    assert minutes_of_training([path], [400, 800])[0] == 1.0


def test_steps_of_several_bytes(tmp_path: Path):
    write(tmp_path / "events.out.tfevents.1", (0, 0), (60, 3_000_000_000))
    assert minutes_of_training(event_files(tmp_path), [2_999_999_999, 3_000_000_000]) == [None, 1.0]
