"""Ranks that watch each other, each in a process of its own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pylos.system import rank_watch
from pylos.system.rank_watch import RankWatch, begin_watch, end_watch, note_for_launcher, present_watch

RANKS = """
import os, signal, subprocess, sys, time
from pathlib import Path
from pylos.system.rank_watch import RankWatch
from pylos.system.signals import end_soon_after_signals, signals_as_exceptions

def end(watch, how):
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "leave":
        watch.leave()
        there.with_name("left").touch()
        sys.exit(0)
    elif how == "wait":
        with signals_as_exceptions():
            time.sleep(30)
    while "leave" in ways and not there.with_name("left").exists():  # it fails after the others have left
        time.sleep(0.01)
    line, code = watch.report(how, 3)
    if line:
        print(line, file=sys.stderr, flush=True)
    os._exit(code)

end_soon_after_signals()
there = Path(os.environ["ALL_ARE_THERE"])
rank, address, *ways = sys.argv[1:]
if rank == "0":
    watch = RankWatch(0, "rank 0", prints=True)
    watch.listen("127.0.0.1")
    others = [
        subprocess.Popen([sys.executable, "-c", open(__file__).read(), str(i), watch.address, *ways])
        for i in range(1, len(ways))
    ]
    while len(watch._links) < len(others):
        time.sleep(0.01)
    there.touch()
    try:
        end(watch, ways[0])
    except KeyboardInterrupt:
        print("codes", *(other.wait(10) for other in others))
        time.sleep(30)  # until its end soon after the signal
else:
    watch = RankWatch(int(rank), f"rank {rank}", prints=False)
    watch.connect(address)
    while not there.exists():  # all others
        time.sleep(0.01)
    end(watch, ways[int(rank)])
"""


def run_ranks(folder: Path, *ways: str) -> tuple[int, str, str]:
    """Starts ranks that end in these ways; returns the exit code of the first one and what all printed."""
    program = folder / "ranks.py"
    program.write_text(RANKS)
    command = [sys.executable, str(program), "0", "", *ways]
    environment = {**os.environ, "ALL_ARE_THERE": str(folder / "there")}
    found = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
    return found.returncode, found.stdout, found.stderr


def test_the_first_rank_prints_why_another_one_failed_and_all_end(tmp_path: Path):
    assert run_ranks(tmp_path, "wait", "wait", "no loss") == (
        3,
        "codes 3 3\n",
        "pylos: error: rank 2: no loss\n",
    )


def test_a_rank_that_is_killed_ends_the_others(tmp_path: Path):
    code, out, errors = run_ranks(tmp_path, "wait", "kill", "wait")
    assert (code, out) == (1, "codes -9 1\n")
    assert errors == "pylos: error: rank 1 was killed, or its machine is lost\n"


def test_a_rank_that_is_done_may_go_and_an_interrupted_one_ends_all(tmp_path: Path):
    assert run_ranks(tmp_path, "wait", "leave", "") == (3, "codes 0 3\n", "pylos: interrupted\n")


def test_where_the_first_rank_fails_the_others_print_nothing(tmp_path: Path):
    assert run_ranks(tmp_path, "no memory", "wait", "wait") == (3, "", "pylos: error: rank 0: no memory\n")


def test_the_first_failure_counts_and_one_that_nobody_heard_of_is_printed():
    alone = RankWatch(1, "rank 1", prints=False)
    assert alone.report("too little memory", 2) == ("pylos: error: rank 1: too little memory", 2)
    assert alone.report("something else", 1) == ("pylos: error: rank 1: too little memory", 2)
    assert alone.hears_failure(0)


def test_a_rank_that_does_not_reach_the_first_one_warns_and_goes_on(capsys):
    watch = RankWatch(1, "rank 1", prints=False)
    watch.connect("")
    assert watch.address == ""
    watch.connect("secret@127.0.0.1:1")
    assert "rank 1 does not reach the first rank at 127.0.0.1:1" in capsys.readouterr().err
    assert not watch.hears_failure(0)


def test_strangers_keep_nobody_from_joining_a_first_rank_of_any_name(capsys):
    """The name may stand for another address on the first machine itself, or for none."""
    first, stranger = RankWatch(0, "rank 0", prints=True), RankWatch(1, "a stranger", prints=False)
    other = RankWatch(1, "rank 1", prints=False)
    first.listen("first.invalid")
    secret, _, place = first.address.partition("@")
    name, _, port = place.partition(":")
    assert name == "first.invalid"
    with socket.create_connection(("127.0.0.1", int(port))):  # says nothing
        stranger.connect(f"wrong@127.0.0.1:{port}")
        assert "a stranger does not reach the first rank" in capsys.readouterr().err
        other.connect(f"{secret}@127.0.0.1:{port}")
        assert (list(stranger._links), list(other._links)) == ([], [0])
    other.leave()
    first.leave()


def test_torchrun_finds_the_reason_where_it_looks(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    assert note_for_launcher("no loss") == "pylos: error: no loss"
    assert json.loads((tmp_path / "error.json").read_text())["message"]["message"] == "no loss"
    assert note_for_launcher("") == ""


@pytest.mark.parametrize("rank", ["0", "", "x"])
def test_a_command_that_the_first_rank_starts_is_no_rank(monkeypatch, rank):
    monkeypatch.setattr(rank_watch, "_watch", None)
    monkeypatch.setenv("PYLOS_RANKS", "secret@127.0.0.1:1")
    monkeypatch.setenv("LOCAL_RANK", rank)
    rank_watch.join_parent()
    assert present_watch() is None
    assert "PYLOS_RANKS" not in os.environ


@pytest.mark.parametrize("address", ["", "secret@127.0.0.1:1"])
def test_a_process_has_one_watch(monkeypatch, capsys, address):
    monkeypatch.setattr(rank_watch, "_watch", None)
    monkeypatch.setenv("PYLOS_RANKS", address)
    monkeypatch.setenv("LOCAL_RANK", "3")
    rank_watch.join_parent()
    watch = present_watch()
    assert (watch.rank if watch else None) == (3 if address else None)
    mine = RankWatch(0, "rank 0", prints=True)
    assert begin_watch(mine) is present_watch() is mine
    end_watch(well=True)
    assert present_watch() is None


def test_a_rank_that_a_signal_ends_already_prints_its_own_last_line(monkeypatch):
    calls = []
    monkeypatch.setattr(
        rank_watch, "end_with", lambda *end: calls.append(end)
    )  # as after a signal, it returns
    monkeypatch.setattr(rank_watch.os, "_exit", lambda code: pytest.fail("nothing would be printed"))
    RankWatch(0, "rank 0", prints=True)._learn(rank_watch.Failure("", 143))
    assert calls == [("", 143)]
