"""Settings for all tests."""

from hypothesis import settings

# No deadline: the first example of a test may wait for a kernel to compile.
settings.register_profile("pylos", deadline=None, max_examples=100)
settings.load_profile("pylos")
