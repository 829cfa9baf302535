from pylos.cli.lightning_cli import prediction_line


def test_a_judged_position():
    policy = dict.fromkeys("abcdefg", 0.1)
    assert (
        prediction_line("text", 0.5, policy) == "text | value +0.500 | a 0.10, b 0.10, c 0.10, d 0.10, e 0.10"
    )
    assert prediction_line("text", -1.0, {}) == "text | value -1.000 | the game is over"
