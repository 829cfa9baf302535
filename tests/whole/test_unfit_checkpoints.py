"""Every command refuses, in one line, a checkpoint whose weights or options are not those of a network of ours."""

from pathlib import Path
from typing import Any

import pytest
import torch

import pylos
from pylos.cli.main import main
from pylos.network.checkpoints import load_checkpoint
from tests.support.saving import IO


@pytest.fixture
def reference() -> dict[str, Any]:
    return load_checkpoint(Path(pylos.__file__).parent / "players" / "reference" / "children.ckpt")


def changed(state: dict[str, Any], part: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {**state, part: {**state[part], **changes}}


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "integers": ("state_dict", {"network.policy.weight": lambda old: old.int()}),
    "complex": ("state_dict", {"network.policy.weight": lambda old: old.to(torch.complex64)}),
    "shape": ("state_dict", {"network.policy.weight": lambda old: old.t()}),
    "width": ("hyper_parameters", {"width": lambda old: "wide"}),
    "list": ("hyper_parameters", {"width": lambda old: [old]}),
    "tensor": ("hyper_parameters", {"blocks": lambda old: torch.ones(3)}),
    "unknown rules": ("hyper_parameters", {"rules": lambda old: "mine"}),
    "deep": ("hyper_parameters", {"validation_simulations": lambda old: {"a": {"b": old}}}),
}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("command", ["match", "validate", "fit"])
def test_no_command_takes_weights_or_options_of_other_kinds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    reference: dict[str, Any],
    kind: str,
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    part, changes = FORMS[kind]
    name, change = next(iter(changes.items()))
    if part == "state_dict":
        name = next(name for name, w in reference[part].items() if w.ndim == 2 and w.shape[0] != w.shape[1])
    if command == "match" and kind == "deep":
        pytest.skip("a player needs no such option")
    IO.save_checkpoint(changed(reference, part, {name: change(reference[part][name])}), "a.ckpt")
    arguments = {
        "match": ["match", "a.ckpt", "random", "--rules", "children", "--games", "2"],
        "validate": ["validate", "--ckpt_path", "a.ckpt"],
        "fit": ["fit", "--ckpt_path", "a.ckpt", "--trainer.accelerator", "cpu"],
    }[command]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("pylos: error: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]
