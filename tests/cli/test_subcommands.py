from pylos.cli.main import main


def test_perft(capsys):
    assert main(["perft", "--depth", "3", "--rules", "children"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["depth 1: 16", "depth 2: 240", "depth 3: 3,360"]
    assert all(line.endswith(" turns/s") for line in lines)


def test_perft_from_a_position(capsys):
    position = "bbbwwbwbbwb.bwb./wb.ww..w./b.../. w 0"
    assert main(["perft", "--depth", "2", "--position", position]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("depth 2: 72 ")


def test_match(capsys):
    assert main(["match", "random", "rollouts:2", "--games", "4", "--seed", "1"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("random vs rollouts:2: ")
    assert first.count("\n") == 1
    assert main(["match", "random", "rollouts:2", "--games", "4", "--seed", "1"]) == 0
    assert capsys.readouterr().out == first
