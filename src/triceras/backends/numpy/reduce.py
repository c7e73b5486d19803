"""Reductions, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.backends.numpy.elementwise import in_float32
from triceras.core.dtypes import numpy_dtype
from triceras.core.shapes import normalize_axes


def _axes(x: np.ndarray, axis: Any) -> tuple[int, ...]:
    return normalize_axes(axis, x.ndim)


def _sum(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    return np.sum(x, _axes(x, axis), dtype=x.dtype, keepdims=keepdims)


def _prod(x: np.ndarray, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> np.ndarray:
    x = x if dtype is None else x.astype(numpy_dtype(dtype))
    return np.prod(x, _axes(x, axis), dtype=x.dtype, keepdims=keepdims)


def _mean(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    with np.errstate(all="ignore"):
        total = np.sum(x, _axes(x, axis), dtype=x.dtype, keepdims=keepdims)
        return np.asarray(total / (x.size / max(total.size, 1) if x.size else 0.0)).astype(x.dtype)


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: np.ndarray, axis: Any = None, keepdims: bool = False, initial: Any = None) -> np.ndarray:
        given = {} if initial is None else {"initial": np.asarray(initial, x.dtype)}
        return function(x, axis=_axes(x, axis), keepdims=keepdims, **given)

    return body


def _logsumexp(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    axes = _axes(x, axis)
    with np.errstate(all="ignore"):
        high = np.max(x, axes, keepdims=True)
        high = np.where(np.isfinite(high), high, np.zeros((), x.dtype))
        result = np.log(np.sum(np.exp(x - high), axes, keepdims=True)) + high
    return result if keepdims else np.squeeze(result, axes)


def _cumulative(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: np.ndarray, axis: int | None = None, dtype: Any = None) -> np.ndarray:
        return function(x, axis, dtype=x.dtype if dtype is None else numpy_dtype(dtype))

    return body


def _position(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: np.ndarray, axis: int | None = None, keepdims: bool = False) -> np.ndarray:
        return np.asarray(function(x, axis, keepdims=keepdims)).astype(np.int32)

    return body


TABLE = {
    "sum": in_float32(_sum),
    "prod": in_float32(_prod),
    "mean": in_float32(_mean),
    "max": _extreme(np.max),
    "min": _extreme(np.min),
    "any": lambda x, axis=None, keepdims=False: np.any(x, _axes(x, axis), keepdims=keepdims),
    "all": lambda x, axis=None, keepdims=False: np.all(x, _axes(x, axis), keepdims=keepdims),
    "argmax": _position(np.argmax),
    "argmin": _position(np.argmin),
    "logsumexp": in_float32(_logsumexp),
    "cumsum": _cumulative(np.cumsum),
    "cumprod": _cumulative(np.cumprod),
}
