"""The notebooks run in the real kernel, reduced to seconds; those that ship have the outputs of a full run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel")
pytest.importorskip("nbclient")
from tests.support.kernels import Kernel  # it needs the above

ROOT = Path(__file__).parents[2]
MOST_BYTES = 300_000
SETUP = """
import hashlib, json, logging, sys, warnings
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")
sys.path.insert(0, {root!r})
import torch
from callbacks import LastCheckpoint, Report
from tests.support.training import pl, tiny_data, tiny_evaluation, tiny_module


def make(folder):
    callbacks = [tiny_evaluation(games=16), Report(), LastCheckpoint(folder)]
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, logger=False, callbacks=callbacks, enable_model_summary=False
    )
    return trainer, tiny_module(), tiny_data(games_per_epoch=16, batches_per_epoch=20)


def digest(folder):
    state = torch.load(folder + "/last.ckpt", weights_only=True)
    hash = hashlib.sha256()

    def add(part):
        if isinstance(part, torch.Tensor):
            hash.update(part.numpy().tobytes())
        elif isinstance(part, dict):
            for key in sorted(part, key=str):
                hash.update(str(key).encode())
                add(part[key])
        elif isinstance(part, (list, tuple)):
            for one in part:
                add(one)
        else:
            hash.update(repr(part).encode())

    names = ("state_dict", "optimizer_states", "lr_schedulers", "SelfPlayDataModule", "epoch", "global_step")
    add([state[name] for name in names])
    add(state["callbacks"]["EvaluationCallback"])
    return hash.hexdigest()
"""


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "docs" / "run_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
NAMES = tuple(script.SMALL)


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def text_of(notebook: Any) -> str:
    return "".join(output.get("text", "") for output in outputs(notebook))


def kinds_of(notebook: Any) -> set[str]:
    return {kind for output in outputs(notebook) for kind in output.get("data", {})}


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> Any:
    """Executes a notebook once, reduced."""
    done: dict[str, Any] = {}

    def run(name: str) -> Any:
        if name not in done:
            done[name] = script.with_parameters(script.read(name), script.SMALL[name])
            script.execute(done[name], tmp_path_factory.mktemp(name), timeout=120)
            script.clean(done[name])
        return done[name]

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_draws(executed, name):
    """A cell that fails is raised by the client."""
    notebook = executed(name)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert {"image/png", "image/svg+xml"} & kinds_of(notebook)
    errors = [output for output in outputs(notebook) if output.get("name") == "stderr"]
    assert not errors


def test_the_notebook_of_training_shows_what_it_promises(executed):
    notebook = executed("train")
    assert "epoch 2/2" in text_of(notebook)
    assert "last.ckpt:64 vs random" in text_of(notebook)
    assert {"image/png", "image/svg+xml"} <= kinds_of(notebook)


@pytest.mark.parametrize("name", NAMES)
def test_those_that_ship_have_the_outputs_of_a_full_run(name):
    path = ROOT / "docs" / "notebooks" / f"{name}.ipynb"
    assert path.stat().st_size < MOST_BYTES
    notebook = script.read(name)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert {"image/png", "image/svg+xml"} & kinds_of(notebook)
    assert script._WIDGET not in kinds_of(notebook)
    told = path.read_text(encoding="utf-8")
    assert not [word for word in ("site-packages", str(Path.home()), str(ROOT)) if f"{word}/" in told]


def test_parameters_that_a_notebook_lacks_are_named():
    with pytest.raises(ValueError, match="no nonsense"):
        script.with_parameters(script.read("train"), {"nonsense": 1})


def test_an_interrupted_cell_goes_on_exactly_and_bars_are_drawn_in_place(tmp_path):
    with Kernel() as kernel:
        assert not kernel.run(SETUP.format(root=str(ROOT))).error
        fit = "trainer.fit(module, datamodule=data, ckpt_path='last')"
        straight = kernel.run(f"trainer, module, data = make({str(tmp_path / 'straight')!r}); {fit}")
        assert not straight.error
        assert straight.kinds["display_data"] == 1
        assert straight.kinds["update_display_data"] > 4
        assert straight.kinds["stream"] < 20
        kernel.run(f"trainer, module, data = make({str(tmp_path / 'halted')!r})")
        for phase in ("self-play", "training epoch 1", "evaluation", "training epoch 2", "validation"):
            cell = kernel.run(fit, interrupt_at=lambda text, phase=phase: text.startswith(phase))
            assert cell.error.startswith(
                "CellInterrupt\nInterrupted. trainer.fit(..., ckpt_path='last') goes on"
            )
            assert "Traceback" not in cell.error
        refused = kernel.run(fit.replace(", ckpt_path='last'", ""))
        assert "this fit was interrupted" in refused.error
        assert not kernel.run(fit).error
        digests = [kernel.run(f"digest({str(tmp_path / run)!r})").text for run in ("straight", "halted")]
        assert digests[0] == digests[1] != ""
