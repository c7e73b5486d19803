"""Masks travel with tensors: as an attribute where the framework allows one, else beside them for the length of a call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

#: Inside the outermost layer call: id of a tensor -> (the tensor, kept alive so that its id stays its own, its mask).
mask_table: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("mask_table", default=None)


_NO_ATTRIBUTES: dict[str, Any] = {}


def get_mask(x: Any) -> Any:
    """The mask a tensor carries, or None."""
    # Not by getattr: tensors of TensorFlow look a name they don't have up in Python.
    mask = getattr(x, "__dict__", _NO_ATTRIBUTES).get("_keras_mask")
    if mask is None:
        table = mask_table.get()
        if table and id(x) in table:
            return table[id(x)][1]
    return mask


def set_mask(x: Any, mask: Any) -> None:
    """Let a tensor carry a mask."""
    try:
        x._keras_mask = mask
    except AttributeError:  # tracers of JAX have no room for attributes
        table = mask_table.get()
        if table is not None:
            table[id(x)] = (x, mask)


def get_masks(xs: Iterable[Any]) -> list[Any]:
    """The mask that each of some tensors carries, or None."""
    return [get_mask(x) for x in xs]


def set_masks(xs: Iterable[Any], carried: Iterable[Any]) -> None:
    """Let tensors carry masks; those whose mask is None stay without."""
    for x, mask in zip(xs, carried, strict=True):
        if mask is not None:
            set_mask(x, mask)


@contextlib.contextmanager
def table() -> Iterator[None]:
    """A scope in which any tensor can carry a mask; inside another one it changes nothing."""
    if mask_table.get() is not None:
        yield
        return
    token = mask_table.set({})
    try:
        yield
    finally:
        mask_table.reset(token)
