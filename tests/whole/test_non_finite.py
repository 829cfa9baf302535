"""A network whose weights or answers are not finite numbers is refused in one line, wherever it is met."""

from __future__ import annotations

import math
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from pylos.analysis.rows import analyse
from pylos.cli.main import main
from pylos.errors import NonFiniteNetworkError
from pylos.game.board import Board
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.players.naming import make_player
from pylos.search.options import SearchOptions
from pylos.search.root import pick_actions
from pylos.search.search import Search
from tests.support.evaluators import let_overflow
from tests.support.training import config_text, tiny_data, tiny_evaluation, tiny_module, tiny_trainer

STANDARD = RULES["standard"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, nan.ckpt and overflow.ckpt."""
    folder = tmp_path_factory.mktemp("broken")
    tiny_trainer(folder, 1).fit(tiny_module(), datamodule=tiny_data())
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    checkpoint["state_dict"] = let_overflow_state()
    torch.save(checkpoint, folder / "overflow.ckpt")
    checkpoint["state_dict"]["network.stem.bias"][0] = math.nan
    torch.save(checkpoint, folder / "nan.ckpt")
    text = config_text(max_epochs=9, games=8, evaluation_games=4, simulations=4, batches_per_epoch=4)
    (folder / "tiny.yaml").write_text(text)
    return folder


def let_overflow_state() -> dict[str, torch.Tensor]:
    module = tiny_module()
    let_overflow(module.network)
    return dict(module.state_dict())


@pytest.mark.parametrize(
    "command",
    [
        ["fit", "-c", "tiny.yaml", "--ckpt_path", "nan.ckpt"],
        ["fit", "-c", "tiny.yaml", "--ckpt_path", "overflow.ckpt"],
        ["test", "--ckpt_path", "overflow.ckpt"],
        ["validate", "--ckpt_path", "nan.ckpt"],
        ["validate", "--ckpt_path", "overflow.ckpt"],
        ["validate", "--ckpt_path", "overflow.ckpt", "--model.validation_simulations", "0"],
        ["predict", "--ckpt_path", "overflow.ckpt"],
        ["match", "nan.ckpt", "random", "--games", "2"],
        ["match", "random", "overflow.ckpt:4", "--games", "2"],
        ["match", "random", "overflow.ckpt:0", "--games", "2"],
        ["analyse", "--ckpt_path", "overflow.ckpt"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_it_in_one_line(folder: Path, monkeypatch, capfd, command: list[str]):
    monkeypatch.chdir(folder)
    assert main(command) == 2
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("pylos: error: ")
    assert "not finite numbers" in error
    if "nan.ckpt" in command:
        assert "nan.ckpt: the weights" in error
    if command[0] == "match":
        assert "nan.ckpt" in error or "overflow.ckpt:" in error  # which of the two it was


def test_what_the_last_step_broke_is_neither_evaluated_nor_saved(tmp_path: Path):
    """The weights are finite after the epoch's other steps: no loss and no gradient ever shows it."""

    class Breaks(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.current_epoch == 1 and trainer.is_last_batch:
                pl_module.network.stem.weight.data[0, 0] = math.inf

    trainer = tiny_trainer(tmp_path, 3, callbacks=(tiny_evaluation(), Breaks()), limit_val_batches=0)
    with pytest.raises(NonFiniteNetworkError, match=r"stopped after step 8 \(epoch 1\).*stem\.weight"):
        trainer.fit(tiny_module(), datamodule=tiny_data())
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["epoch"] == 0
    assert [entry.step for entry in trainer.callbacks[0].manifest.entries.values()] == [4]
    with pytest.raises(NonFiniteNetworkError, match="not saved"):
        trainer.save_checkpoint(tmp_path / "by_hand.ckpt")
    assert not (tmp_path / "by_hand.ckpt").exists()


@pytest.mark.parametrize("root", ["puct", "gumbel"])
def test_no_action_comes_from_a_search_whose_evaluator_says_nothing(root: str):
    def silent(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(positions), np.nan, np.float32), np.full(
            (len(positions), NUM_ACTIONS), np.nan, np.float32
        )

    keys = np.arange(5)
    found = Search(5, STANDARD, SearchOptions(simulations=8, root=root)).run(keys * 0, silent, keys)
    empty = found.weights.max(axis=1) == 0
    if empty.any():  # visits are whole numbers whatever the values were
        with pytest.raises(NonFiniteNetworkError, match="nothing to play"):
            pick_actions(found.actions, found.weights, keys, keys > 0)
    assert root == "puct" or empty.all()


def test_an_analysis_names_the_player(folder: Path):
    player = make_player(str(folder / "overflow.ckpt"))
    with pytest.raises(NonFiniteNetworkError, match=r"overflow\.ckpt:64"):
        analyse(Board(), player=player)
