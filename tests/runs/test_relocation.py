"""A run knows its own checkpoints by name, wherever its folder lies, and no others."""

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.network.checkpoint_format import VERSION_KEY
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.manifest import Manifest
from tests.support.saving import IO, error_of
from tests.support.training import tiny_data, tiny_evaluation, tiny_module, tiny_trainer

OPTIONS = {"enable_version_counter": False, "auto_insert_metric_name": False}


class Scores(pl.Callback):
    """Logs a score for every epoch, chosen so that each checkpoint is better than some and worse than others."""

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        module.log("score", float((3 * trainer.current_epoch) % 7), logger=False)


def fit(folder: Path | str, epochs: int, resume: Path | str | None = None, **changes: Any) -> pl.Trainer:
    """A run with the three best in one folder, all in another and a link to the newest in a third."""
    folder = Path(folder)
    best = ModelCheckpoint(folder, "best-{epoch}", monitor="score", mode="max", save_top_k=3, **OPTIONS)
    every = ModelCheckpoint(folder / "all", "sub/{epoch}", save_top_k=-1, every_n_epochs=2, **OPTIONS)
    linked = ModelCheckpoint(
        folder / "linked", "{epoch}", monitor="score", save_top_k=1, save_last="link", **OPTIONS
    )
    trainer = tiny_trainer(
        folder, epochs, callbacks=(Scores(), best, every, linked), limit_val_batches=0, **changes
    )
    trainer.fit(
        tiny_module(width=8), datamodule=tiny_data(games_per_epoch=1, simulations=2), ckpt_path=resume
    )
    return trainer


def kept(trainer: pl.Trainer) -> list[dict[str, Any]]:
    return [callback.state_dict() for callback in trainer.checkpoint_callbacks]


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.ckpt")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of five epochs. Leave it as it is."""
    folder = tmp_path_factory.mktemp("runs") / "A"
    fit(folder, 5)
    return folder


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> pl.Trainer:
    """A run of eight epochs without an interruption."""
    return fit(tmp_path_factory.mktemp("runs") / "straight", 8)


def test_a_checkpoint_does_not_say_where_its_run_lies(run: Path) -> None:
    assert names(run) == {
        "last.ckpt", "best-1.ckpt", "best-2.ckpt", "best-4.ckpt", "all/sub/1.ckpt", "all/sub/3.ckpt",
        "linked/0.ckpt", "linked/last.ckpt",
    }  # fmt: skip
    text = repr(load_checkpoint(run / "last.ckpt")["callbacks"])
    assert str(run) not in text
    assert "best-4.ckpt" in text


@pytest.mark.parametrize("spelling", ["copied", "moved", "relative", "linked"])
def test_a_run_goes_on_wherever_it_lies_now(
    run: Path, straight: pl.Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    shutil.copytree(run, tmp_path / "B", symlinks=True)
    monkeypatch.chdir(tmp_path)
    folder: Path = tmp_path / "B"
    if spelling == "moved":
        folder = folder.rename(tmp_path / "C")
    elif spelling == "relative":
        folder = Path("./B")
    elif spelling == "linked":
        Path("L").symlink_to("B")
        folder = Path("L")
    before = names(run)
    trainer = fit(folder, 8, folder / "last.ckpt")
    home = os.path.realpath(folder)
    assert names(run) == before
    assert names(Path(home)) == names(Path(straight.default_root_dir))
    assert len(list(Path(home).glob("best-*.ckpt"))) == 3
    # Not current_score, which Lightning saves but never restores.
    for found, expected in zip(kept(trainer), kept(straight), strict=True):
        texts = [
            repr({**state, "current_score": None}).replace(place, "HERE")
            for state, place in ((found, home), (expected, straight.default_root_dir))
        ]
        assert texts[0] == texts[1]


def test_a_run_from_the_checkpoint_of_another_knows_none_of_its_files(run: Path, tmp_path: Path) -> None:
    before = names(run)
    trainer = fit(tmp_path / "B", 6, run / "last.ckpt")
    assert names(run) == before
    assert [list(state["best_k_models"]) for state in kept(trainer)[:1]] == [
        [str(tmp_path / "B" / "best-5.ckpt")]
    ]


def test_a_deleted_checkpoint_is_no_longer_among_the_best(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "B", symlinks=True)
    (tmp_path / "B" / "best-2.ckpt").unlink()
    trainer = fit(tmp_path / "B", 5, tmp_path / "B" / "last.ckpt")
    best = kept(trainer)[0]
    assert {Path(path).name for path in best["best_k_models"]} == {"best-1.ckpt", "best-4.ckpt"}
    assert Path(best["best_model_path"]).name == "best-4.ckpt"


def test_checkpoints_with_paths_as_before_are_taken_up(run: Path, tmp_path: Path) -> None:
    """Earlier versions kept paths, as Lightning does."""
    shutil.copytree(run, tmp_path / "B", symlinks=True)
    last = tmp_path / "B" / "last.ckpt"
    checkpoint = load_checkpoint(last)
    del checkpoint[VERSION_KEY]
    key = next(key for key in checkpoint["callbacks"] if "'score'" in key and "max" in key)
    state, old = checkpoint["callbacks"][key], "/old/place/A"
    state["dirpath"] = old
    state["best_k_models"] = {f"{old}/{name}": score for name, score in state["best_k_models"].items()}
    for name in ("best_model_path", "kth_best_model_path"):
        state[name] = f"{old}/{state[name]}"
    IO.save_checkpoint(checkpoint, last)
    new, as_before = fit(tmp_path / "B", 5, last), fit(tmp_path / "B", 5, last)
    assert repr(kept(as_before)) == repr(kept(new))
    assert len(kept(as_before)[0]["best_k_models"]) == 3


@pytest.mark.parametrize("dirpath", [True, False], ids=["as before", "names"])
def test_a_checkpoint_deletes_nothing_but_checkpoints_of_its_own_run(
    run: Path, tmp_path: Path, dirpath: bool
) -> None:
    folder, victims = (
        tmp_path / "B",
        [tmp_path / "victim", tmp_path / "victim.ckpt", tmp_path / "B" / "folder.ckpt"],
    )
    shutil.copytree(run, folder, symlinks=True)
    for victim in victims:
        victim.mkdir()
        (victim / "precious").touch()
    stranger = tmp_path / "stranger.ckpt"
    stranger.touch()
    (folder / "notes.txt").touch()
    (folder / "away").symlink_to(tmp_path)
    wanted = [
        f"{folder}/../victim", "../victim", "../victim.ckpt", str(victims[0]), "folder.ckpt", "notes.txt", ".", "",
        "../stranger.ckpt", "linked/../best-4.ckpt", str(stranger), "away/stranger.ckpt", "x\0.ckpt",
        "x" * 300 + ".ckpt",
    ]  # fmt: skip
    original = load_checkpoint(run / "last.ckpt")
    for name in wanted:
        checkpoint = copy.deepcopy(original)
        for state in checkpoint["callbacks"].values():
            if "best_k_models" in state:
                state["best_k_models"] = {name: torch.tensor(-9.0), f"{name}/": torch.tensor(-8.0)}
                state.update(
                    dict.fromkeys(("best_model_path", "kth_best_model_path", "last_model_path"), name)
                )
                if dirpath:
                    state["dirpath"] = str(folder)
        IO.save_checkpoint(checkpoint, folder / "last.ckpt")
        if name == wanted[0]:
            fit(folder, 7, folder / "last.ckpt")
            continue
        trainer = fit(folder, 5, folder / "last.ckpt")
        assert not [state["best_k_models"] for state in kept(trainer) if state["best_k_models"]], name
        assert not [path for state in kept(trainer) for path in (state["last_model_path"],) if path], name
    assert all((victim / "precious").exists() for victim in victims)
    assert stranger.exists()
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"best_k_models": 3},
        {"best_k_models": {"best-1.ckpt": "high"}},
        {"best_k_models": {"best-1.ckpt": torch.ones(3)}},
        {"best_model_path": None},
        {"last_model_path": 5},
    ],
)
def test_a_senseless_state_is_refused_in_one_line(run: Path, tmp_path: Path, change: Any) -> None:
    checkpoint = load_checkpoint(run / "last.ckpt")
    key = next(key for key in checkpoint["callbacks"] if key.startswith("ModelCheckpoint"))
    checkpoint["callbacks"][key] = {**checkpoint["callbacks"][key], **change}
    IO.save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    assert "the state of ModelCheckpoint" in error_of(lambda: fit(tmp_path / "B", 6, tmp_path / "a.ckpt"))


def test_the_manifest_of_a_copied_run_names_the_files_of_the_copy(tmp_path: Path) -> None:
    def evaluated(folder: Path, epochs: int, resume: Path | None = None) -> None:
        callbacks = (
            tiny_evaluation(games=2),
            ModelCheckpoint(folder, "{epoch}", "step", save_top_k=-1, **OPTIONS),
        )
        trainer = tiny_trainer(folder, epochs, callbacks, limit_val_batches=0)
        trainer.fit(tiny_module(width=8), datamodule=tiny_data(games_per_epoch=1), ckpt_path=resume)

    evaluated(tmp_path / "A", 1)
    shutil.copytree(tmp_path / "A", tmp_path / "B")
    shutil.rmtree(tmp_path / "A")
    evaluated(tmp_path / "B", 2, tmp_path / "B" / "last.ckpt")
    assert [entry.file for entry in Manifest.load(tmp_path / "B").entries.values()] == ["0.ckpt", "1.ckpt"]
    assert str(tmp_path) not in (tmp_path / "B" / "manifest.json").read_text()
