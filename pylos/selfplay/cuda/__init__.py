"""Training batches drawn in the memory of a CUDA device; needs numba-cuda (`pip install 'pylos[gpu]'`)."""
