from jsonargparse import Namespace

from pylos.lightning_cli import numbers_its_runs, prediction_line, without_option


def test_the_command_to_go_on_with():
    arguments = ["fit", "--ckpt_path", "last", "-c", "quick", "--ckpt_path=x", "--trainer.max_epochs", "3"]
    assert without_option(arguments, "--ckpt_path") == ["fit", "-c", "quick", "--trainer.max_epochs", "3"]


def test_loggers_that_number_their_runs():
    def logger(version):
        return Namespace(init_args=Namespace(version=version))

    assert numbers_its_runs(None)
    assert numbers_its_runs(True)
    assert not numbers_its_runs(False)
    assert numbers_its_runs(logger(None))
    assert not numbers_its_runs(logger("quick"))
    assert numbers_its_runs([logger(None)])
    assert not numbers_its_runs([logger(None), logger("quick")], 1)


def test_a_judged_position():
    policy = dict.fromkeys("abcdefg", 0.1)
    assert (
        prediction_line("text", 0.5, policy) == "text | value +0.500 | a 0.10, b 0.10, c 0.10, d 0.10, e 0.10"
    )
    assert prediction_line("text", -1.0, {}) == "text | value -1.000 | the game is over"
