"""What can be known once about a layer's ``call`` and ``build``: which arguments they take."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

from triceras.core.masks import get_mask


@dataclasses.dataclass(frozen=True)
class CallPlan:
    """The parameters of ``call``."""

    #: Those that a position may give, then those that only a name may.
    names: tuple[str, ...]
    takes_training: bool
    takes_mask: bool
    #: Parameters named like ``query_mask`` -> the argument whose mask they take.
    argument_masks: tuple[tuple[str, str], ...]
    takes_more: bool
    positions: int

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name, those not given left out."""
        named = dict(zip(self.names[: self.positions], args, strict=False))
        named.update(kwargs)
        return named


@functools.cache
def call_plan(call: Callable[..., Any]) -> CallPlan:
    """The plan of a class's ``call``."""
    parameters = [p for p in inspect.signature(call).parameters.values() if p.name != "self"]
    names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    takes_more = any(p.kind is p.VAR_KEYWORD for p in parameters)
    masks = tuple(
        (n, n.removesuffix("_mask")) for n in names if n.endswith("_mask") and n.removesuffix("_mask") in names
    )
    positions = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    return CallPlan(names, "training" in names, "mask" in names, masks, takes_more, positions)


@functools.cache
def build_parameters(build: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the shapes that a class's ``build`` takes."""
    parameters = [p for p in inspect.signature(build).parameters.values() if p.name != "self"]
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))


def carries_mask(value: Any) -> bool:
    """Whether a tensor, or any inside of a structure, carries a mask."""
    if isinstance(value, list | tuple):
        return any(map(carries_mask, value))
    if isinstance(value, dict):
        return any(map(carries_mask, value.values()))
    return get_mask(value) is not None
