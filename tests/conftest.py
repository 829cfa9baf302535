"""Settings for all tests."""

import os

# The networks of the tests are so small that torch's own threads would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# No deadline: the first example of a test may wait for a kernel to compile.
settings.register_profile("pylos", deadline=None, max_examples=100)
settings.load_profile("pylos")
