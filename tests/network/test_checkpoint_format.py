"""What stands in a checkpoint is checked when it is read: senseless contents are refused in one line."""

import collections
import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.network.checkpoint_format import (
    PRECISION_KEY,
    VERSION,
    VERSION_KEY,
    check_and_upgrade,
    with_file_names,
)
from pylos.network.checkpoints import load_checkpoint, read_progress
from pylos.network.network import expected_value, pylos_network
from pylos.network.patterns import NUM_PATTERNS
from tests.support.networks import perturbed
from tests.support.saving import IO, error_of, of_version_2, same_state, sample_checkpoint

HUGE = torch.zeros(1).expand(10**12)
LOOP: list[Any] = []
LOOP.append(LOOP)


def with_metadata(metadata: Any) -> collections.OrderedDict[str, torch.Tensor]:
    weights = collections.OrderedDict(weight=torch.ones(2))
    weights._metadata = metadata  # type: ignore[attr-defined]  # as torch does
    return weights


SENSELESS: dict[str, tuple[dict[str, Any], str]] = {
    "negative epoch": ({"epoch": -1}, "'epoch'"),
    "no epoch": ({"epoch": True}, "'epoch'"),
    "huge step": ({"global_step": 10**400}, "'global_step'"),
    "step of a float": ({"global_step": 1e3}, "'global_step'"),
    "weights that are none": ({"state_dict": {"a": 1}}, "'state_dict'"),
    "weights without names": ({"state_dict": {1: torch.ones(1)}}, "1 in checkpoint['state_dict'] is no name"),
    "no weights": ({"state_dict": [1]}, "'state_dict'"),
    "metadata of weights": ({"state_dict": with_metadata(5)}, "the metadata of the weights"),
    "metadata of a weight": ({"state_dict": with_metadata({"": 5})}, "the metadata of the weights"),
    "sparse": ({"state_dict": {"a": torch.ones(2).to_sparse()}}, "sparse"),
    "compressed": ({"state_dict": {"a": torch.ones(2, 2).to_sparse_csr()}}, "sparse"),
    "meta": ({"state_dict": {"a": torch.ones(2, device="meta")}}, "without its numbers"),
    "quantised": (
        {"state_dict": {"a": torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)}},
        "quantised",
    ),
    "meta somewhere": ({"mine": [{"a": (torch.ones(2, device="meta"),)}]}, "without its numbers"),
    "in itself": ({"mine": [LOOP, torch.ones(2, device="meta")]}, "without its numbers"),
    "larger than the file": ({"state_dict": {"a": HUGE}}, "larger than the file"),
    "hyperparameters": ({"hyper_parameters": 5}, "'hyper_parameters'"),
    "rules": ({"hyper_parameters": {"rules": 5}}, "'rules'"),
    "options without names": ({"hyper_parameters": {5: 5}}, "5 in checkpoint"),
    "a width beyond all memory": ({"hyper_parameters": {"width": 10**12}}, "'width'"),
    "blocks beyond all memory": ({"hyper_parameters": {"blocks": float("nan")}}, "'blocks'"),
    "data's options": ({"datamodule_hyper_parameters": [1]}, "'datamodule_hyper_parameters'"),
    "a precision that there is not": ({PRECISION_KEY: "int8"}, f"'{PRECISION_KEY}'"),
    "a precision of another kind": ({PRECISION_KEY: ["float32"]}, f"'{PRECISION_KEY}'"),
    "no number of a version": ({VERSION_KEY: "2"}, f"'{VERSION_KEY}'"),
    "no such version": ({VERSION_KEY: 0}, f"'{VERSION_KEY}'"),
    "version": ({"pytorch-lightning_version": "99.0"}, "unknown version of Lightning, '99.0'"),
    "no version": ({"pytorch-lightning_version": "2.6.6; rm"}, "unknown version of Lightning"),
    "version of another kind": ({"pytorch-lightning_version": 2}, "'pytorch-lightning_version'"),
    "callbacks": ({"callbacks": 5}, "'callbacks'"),
    "a callback's state": ({"callbacks": {"Report": 5}}, "'Report'"),
    "optimizers": ({"optimizer_states": 5}, "'optimizer_states'"),
    "an optimizer's state": ({"optimizer_states": [5]}, "'optimizer_states'"),
    "an optimizer's moments": ({"optimizer_states": [{"state": {0: 5}, "param_groups": []}]}, "'state'"),
    "optimizers by name": (
        {"optimizer_states": {"a": {"state": {}, "param_groups": []}}},
        "'optimizer_states'",
    ),
    "moments without numbers": (
        {"optimizer_states": [{"state": [{}], "param_groups": []}]},
        "the state of an optimizer must be a dictionary",
    ),
    "schedulers": ({"lr_schedulers": {"a": 5}}, "'lr_schedulers'"),
    "loops": ({"loops": {"fit_loop": 5}}, "'fit_loop'"),
}


@pytest.mark.parametrize("kind", SENSELESS)
def test_senseless_contents_are_refused(tmp_path: Path, kind: str) -> None:
    change, reason = SENSELESS[kind]
    path = tmp_path / "a.ckpt"
    checkpoint = {**sample_checkpoint(), **change}
    with open(path, "wb") as file:
        torch.save(checkpoint, file)
    for read in (load_checkpoint, read_progress, IO.load_checkpoint):
        message = error_of(lambda read=read: read(path))
        assert message.startswith(f"{path} makes no sense: ")
        assert reason in message
        assert len(message) < len(str(path)) + 250


def test_a_newer_format_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    for checkpoint in (sample_checkpoint(), {"nothing": "that we know"}):
        IO.save_checkpoint({**checkpoint, VERSION_KEY: VERSION + 1}, path)
        for read in (load_checkpoint, read_progress):
            message = error_of(lambda read=read: read(path))
            assert message == f"{path} has format {VERSION + 1}, this program reads up to {VERSION}"
    IO.save_checkpoint({**sample_checkpoint(), VERSION_KEY: VERSION + 1}, path)
    assert "reads up to" in error_of(lambda: IO.load_checkpoint(path))


KEPT = {
    "dirpath": "/runs/a/checkpoints",
    "best_model_path": "/runs/a/checkpoints/best-2.ckpt",
    "kth_best_model_path": "/runs/a/checkpoints/sub/best-1.ckpt",
    "last_model_path": "",
    "best_k_models": {
        "/runs/a/checkpoints/best-2.ckpt": torch.tensor(2.0),
        "/elsewhere/b.ckpt": torch.tensor(1.0),
    },
    "monitor": "eval/elo",
}
"""The state of a `ModelCheckpoint` as Lightning has it."""
NAMED = {
    "best_model_path": "best-2.ckpt",
    "kth_best_model_path": "sub/best-1.ckpt",
    "last_model_path": "",
    "best_k_models": {"best-2.ckpt": torch.tensor(2.0), "": torch.tensor(1.0)},
    "monitor": "eval/elo",
}


def test_an_older_checkpoint_is_brought_to_the_present_format(tmp_path: Path) -> None:
    """Version 1 had paths where version 2 has names, and the first ones lacked what version 2 always has."""
    older = {**sample_checkpoint(), "callbacks": {"ModelCheckpoint": KEPT, "Report": {"metrics": {}}}}
    del older[VERSION_KEY]
    IO.save_checkpoint(older, tmp_path / "a.ckpt")
    present = {
        **sample_checkpoint(),
        "callbacks": {"ModelCheckpoint": NAMED, "Report": {"metrics": {}}},
        "fingerprint": {},
        "metrics": {"newest": {}, "epoch": {}, "sums": {}},
    }
    assert same_state(load_checkpoint(tmp_path / "a.ckpt"), present)
    assert same_state(IO.load_checkpoint(tmp_path / "a.ckpt"), present)
    check_and_upgrade(present, "again")
    assert same_state(load_checkpoint(tmp_path / "a.ckpt"), present)


def test_what_an_older_checkpoint_has_stays(tmp_path: Path) -> None:
    metrics = {"newest": {"a": 1.0}, "epoch": {}, "sums": {}}
    older = {**sample_checkpoint(), "fingerprint": {"pylos": "0"}, "metrics": metrics}
    del older[VERSION_KEY]
    check_and_upgrade(older, "it")
    assert older["metrics"] == metrics
    assert older["fingerprint"] == {"pylos": "0"}


HEAD = "network.value_head.weight", "network.value_head.bias"


def trained(width: int = 16) -> tuple[dict[str, Any], torch.optim.AdamW]:
    """A checkpoint of a network after a step of its optimizer, which has matrices and vectors in two groups."""
    torch.manual_seed(0)
    network = perturbed(pylos_network(width, 1))
    parameters = list(network.parameters())
    groups = [[p for p in parameters if (p.ndim > 1) is matrix] for matrix in (True, False)]
    optimizer = torch.optim.AdamW([{"params": group} for group in groups])
    sum(part.square().sum() for part in network(torch.randn(8, OBSERVATION_SIZE))).backward()
    optimizer.step()
    weights = {f"network.{name}": weight for name, weight in network.state_dict().items()}
    previous = {"EvaluationCallback": {"previous_step": 1, "previous_weights": dict(network.state_dict())}}
    states = {"optimizer_states": [optimizer.state_dict()], "callbacks": previous}
    sample = sample_checkpoint()
    sample["hyper_parameters"] |= {"width": width, "blocks": 1, "activation": network.activation}
    return {**sample, "state_dict": weights, **states}, optimizer


def answers(weights: dict[str, torch.Tensor], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    network = pylos_network(width, 1)
    network.load_state_dict(weights)
    with torch.no_grad():
        return network(torch.randn(64, OBSERVATION_SIZE, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("width", [8, 16])
def test_the_value_of_one_output_stays_what_it_was(width: int) -> None:
    """Its tanh; with width 8 other layers have its shape."""
    checkpoint, _ = trained(width)
    weights = {name.removeprefix("network."): w for name, w in checkpoint["state_dict"].items()}
    expected, log_policy = answers(
        weights | {"patterns.table": torch.zeros_like(weights["patterns.table"])}, width
    )
    older = of_version_2(checkpoint)
    assert [len(older["state_dict"][name]) for name in HEAD] == [1, 1]
    check_and_upgrade(older, "it")
    assert older[VERSION_KEY] == VERSION
    again = {name.removeprefix("network."): w for name, w in older["state_dict"].items()}
    for found in (again, older["callbacks"]["EvaluationCallback"]["previous_weights"]):
        outcomes, same_policy = answers(found, width)
        torch.testing.assert_close(expected_value(outcomes), expected[:, :1].tanh(), atol=1e-6, rtol=0)
        assert torch.equal(same_policy, log_policy)


@pytest.mark.parametrize("width", [8, 16])
def test_the_optimizer_keeps_its_moments_but_begins_anew_with_what_is_new(width: int) -> None:
    checkpoint, optimizer = trained(width)
    older = of_version_2(checkpoint)
    check_and_upgrade(older, "it")
    moments = older["optimizer_states"][0]["state"]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    new = {number for number, weight in enumerate(weights) if len(weight) in (3, NUM_PATTERNS)}
    assert len(new) == 3
    assert moments.keys() == set(range(len(weights))) - new
    for number, state in moments.items():
        assert same_state(state, checkpoint["optimizer_states"][0]["state"][number])
    optimizer.load_state_dict(older["optimizer_states"][0])
    optimizer.step()
    assert {optimizer.state[weight]["exp_avg_sq"].shape for weight in weights} == {w.shape for w in weights}


@pytest.mark.parametrize("groups", [[10**6], [3, 10**6], [2, 3, 10**6]])
def test_an_optimizer_gets_the_patterns_where_it_expects_them(groups: list[int]) -> None:
    """A user's may have all weights in one group. In groups of another kind nobody knows where they belong."""
    checkpoint, _ = trained()
    older = of_version_2(checkpoint)
    (state,) = older["optimizer_states"]
    count = len(older["state_dict"])
    state["param_groups"] = [
        {"params": list(range(count))[first:last]} for first, last in itertools.pairwise([0, *groups])
    ]
    before = copy.deepcopy(state)
    check_and_upgrade(older, "it")
    if len(groups) == 1:
        assert state["param_groups"] == [{"params": list(range(count + 1))}]
        assert count not in state["state"]
    else:
        assert state["param_groups"] == before["param_groups"]


def test_averages_of_weights_and_compiled_networks_get_patterns_too() -> None:
    checkpoint, _ = trained()
    older = of_version_2(checkpoint)
    current = {name.replace("network.", "network._orig_mod."): w for name, w in older["state_dict"].items()}
    older["current_model_state"] = current
    check_and_upgrade(older, "it")
    found = older["current_model_state"]["network._orig_mod.patterns.table"]
    assert found.shape == checkpoint["state_dict"]["network.patterns.table"].shape
    assert not found.any()
    assert len(current["network._orig_mod.value_head.bias"]) == 3


def test_weights_of_a_network_of_somebodys_own_stay() -> None:
    for weights in (
        {"network.value_head.weight": torch.ones(1, 8)},
        {"network.value_head.weight": torch.ones(2, 8), "network.value_head.bias": torch.ones(2)},
        {"network.value_head.weight": torch.tensor(1.0), "network.value_head.bias": torch.ones(1)},
        {"network.stem.weight": torch.ones(16, OBSERVATION_SIZE)},  # without symmetries
        {"network.stem.weight": torch.ones(2, 9)},
    ):
        older = {**sample_checkpoint(), VERSION_KEY: 2, "state_dict": dict(weights)}
        older["hyper_parameters"]["width"] = 16
        check_and_upgrade(older, "it")
        assert same_state(older["state_dict"], weights)


def test_what_is_no_path_stays_to_be_refused() -> None:
    named = with_file_names({**KEPT, "last_model_path": 5, "best_k_models": {3: torch.tensor(1.0)}})
    assert named["last_model_path"] == 5
    assert list(named["best_k_models"]) == [3]


def test_an_older_checkpoint_with_an_empty_list_of_callbacks_loads() -> None:
    older = {**sample_checkpoint(), "callbacks": []}
    del older[VERSION_KEY]
    check_and_upgrade(older, "it")
    assert older[VERSION_KEY] == VERSION


@pytest.mark.parametrize("folder", [None, 5, "/elsewhere"])
def test_files_outside_of_the_folder_have_no_name(folder: Any) -> None:
    named = with_file_names({**KEPT, "dirpath": folder})
    assert "dirpath" not in named
    assert [named[key] for key in ("best_model_path", "kth_best_model_path", "last_model_path")] == [
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "version", ["2.0.0", "2.6.6", "2.6.0rc1", "2.7.0.dev20261101", "2.6.6+cpu", "2.5.0.post0"]
)
def test_versions_of_lightning_that_are_known(tmp_path: Path, version: str) -> None:
    IO.save_checkpoint({**sample_checkpoint(), "pytorch-lightning_version": version}, tmp_path / "a.ckpt")
    assert IO.load_checkpoint(tmp_path / "a.ckpt")["pytorch-lightning_version"] == version


def test_what_has_no_such_parts_passes_through_the_io(tmp_path: Path) -> None:
    IO.save_checkpoint({"epoch": -1, "anything": [1, "x", None]}, tmp_path / "a.ckpt")
    assert IO.load_checkpoint(tmp_path / "a.ckpt") == {"epoch": -1, "anything": [1, "x", None]}
    checkpoint = sample_checkpoint()
    del checkpoint["pytorch-lightning_version"]
    IO.save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    assert "does not say of which version" in error_of(lambda: IO.load_checkpoint(tmp_path / "a.ckpt"))
    torch.save([1], tmp_path / "b.ckpt")
    assert "it holds a list" in error_of(lambda: IO.load_checkpoint(tmp_path / "b.ckpt"))


@pytest.mark.parametrize("version", [1, 2, VERSION])
def test_the_activation_is_named_where_it_was_not(version: int) -> None:
    for sizes, expected in (
        ({"width": 8, "blocks": 1}, "relu"),
        ({}, None),
    ):  # the latter of somebody's own module
        older = sample_checkpoint()
        older["hyper_parameters"] |= sizes
        older[VERSION_KEY] = version
        check_and_upgrade(older, "it")
        assert older["hyper_parameters"].get("activation") == (expected if version < VERSION else None)
    named = sample_checkpoint() | {
        VERSION_KEY: version,
        "hyper_parameters": {"width": 8, "blocks": 1, "activation": "mine"},
    }
    check_and_upgrade(named, "it")
    assert named["hyper_parameters"]["activation"] == "mine"
