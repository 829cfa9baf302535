"""Runs the notebooks of `docs/notebooks/` with the real kernel, and keeps what they show.

python docs/run_notebooks.py                  # all, at full size, in place
python docs/run_notebooks.py train            # one of them
python docs/run_notebooks.py --small --out /tmp/notebooks    # reduced to seconds, as the tests run them
"""

from __future__ import annotations

import argparse
import copy
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import nbclient
import nbformat

FOLDER = Path(__file__).parent / "notebooks"
KERNEL = "python3"
"""The kernel of whatever environment runs this: ipykernel goes by this name everywhere."""
PARAMETERS = "parameters"
"""The tag of the cell whose values may be replaced."""
SMALL = {
    "train": {
        "epochs": 2,
        "games_per_epoch": 12,
        "parallel_games": 16,
        "simulations": 4,
        "batches_per_epoch": 4,
        "evaluation_games": 4,
        "validation_positions": 50,
        "match_games": 4,
        "opponents": ["random"],
        "width": 16,
    },
    "look_inside": {"simulations": 4, "positions": 400, "budgets": [0, 4], "games_shown": 1},
    "bring_your_own": {
        "epochs": 1,
        "games_per_epoch": 8,
        "parallel_games": 16,
        "simulations": 4,
        "batches_per_epoch": 4,
        "match_games": 4,
        "positions": 50,
        "width": 16,
    },
}
"""Values with which each notebook takes seconds."""
_COMPILING = "pylos: compiling kernels"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def read(name: str) -> Any:
    """Reads a notebook."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def with_parameters(notebook: Any, values: dict[str, Any]) -> Any:
    """A copy of a notebook with other values in its cell of parameters.

    Raises:
        ValueError: the cell does not set one of them.
    """
    notebook = copy.deepcopy(notebook)
    (cell,) = (cell for cell in notebook.cells if PARAMETERS in cell.metadata.get("tags", []))
    for name, value in values.items():
        cell.source, found = re.subn(
            rf"^{name} = [^#\n]*", f"{name} = {value!r}  ", cell.source, flags=re.MULTILINE
        )
        if found != 1:
            raise ValueError(f"the parameters have no {name}")
    return notebook


def execute(notebook: Any, folder: str | Path, timeout: int | None = None) -> None:
    """Executes a notebook in a folder, where it may leave files. Its outputs are replaced.

    Args:
        notebook: the notebook.
        folder: where it runs.
        timeout: the most seconds of a cell; None for no limit.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNEL,
        resources=resources,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    client.execute()


def clean(notebook: Any) -> None:
    """Removes what changes from run to run or belongs to this machine: versions, widgets, cleared bars, compilation."""
    notebook.metadata = {
        "kernelspec": {"name": KERNEL, "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if "data" in output:
                output["data"].pop(_WIDGET, None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not _is_empty(output)]


def _is_empty(output: Any) -> bool:
    """Whether an output shows nothing: a bar that was removed, a widget without a drawing, or a first compilation."""
    if output.get("text", "").startswith(_COMPILING):
        return True
    data = output.get("data")
    return data is not None and (not data or data == {"text/plain": ""})


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[[], *SMALL], help="which notebooks; all by default")
    parser.add_argument("--small", action="store_true", help="reduced to seconds; --out is needed")
    parser.add_argument(
        "--out", type=Path, default=FOLDER, help="where the notebooks with their outputs are written"
    )
    options = parser.parse_args()
    if options.small and options.out == FOLDER:
        parser.error("--small needs --out: the notebooks in docs have the outputs of a full-size run")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or SMALL:
        notebook = with_parameters(read(name), SMALL[name] if options.small else {})
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            execute(notebook, folder)
        clean(notebook)
        path = options.out / f"{name}.ipynb"
        nbformat.write(notebook, path)
        print(
            f"{path}: {time.perf_counter() - started:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True
        )


if __name__ == "__main__":
    main()
