"""Networks that a user has compiled: they compute the same, but `torch.compile` gives their weights other names."""

from __future__ import annotations

from typing import Any

from torch import nn

_ORIGINAL = "_orig_mod"
"""Where a compiled module has the original; it stands in the names of the weights, too."""


def plain_name(name: str) -> str:
    """The name that a weight has in the original."""
    return name.replace(f"{_ORIGINAL}.", "")


def uncompiled(network: nn.Module) -> nn.Module:
    """The original of a compiled module, which has the same weights; any other module itself."""
    original: nn.Module = getattr(network, _ORIGINAL, network)
    return original


def keep_plain_names(module: nn.Module) -> None:
    """Makes a module save its weights by their plain names, and load them so, whatever part of it is compiled."""
    hooked: Any = module  # torch's methods have no types
    hooked.register_state_dict_post_hook(_rename_saved)
    hooked.register_load_state_dict_pre_hook(_rename_loaded)


def _rename_saved(_module: nn.Module, state: dict[str, Any], *_: Any) -> None:
    items = [(plain_name(name), value) for name, value in state.items()]
    state.clear()
    state.update(items)


def _rename_loaded(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    own = {prefix + name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    names = {plain_name(name): name for name in own}
    items = [(names.get(plain_name(name), name), value) for name, value in state.items()]
    state.clear()
    state.update(items)
