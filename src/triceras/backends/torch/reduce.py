"""Reductions, in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from triceras.backends.torch.creation import native
from triceras.core.shapes import normalize_axes

#: torch has no sums and products of these.
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)


def _sum(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    if x.dtype in _UNSIGNED:
        return _sum(x.long(), axis, keepdims).to(x.dtype)
    if x.ndim and axis == ():
        return x
    return torch.sum(x, normalize_axes(axis, x.ndim), keepdim=keepdims, dtype=x.dtype)


def _mean(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    if x.ndim and axis == ():
        return x
    return torch.mean(x, normalize_axes(axis, x.ndim), keepdim=keepdims)


def _prod(x: torch.Tensor, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> torch.Tensor:
    x = x if dtype is None else x.to(native(dtype))
    if x.dtype in _UNSIGNED:
        return _prod(x.long(), axis, keepdims).to(x.dtype)
    for a in reversed(normalize_axes(axis, x.ndim)):
        x = torch.prod(x, a, keepdim=keepdims, dtype=x.dtype)
    return x


def _extreme(function: Callable[..., Any], pair: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: torch.Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
        axes = normalize_axes(axis, x.ndim)
        if initial is not None:
            first = torch.as_tensor(initial, dtype=x.dtype, device=x.device)
            if not x.numel():
                return first.broadcast_to(torch.sum(x, axes, keepdim=keepdims).shape).clone()
            return pair(body(x, axis, keepdims), first)
        return function(x, axes, keepdim=keepdims) if axes else x

    return body


def _position(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: torch.Tensor, axis: int | None = None, keepdims: bool = False) -> torch.Tensor:
        x = x.int() if x.dtype == torch.bool else x
        if axis is None:
            y = function(x.reshape(-1), 0)
            y = y.reshape((1,) * x.ndim) if keepdims else y
        else:
            y = function(x, axis, keepdim=keepdims)
        return y.to(torch.int32)

    return body


def _truth(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
        axes = normalize_axes(axis, x.ndim)
        return function(x, axes, keepdim=keepdims) if axes else x

    return body


def _logsumexp(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    # torch takes an empty tuple of axes for all of them.
    return torch.logsumexp(x, normalize_axes(axis, x.ndim), keepdim=keepdims) if x.ndim and axis != () else x


def _cumulative(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: torch.Tensor, axis: int | None = None, dtype: Any = None) -> torch.Tensor:
        x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
        return function(x, axis, dtype=x.dtype if dtype is None else native(dtype))

    return body


def _var(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    if not x.ndim or axis == ():
        return x * 0
    return torch.var(x, normalize_axes(axis, x.ndim), correction=0, keepdim=keepdims)


TABLE = {
    "sum": _sum,
    "mean": _mean,
    "prod": _prod,
    "max": _extreme(torch.amax, torch.maximum),
    "min": _extreme(torch.amin, torch.minimum),
    "any": _truth(torch.any),
    "all": _truth(torch.all),
    "argmax": _position(torch.argmax),
    "argmin": _position(torch.argmin),
    "logsumexp": _logsumexp,
    "cumsum": _cumulative(torch.cumsum),
    "cumprod": _cumulative(torch.cumprod),
    "var": _var,
}
