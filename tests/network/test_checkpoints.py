"""What is read from a checkpoint: its network, its contents, how far the training was, or any file of torch."""

from pathlib import Path

import pytest
import torch

from pylos.errors import CheckpointError, NonFiniteNetworkError
from pylos.game.observation import OBSERVATION_SIZE
from pylos.network.checkpoints import (
    check_rules,
    load_checkpoint,
    load_network,
    read_progress,
    read_torch_file,
)
from pylos.network.compiled import plain_name
from pylos.network.network import ValueNetwork
from pylos.network.weights import weights_digest
from tests.support.players import drawn_network, save_player
from tests.support.saving import IO, error_of, of_version_2, same_state, sample_checkpoint


@pytest.mark.parametrize("compiled", [False, True])
def test_the_network_of_a_checkpoint_is_the_one_that_was_saved(tmp_path: Path, compiled: bool) -> None:
    """Earlier versions saved the names that `torch.compile` gives."""
    infix = "_orig_mod." if compiled else ""
    weights = {f"network.{infix}{name}": weight for name, weight in drawn_network().state_dict().items()}
    path = save_player(tmp_path / "a.ckpt", "mature", state_dict={**weights, "of_a_subclass": torch.ones(1)})
    network, rules, digest = load_network(path)
    assert same_state(dict(network.state_dict()), dict(drawn_network().state_dict()))
    assert rules == "mature"
    assert digest == load_network(save_player(tmp_path / "b.ckpt")).weights_digest
    other = {plain_name(name): weight + 1 for name, weight in weights.items()}
    assert digest != load_network(save_player(tmp_path / "c.ckpt", state_dict=other)).weights_digest


@pytest.mark.parametrize("compiled", [False, True])
def test_an_agent_of_an_older_version_judges_as_before_and_keeps_its_name(
    tmp_path: Path, compiled: bool
) -> None:
    infix = "_orig_mod." if compiled else ""
    weights = {f"network.{infix}{name}": weight for name, weight in drawn_network().state_dict().items()}
    older = of_version_2({"state_dict": weights})["state_dict"]
    loaded = load_network(save_player(tmp_path / "a.ckpt", state_dict=older))
    plain = {plain_name(name).removeprefix("network."): weight for name, weight in older.items()}
    assert loaded.weights_digest == weights_digest(plain)
    observations = torch.randn(64, OBSERVATION_SIZE)
    with torch.no_grad():
        values, log_policy = ValueNetwork(loaded.network)(observations)
        network = drawn_network()
        network.patterns.table.zero_()
        outcomes, same_policy = network(observations)
    torch.testing.assert_close(values, outcomes[:, :1].tanh(), atol=1e-6, rtol=0)
    assert torch.equal(log_policy, same_policy)


def test_loading_a_network_draws_nothing_from_the_generator_of_torch(tmp_path: Path) -> None:
    """A run with a checkpoint among its anchors has the same initial weights as one without."""
    path = save_player(tmp_path / "a.ckpt")
    before = torch.get_rng_state()
    load_network(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_no_network_of_ours_is_refused(tmp_path: Path) -> None:
    weights = {f"network.{name}": weight for name, weight in drawn_network().state_dict().items()}
    options = {"rules": "standard", "width": 32, "blocks": 1}
    for changes in (
        {"hyper_parameters": {"width": 32, "blocks": 1}},
        {"hyper_parameters": {**options, "blocks": 2}},
        {"hyper_parameters": {**options, "width": "wide"}},
        {"state_dict": {}},
        {"state_dict": {**weights, "network.more": torch.ones(1)}},
        {"state_dict": {name: (w * 1j).conj() for name, w in weights.items()}},
    ):
        path = save_player(tmp_path / "a.ckpt", **changes)
        assert error_of(lambda path=path: load_network(path)).endswith(
            "a.ckpt does not hold a network of this version of pylos"
        )
    whole = save_player(tmp_path / "a.ckpt", state_dict={name: w.int() for name, w in weights.items()})
    assert "is torch.int32, not torch.float32" in error_of(lambda: load_network(whole))
    endless = save_player(tmp_path / "a.ckpt", state_dict={name: w / 0 for name, w in weights.items()})
    with pytest.raises(NonFiniteNetworkError, match=r"a\.ckpt: the weights"):
        load_network(endless)


def test_the_rules_of_a_checkpoint_are_compared() -> None:
    check_rules(sample_checkpoint(), "standard", "it")
    with pytest.raises(CheckpointError, match=r"^it was trained for 'standard' rules, not for 'mature'$"):
        check_rules(sample_checkpoint(), "mature", "it")
    with pytest.raises(CheckpointError, match="trained for None"):
        check_rules({"hyper_parameters": {}}, "mature", "it")


def test_any_file_of_torch_is_read_and_others_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a"
    torch.save([1, {"a": torch.ones(2)}], path)
    assert same_state(read_torch_file(path)[1], {"a": torch.ones(2)})
    assert same_state(read_torch_file(path, mmap=True)[1], {"a": torch.ones(2)})
    assert "holds a list" in error_of(lambda: load_checkpoint(path))


@pytest.mark.parametrize(
    ("loops", "epoch"),
    [
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}}, 0),  # within the second epoch
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 2}}}}, 1),  # at its end
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 0}}}}, -1),
        ({"fit_loop": {"epoch_progress": {"current": {"processed": -9}}}}, 1),
        ({"fit_loop": {}}, 1),
        ({}, 1),
    ],
)
def test_progress_is_the_last_finished_epoch_and_the_step(tmp_path: Path, loops: object, epoch: int) -> None:
    IO.save_checkpoint({**sample_checkpoint(), "loops": loops}, tmp_path / "a.ckpt")
    assert read_progress(tmp_path / "a.ckpt") == (epoch, 10)
