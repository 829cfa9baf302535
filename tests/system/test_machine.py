"""Memory that cannot be had is one sentence with a way out."""

import pytest

from pylos.errors import ConfigurationError
from pylos.system.machine import memory_for, total_memory


def test_what_there_is_room_for_is_made():
    with memory_for("a little", 1000, "lower it"):
        made = bytearray(1000)
    assert len(made) == 1000
    assert total_memory() > 1e8


def test_more_than_there_is_is_not_even_tried():
    with (
        pytest.raises(ConfigurationError, match=r"^no memory for a lot of 1,000,000\.0 GB .*GB\): lower it$"),
        memory_for("a lot", 1e15, "lower it"),
    ):
        pytest.fail("tried")


def test_what_the_system_refuses_is_the_same_sentence():
    with (
        pytest.raises(ConfigurationError, match=r"^no memory left for a little of 0\.0 GB: lower it$"),
        memory_for("a little", 1000, "lower it"),
    ):
        raise MemoryError
