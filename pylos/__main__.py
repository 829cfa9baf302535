"""`python -m pylos` and `torchrun -m pylos`: the same as the `pylos` command."""

from pylos.cli.main import console

if __name__ == "__main__":
    console()
