"""The sizes of batches."""

from pylos.search.evaluator import padded_size


def test_batches_are_padded_to_the_next_multiple_of_eight():
    assert [padded_size(count) for count in (0, 1, 7, 8, 9, 16, 17)] == [0, 8, 8, 8, 16, 16, 24]
