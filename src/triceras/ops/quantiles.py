"""Quantiles, with NaN and without."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import normalize_axes, reduced_shape
from triceras.ops import core, reduce
from triceras.ops.creation import full
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.elementwise import divide, floor, maximum, minimum, multiply, subtract
from triceras.ops.indexing import sort, take, take_along_axis
from triceras.ops.logic import equal, greater_equal, isnan, logical_not, not_equal, where
from triceras.ops.reduce import Axes
from triceras.ops.shape import expand_dims, moveaxis, ravel, reshape, transpose

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _to_last(x: Tensor, axis: Axes) -> Tensor:
    """The reduced axes as a single one, the last."""
    axes = normalize_axes(axis, len(x.shape))
    kept = [i for i in range(len(x.shape)) if i not in axes]
    sizes = core.shape(x)
    last = [sizes[i] for i in axes]
    known = all(isinstance(size, int) for size in last)
    return reshape(transpose(x, [*kept, *axes]), (*(sizes[i] for i in kept), math.prod(last) if known else -1))


def _of_nothing(x: Tensor, q: Tensor, axis: Axes, keepdims: bool) -> Tensor | None:
    """NaN in the result's shape where an axis of size zero leaves nothing to choose from, else None."""
    sizes = list(core.shape(x))
    axes = normalize_axes(axis, len(sizes))
    if not any(isinstance(sizes[i], int) and sizes[i] == 0 for i in axes):
        return None
    kept = [1 if i in axes else size for i, size in enumerate(sizes) if keepdims or i not in axes]
    return full((*core.shape(q), *kept), float("nan"), core.dtype(x))


def _quantile_spec(x: Spec, q: Spec, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Spec:
    return Spec((*q.shape, *reduced_shape(x.shape, axis, keepdims)), x.dtype)


@composite("float", spec=_quantile_spec)
def quantile(x: TensorLike, q: Index, axis: Axes = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The values below which given fractions of the elements lie.

    Args:
        x: a real tensor.
        q: fractions in ``[0, 1]``, a number or a vector.
        axis: the axis or axes; None for all.
        method: what lies between two elements: ``"linear"`` interpolates, ``"lower"``, ``"higher"``, ``"nearest"``
            choose one, ``"midpoint"`` is halfway.
        keepdims: whether the axes stay, with size one.

    Returns:
        A floating tensor; the axes of ``q`` stand in front. A NaN among the elements gives NaN.

    Example:
        >>> convert_to_numpy(quantile([1.0, 2.0, 4.0], 0.25)).tolist()
        1.5
    """
    _check_method("quantile", method)
    nothing = _of_nothing(x, q, axis, keepdims)
    if nothing is not None:
        return nothing
    dtype = core.dtype(x)
    exact = _exact(dtype)
    values = sort(_to_last(x, axis), -1)
    size = core.shape(values)[-1]
    position = multiply(core.cast(q, exact), core.cast(size - 1, exact))
    low = floor(position)
    weight = _WEIGHTS[method](subtract(position, low), low)
    below = core.cast(low, "int32")
    above = minimum(below + 1, size - 1)
    a, b = take(values, below, -1), take(values, above, -1)
    weight = core.cast(weight, dtype)
    result = where(not_equal(weight, 0), a + (b - a) * weight, a)
    unclear = reduce.any(isnan(values), -1, keepdims=len(q.shape) > 0)
    result = where(unclear, core.cast(float("nan"), dtype), result)
    if len(q.shape):
        result = moveaxis(result, -1, 0)
    return _with_axes(result, x, q, axis) if keepdims else result


def _check_method(op: str, method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"{op}() has no method {method!r}. Expected one of: {', '.join(METHODS)}.")


def _exact(dtype: str) -> str:
    """The dtype in which positions are computed."""
    return "float64" if dtype == "float64" else "float32"


def _with_axes(result: Tensor, x: Tensor, q: Tensor, axis: Axes) -> Tensor:
    """The reduced axes again, with size one."""
    return expand_dims(result, tuple(i + len(q.shape) for i in normalize_axes(axis, len(x.shape))))


def _nearest(weight: Tensor, low: Tensor) -> Tensor:
    """A half goes to the even position."""
    odd = not_equal(floor(low / 2) * 2, low)
    up = where(odd, greater_equal(weight, 0.5), weight > 0.5)
    return core.cast(up, core.dtype(weight))


_WEIGHTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda weight, low: weight,
    "lower": lambda weight, low: weight * 0,
    "higher": lambda weight, low: core.cast(weight > 0, core.dtype(weight)),
    "midpoint": lambda weight, low: core.cast(weight > 0, core.dtype(weight)) / 2,
    "nearest": _nearest,
}


@composite("float", spec=_quantile_spec)
def percentile(x: TensorLike, q: Index, axis: Axes = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """``quantile`` with ``q`` in percent.

    Example:
        >>> convert_to_numpy(percentile([1.0, 2.0, 4.0], 25)).tolist()
        1.5
    """
    return quantile(x, divide(q, 100), axis, method, keepdims)


@composite("float")
def median(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The middle element over axes, or the mean of the two in the middle.

    Example:
        >>> convert_to_numpy(median([1.0, 5.0, 3.0])).tolist()
        3.0
    """
    return quantile(x, 0.5, axis, keepdims=keepdims)


# ---- without NaN -----------------------------------------------------------------------------------------------------


@composite("float", spec=_quantile_spec)
def nanquantile(x: TensorLike, q: Index, axis: Axes = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """``quantile`` of what isn't NaN; NaN where there is nothing else. Arguments and result as there.

    Example:
        >>> convert_to_numpy(nanquantile([1.0, float("nan"), 3.0], 0.5)).tolist()
        2.0
    """
    _check_method("nanquantile", method)
    nothing = _of_nothing(x, q, axis, keepdims)
    if nothing is not None:
        return nothing
    dtype = core.dtype(x)
    values = _to_last(x, axis)
    missing = isnan(values)
    # What is missing is sorted to the end, where no position reaches.
    values = sort(where(missing, float("inf"), values), -1)
    count = reduce.sum(core.cast(logical_not(missing), "int32"), -1, keepdims=True)
    exact = _exact(dtype)
    position = multiply(core.cast(maximum(count - 1, 0), exact), core.cast(ravel(q), exact))
    low = floor(position)
    weight = core.cast(_WEIGHTS[method](subtract(position, low), low), dtype)
    below = core.cast(low, "int32")
    above = minimum(below + 1, maximum(count - 1, 0))
    empty = equal(count, 0)
    a, b = (where(empty, 0.0, take_along_axis(values, place, -1)) for place in (below, above))
    result = where(not_equal(weight, 0), a + (b - a) * weight, a)
    result = where(empty, core.cast(float("nan"), dtype), result)
    result = moveaxis(result, -1, 0) if len(q.shape) else result[..., 0]
    return _with_axes(result, x, q, axis) if keepdims else result


@composite("float", spec=_quantile_spec)
def nanpercentile(x: TensorLike, q: Index, axis: Axes = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """``nanquantile`` with ``q`` in percent.

    Example:
        >>> convert_to_numpy(nanpercentile([1.0, float("nan"), 3.0], 50)).tolist()
        2.0
    """
    return nanquantile(x, divide(q, 100), axis, method, keepdims)


@composite("float")
def nanmedian(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The middle of the elements over axes that aren't NaN, or the mean of the two in the middle.

    Example:
        >>> convert_to_numpy(nanmedian([1.0, float("nan"), 5.0, 3.0])).tolist()
        3.0
    """
    return nanquantile(x, 0.5, axis, keepdims=keepdims)
