"""What an exported network says about itself."""

import pytest

import pylos
from pylos.errors import CheckpointError
from pylos.game.rules import RULES
from pylos.network.metadata import Metadata, read_metadata

FACTS = Metadata("mature", "0123abcd", 256, 4, "relu2")


@pytest.mark.parametrize("facts", [FACTS, Metadata("mini-standard"), *map(Metadata, RULES)])
def test_it_is_read_as_it_was_written(facts: Metadata):
    assert read_metadata(facts.to_texts(), "x") == facts


def test_its_texts_are_those_of_the_documentation():
    assert FACTS.to_texts() == {
        "pylos_format": "1",
        "pylos_layout": "1",
        "pylos_rules": "mature",
        "pylos_width": "256",
        "pylos_blocks": "4",
        "pylos_activation": "relu2",
        "pylos_weights_digest": "0123abcd",
        "pylos_version": pylos.__version__,
    }


def test_files_of_other_programs_say_only_what_they_must():
    assert read_metadata({"pylos_rules": "standard", "pylos_layout": "1"}, "x") == Metadata("standard")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pylos_rules": None}, "is no network for Pylos: its metadata lack pylos_rules or pylos_layout"),
        ({"pylos_layout": None}, "is no network for Pylos"),
        ({"pylos_rules": "chess"}, "is for unknown rules, 'chess'"),
        ({"pylos_layout": "2"}, "has pylos_layout '2', this program reads 1"),
        ({"pylos_format": "2"}, "has pylos_format '2', this program reads 1"),
        ({"pylos_weights_digest": "../../etc"}, "its pylos_weights_digest is '../../etc'"),
        ({"pylos_weights_digest": "0123abcd\n"}, "makes no sense"),
        ({"pylos_rules": "x" * 10_000}, "is for unknown rules"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_short_line(changes: dict, reason: str):
    texts = {name: text for name, text in (FACTS.to_texts() | changes).items() if text is not None}
    with pytest.raises(CheckpointError) as caught:
        read_metadata(texts, "a.onnx")
    assert str(caught.value).startswith("a.onnx ")
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
