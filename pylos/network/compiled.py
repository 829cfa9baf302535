"""Networks that a user has compiled: they compute the same, under other names."""

from __future__ import annotations

from typing import Any

from torch import nn

_COMPILED = "_orig_mod."
"""What ``torch.compile`` puts before the names of a module's weights."""


def plain_name(name: str) -> str:
    """The name that a weight has where nothing is compiled."""
    return name.replace(_COMPILED, "")


def uncompiled(network: nn.Module) -> nn.Module:
    """The module that ``torch.compile`` was given, or the module itself; the weights are the same."""
    original: nn.Module = getattr(network, "_orig_mod", network)
    return original


def keep_plain_names(module: nn.Module) -> None:
    """Lets a module's state have plain names, and take them, whatever in it is compiled."""
    hooked: Any = module  # torch's methods have no types
    hooked.register_state_dict_post_hook(_say_plain_names)
    hooked.register_load_state_dict_pre_hook(_take_plain_names)


def _say_plain_names(_module: nn.Module, state: dict[str, Any], *_: Any) -> None:
    items = [(plain_name(name), value) for name, value in state.items()]
    state.clear()
    state.update(items)


def _take_plain_names(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    own = {prefix + name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    names = {plain_name(name): name for name in own}
    items = [(names.get(plain_name(name), name), value) for name, value in state.items()]
    state.clear()
    state.update(items)
