"""New tensors, in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from triceras.backends.torch.backend import DTYPES, device
from triceras.core import settings
from triceras.core.dtypes import standardize_dtype


def native(dtype: Any) -> torch.dtype:
    """torch's dtype of a name or type; ``config.floatx()`` for None."""
    return DTYPES[standardize_dtype(dtype)]


def _sizes(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _new(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda shape, dtype=None: function(_sizes(shape), dtype=native(dtype), device=device())


def _like(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda x, dtype=None: function(x, dtype=x.dtype if dtype is None else native(dtype))


def _filled(fill_value: torch.Tensor, shape: Any, dtype: Any = None) -> torch.Tensor:
    return fill_value.to(native(dtype)).broadcast_to(_sizes(shape)).clone()


def _full_like(x: torch.Tensor, fill_value: torch.Tensor, dtype: Any = None) -> torch.Tensor:
    return fill_value.to(x.dtype if dtype is None else native(dtype)).broadcast_to(x.shape).clone()


def _arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> torch.Tensor:
    start, stop, step = 0 if stop is None else start, start if stop is None else stop, 1 if step is None else step
    tensors = [v for v in (start, stop, step) if isinstance(v, torch.Tensor)]
    if dtype is None:
        plain = settings.floatx() if any(isinstance(v, float) for v in (start, stop, step)) else "int32"
        result = tensors[0].dtype if tensors else native(plain)
    else:
        result = native(dtype)
    return torch.arange(start, stop, step, dtype=result, device=device())


TABLE = {
    "zeros": _new(torch.zeros),
    "ones": _new(torch.ones),
    "empty": _new(torch.empty),
    "filled": _filled,
    "zeros_like": _like(torch.zeros_like),
    "ones_like": _like(torch.ones_like),
    "full_like": _full_like,
    "arange": _arange,
}
