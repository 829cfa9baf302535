"""Lightning still has the names that `lightning_internals` uses, and no other file touches one that is not public."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import lightning.pytorch as pl
import pytest
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.strategies import launchers
from lightning_utilities.core.rank_zero import rank_zero_only

from pylos.runs import lightning_internals

ROOT = Path(__file__).parents[2]
HOME = Path(lightning_internals.__file__)
OVERRIDDEN = {"pylos.cli.lightning_cli": {"_parse_ckpt_path", "_run_subcommand", "_set_seed"}}
"""Steps of `LightningCLI` that our subclass replaces: that takes a subclass, and their names."""
NAMES = [
    "module._trainer",
    "module._compiler_ctx",
    *(
        f"module.{name}"
        for name in ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
    ),
    *(f"module.layer.weight.{name}" for name in ("_backward_hooks", "_post_accumulate_grad_hooks")),
    "trainer.datamodule",
    "trainer.callbacks",
    "trainer.callback_metrics.update",
    "trainer.predict_loop._data_source.instance",
    "trainer.strategy.launcher",
    "trainer._accelerator_connector.cluster_environment",
    "trainer.fit_loop.epoch_progress.current.processed",
    "trainer.fit_loop.restarted_mid_epoch",
    "trainer.fit_loop.epoch_loop.batch_progress.current.processed",
    "trainer.fit_loop.state_dict",
    "trainer.fit_loop._combined_loader",
    "trainer.fit_loop.epoch_loop.val_loop._has_run",
    "trainer._checkpoint_connector._loaded_checkpoint",
    "trainer._checkpoint_connector._parse_ckpt_path",
    "trainer.state.fn",
    "checkpoints._save_on_train_epoch_end",
    "checkpoints._last_global_step_saved",
    "timer._interval",
    "early_stopping._check_on_train_epoch_end",
    "launchers._MultiProcessingLauncher",
    "launchers._SubprocessScriptLauncher",
    "trainer.strategy.setup_environment",
    "rank_zero_only.rank",
    "cli._subcommand_parsers",
    *(f"cli.{name}" for name in sorted(OVERRIDDEN["pylos.cli.lightning_cli"])),
]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Lightning's objects as a fit has them."""
    folder = tmp_path_factory.mktemp("trainer")
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=0, logger=False, default_root_dir=folder, barebones=True
    )
    trainer.fit(module := BoringModel())
    return SimpleNamespace(
        module=module,
        trainer=trainer,
        checkpoints=ModelCheckpoint(),
        timer=Timer(),
        early_stopping=EarlyStopping("loss"),
        launchers=launchers,
        rank_zero_only=rank_zero_only,
        cli=SimpleNamespace(**dict.fromkeys(private_names_of(LightningCLI))),
    )


@pytest.mark.parametrize("name", NAMES)
def test_lightning_still_has(objects: SimpleNamespace, name: str):
    thing: Any = objects
    for part in name.split("."):
        assert hasattr(thing, part), (
            f"Lightning {lightning.__version__} has no `{part}` in `{name}` any more: see {HOME.relative_to(ROOT)}"
        )
        thing = getattr(thing, part)


def test_every_private_name_in_use_is_looked_for():
    parts = {part for name in NAMES for part in name.split(".")}
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.name
        for node in ast.walk(ast.parse(HOME.read_text()))
        if isinstance(node, ast.Attribute | ast.alias)
    }
    assert {name for name in used if is_private(name)} <= parts


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("pylos", "callbacks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != HOME and re.search(r"^\s*(from|import) lightning", path.read_text(), re.MULTILINE)
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_other_file_touches_them(path: Path):
    tree = ast.parse(path.read_text())
    found = set(private_names_of_others(tree))
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for kind in vars(module).values():
        if inspect.isclass(kind) and kind.__module__ == module.__name__:
            theirs = set().union(*(private_names_of(base) for base in kind.mro() if is_lightnings(base)))
            found |= own_private_names(kind) & theirs
    found -= OVERRIDDEN.get(module.__name__, set())
    assert not found, f"{path.relative_to(ROOT)} touches {sorted(found)}: see {HOME.relative_to(ROOT)}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_lightnings(kind: type) -> bool:
    return kind.__module__.startswith(("lightning.", "lightning_"))


def private_names_of_others(tree: ast.Module) -> list[str]:
    """The private names that a file reads of what is not its own, or imports; `_asdict` and the like are public."""
    public = {"_asdict", "_fields", "_replace", "_metadata", "_orig_mod", "_actions", "_get_file_writer"}
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not is_self(node.value):
            names.append(node.attr)
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("lightning"):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr"):
            names.append(ast.unparse(node.args[1]).strip("'"))
    return [name for name in names if is_private(name) and name not in public | own]


def is_self(node: ast.expr) -> bool:
    return ast.unparse(node) in ("self", "cls", "super()")


def own_private_names(kind: type) -> set[str]:
    """The private names that the code of a class has of itself, inherited or not."""
    names = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind)))):
        if isinstance(node, ast.Attribute) and is_self(node.value):
            names.add(node.attr)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return {name for name in names if is_private(name)}


@functools.cache
def private_names_of(kind: type) -> set[str]:
    """The private names of one of Lightning's classes: what it defines, and what it sets in itself."""
    return own_private_names(kind) | {name for name in vars(kind) if is_private(name)}


def test_a_private_name_is_found_however_it_is_touched():
    tree = ast.parse(
        "from lightning.pytorch.loops import _Loop\nx._a\nx.y._b = 1\ngetattr(x, '_c')\nself._d\nx._asdict()\nx.e"
    )
    assert set(private_names_of_others(tree)) == {"_Loop", "_a", "_b", "_c"}


def test_what_lightnings_classes_set_in_themselves_is_theirs():
    assert {"_trainer", "_compiler_ctx"} <= private_names_of(pl.LightningModule)

    class Module(pl.LightningModule):
        def on_fit_start(self):
            return self._trainer

    assert own_private_names(Module) & private_names_of(pl.LightningModule) == {"_trainer"}


def plain_trainer(**options: Any) -> pl.Trainer:
    return pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **options)


def test_to_look_for_a_checkpoint_leaves_the_trainer_as_it_was():
    trainer = plain_trainer()
    assert lightning_internals.checkpoint_found_unasked(trainer) is None
    assert trainer.state.fn is None


def test_processes_that_are_copies_are_known():
    assert lightning_internals.starts_copies(plain_trainer(devices=2, strategy="ddp_spawn"))
    assert not lightning_internals.starts_copies(plain_trainer(devices=2, strategy="ddp"))
    assert not lightning_internals.starts_copies(plain_trainer())


def test_processes_that_lightning_has_started_are_known(monkeypatch):
    assert lightning_internals.started_ranks(plain_trainer()) == []
    several = plain_trainer(devices=2, strategy="ddp")
    assert lightning_internals.started_ranks(several) == []
    monkeypatch.setattr(several.strategy.launcher, "procs", [1, 2])
    assert lightning_internals.started_ranks(several) == [1, 2]


@pytest.mark.parametrize("options", [{}, {"devices": 2, "strategy": "ddp"}])
def test_ranks_meet_by_what_starts_them(monkeypatch, options):
    trainer, calls = plain_trainer(**options), []
    monkeypatch.setattr(trainer.strategy, "setup_environment", lambda: calls.append("met"))
    if trainer.strategy.launcher is not None:
        monkeypatch.setattr(
            trainer.strategy.launcher, "_call_children_scripts", lambda: calls.append("start")
        )
    lightning_internals.meet(trainer)
    assert calls == (["start", "met"] if options else ["met"])


def test_a_module_without_a_trainer_has_none():
    module = BoringModel()
    assert lightning_internals.trainer_of(module) is None
    module.trainer = trainer = plain_trainer()
    assert lightning_internals.trainer_of(module) is trainer
