"""What `predict` takes, and what it says: of a file, of boards in memory, and the same however many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pylos.errors import ConfigurationError, PositionError, RulesError
from pylos.game.actions import parse_action
from pylos.game.board import Board
from tests.support.training import tiny_data, tiny_module, tiny_trainer

TEXTS = ["................/........./..../. w 0", ".....w........../........./..../. b 0"]


BOARDS = [Board.from_text(text) for text in TEXTS]


POSITIONS = np.array([board.position for board in BOARDS])


@pytest.mark.parametrize(
    "given",
    [
        BOARDS,
        tuple(BOARDS),
        TEXTS,
        POSITIONS,
        torch.from_numpy(POSITIONS),
        POSITIONS.tolist(),
        DataLoader(TEXTS, batch_size=2),
        DataLoader(POSITIONS, batch_size=2),
        DataLoader(BOARDS, batch_size=2, collate_fn=list),
        [DataLoader(TEXTS, batch_size=2)],
    ],
    ids=["boards", "tuple", "texts", "array", "tensor", "numbers", *["loader"] * 3, "list of one loader"],
)
def test_boards_in_memory_are_predicted_however_they_are_given(tmp_path: Path, given: Any):
    found = tiny_trainer(tmp_path).predict(tiny_module(), given)
    assert [judgement["position"] for judgement in found[0]] == TEXTS
    assert len(found) == 1
    assert found == tiny_trainer(tmp_path).predict(tiny_module(), BOARDS)


def test_what_is_no_board_of_the_rules_is_refused(tmp_path: Path):
    for given, error in (
        ([Board("mature")], RulesError),
        (["a board"], PositionError),
        ([1.5], PositionError),
        (np.array([-1]), PositionError),
    ):
        with pytest.raises(error):
            tiny_trainer(tmp_path).predict(tiny_module(), given)


def test_bad_position_files_are_refused(tmp_path: Path):
    trainer, module = tiny_trainer(tmp_path), tiny_module()
    with pytest.raises(ConfigurationError, match=r"missing\.txt"):
        trainer.predict(module, datamodule=tiny_data(positions=str(tmp_path / "missing.txt")))
    file = tmp_path / "bad.txt"
    file.write_text("not a position\n")
    with pytest.raises(PositionError):
        trainer.predict(module, datamodule=tiny_data(positions=str(file)))
    file.write_text("# nothing\n")
    with pytest.raises(ConfigurationError, match="no position"):
        trainer.predict(module, datamodule=tiny_data(positions=str(file)))


def test_predict_names_legal_actions_with_their_probabilities(tmp_path: Path):
    texts = ["................/........./..../. w 0", "wwww............/........./..../. b 0"]
    file = tmp_path / "positions.txt"
    file.write_text("# two positions\n" + "\n".join(texts) + "\n")
    predictions = tiny_trainer(tmp_path).predict(tiny_module(), datamodule=tiny_data(positions=str(file)))
    assert [p["position"] for p in predictions[0]] == texts
    for prediction in predictions[0]:
        board = Board.from_text(prediction["position"])
        assert {parse_action(name) for name in prediction["policy"]} == set(board.legal_actions.tolist())
        assert sum(prediction["policy"].values()) == pytest.approx(1)
        assert list(prediction["policy"].values()) == sorted(prediction["policy"].values(), reverse=True)
        assert -1 <= prediction["value"] <= 1


@pytest.mark.parametrize("count", [1, 3, 7, 9])
def test_a_position_is_judged_the_same_however_many_others_there_are(tmp_path: Path, count: int):
    module = tiny_module(width=64)
    torch.nn.init.normal_(module.network.policy_head.weight)
    texts = TEXTS[:1]
    while len(texts) < 12:
        board = Board.from_text(texts[-1])
        board.push(board.legal_actions[-1])
        texts.append(board.text)

    def predict(texts: list[str]) -> list[dict[str, Any]]:
        file = tmp_path / "positions.txt"
        file.write_text("\n".join(texts))
        found = tiny_trainer(tmp_path).predict(module, datamodule=tiny_data(positions=str(file)))[0]
        return [{**judgement, "policy": list(judgement["policy"].items())} for judgement in found]

    assert predict(texts[:count]) == predict(texts)[:count]
