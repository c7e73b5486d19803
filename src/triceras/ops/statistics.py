"""Counts, differences and the reductions that leave NaN out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.ops import core, reduce
from triceras.ops.creation import arange, linspace, ones_like, zeros
from triceras.ops.crossentropy import one_hot
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.elementwise import add, divide, maximum, minimum, multiply, sqrt, subtract
from triceras.ops.indexing import scatter_into, searchsorted
from triceras.ops.logic import greater_equal, isnan, less_equal, logical_and, logical_not, not_equal, where
from triceras.ops.products import matmul
from triceras.ops.reduce import Axes, mean, sum
from triceras.ops.shape import concatenate, expand_dims, moveaxis, ravel, reshape, transpose

# ---- without NaN -----------------------------------------------------------------------------------------------------


def _filled(x: Tensor, value: float) -> Tensor:
    """A tensor with its NaN replaced; integers have none."""
    return where(isnan(x), core.cast(value, core.dtype(x)), x) if dtypes.is_float_dtype(core.dtype(x)) else x


@composite("accumulator")
def nansum(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The sum over axes, NaN left out.

    Example:
        >>> convert_to_numpy(nansum([1.0, float("nan")])).tolist()
        1.0
    """
    return sum(_filled(x, 0), axis, keepdims)


@composite("accumulator")
def nanprod(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The product over axes, NaN left out.

    Example:
        >>> convert_to_numpy(nanprod([2.0, float("nan")])).tolist()
        2.0
    """
    return reduce.prod(_filled(x, 1), axis, keepdims)


@composite("join")
def nancumsum(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The sums of the elements up to each position, NaN left out.

    Example:
        >>> convert_to_numpy(nancumsum([1.0, float("nan"), 2.0])).tolist()
        [1.0, 1.0, 3.0]
    """
    return reduce.cumsum(_filled(x, 0), axis, dtype)


@composite("join")
def nancumprod(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The products of the elements up to each position, NaN left out.

    Example:
        >>> convert_to_numpy(nancumprod([2.0, float("nan"), 3.0])).tolist()
        [2.0, 2.0, 6.0]
    """
    return reduce.cumprod(_filled(x, 1), axis, dtype)


@composite("join")
def nanmax(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes, NaN left out; NaN where there is nothing else.

    Example:
        >>> convert_to_numpy(nanmax([1.0, float("nan")])).tolist()
        1.0
    """
    return _or_nan(x, reduce.max(_filled(x, float("-inf")), axis, keepdims), axis, keepdims)


@composite("join")
def nanmin(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes, NaN left out; NaN where there is nothing else.

    Example:
        >>> convert_to_numpy(nanmin([1.0, float("nan")])).tolist()
        1.0
    """
    return _or_nan(x, reduce.min(_filled(x, float("inf")), axis, keepdims), axis, keepdims)


def _or_nan(x: Tensor, result: Tensor, axis: Axes, keepdims: bool) -> Tensor:
    if not dtypes.is_float_dtype(core.dtype(x)):
        return result
    return where(reduce.all(isnan(x), axis, keepdims), core.cast(float("nan"), core.dtype(x)), result)


@composite("join")
def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest element along an axis, NaN left out; -1 where there is nothing else.

    Example:
        >>> convert_to_numpy(nanargmax([1.0, float("nan"), 3.0])).tolist()
        2
    """
    found = reduce.argmax(_filled(x, float("-inf")), axis, keepdims)
    return where(reduce.all(isnan(x), axis, keepdims), -1, found)


@composite("join")
def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest element along an axis, NaN left out; -1 where there is nothing else.

    Example:
        >>> convert_to_numpy(nanargmin([1.0, float("nan"), 3.0])).tolist()
        0
    """
    found = reduce.argmin(_filled(x, float("inf")), axis, keepdims)
    return where(reduce.all(isnan(x), axis, keepdims), -1, found)


@composite("float")
def nanmean(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over axes, NaN left out.

    Example:
        >>> convert_to_numpy(nanmean([1.0, float("nan"), 3.0])).tolist()
        2.0
    """
    count = sum(core.cast(logical_not(isnan(x)), core.dtype(x)), axis, keepdims)
    return sum(_filled(x, 0), axis, keepdims) / count


@composite("float")
def nanvar(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The mean squared distance from the mean over axes, NaN left out.

    Example:
        >>> convert_to_numpy(nanvar([1.0, float("nan"), 3.0])).tolist()
        1.0
    """
    # What is missing is left out before anything is computed with it, or the gradient would be NaN everywhere.
    missing = isnan(x)
    distance = where(missing, core.cast(0, core.dtype(x)), subtract(_filled(x, 0), nanmean(x, axis, keepdims=True)))
    count = sum(core.cast(logical_not(missing), core.dtype(x)), axis, keepdims)
    return divide(sum(multiply(distance, distance), axis, keepdims), count)


@composite("float")
def nanstd(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The square root of ``nanvar``.

    Example:
        >>> convert_to_numpy(nanstd([1.0, float("nan"), 3.0])).tolist()
        1.0
    """
    return sqrt(nanvar(x, axis, keepdims))


# ---- counts and differences ------------------------------------------------------------------------------------------


@composite("join")
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """The differences of neighbours along an axis, ``n`` times over.

    Example:
        >>> convert_to_numpy(diff([1, 4, 9])).tolist()
        [3, 5]
    """
    axis = axis % len(a.shape)
    before = (slice(None),) * axis
    for _ in range(n):
        after, first = a[(*before, slice(1, None))], a[(*before, slice(None, -1))]
        a = not_equal(after, first) if core.dtype(a) == "bool" else after - first
    return a


@composite("float")
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral of samples along an axis by the trapezoidal rule.

    Args:
        y: the samples.
        x: where they lie, a vector or of the shape of ``y``; ``dx`` apart by default.
        dx: the distance.
        axis: the axis.

    Example:
        >>> convert_to_numpy(trapezoid([1.0, 2.0, 3.0])).tolist()
        4.0
    """
    y = moveaxis(y, axis, -1)
    width = dx if x is None else diff(moveaxis(x, axis, -1) if len(x.shape) > 1 else x)
    return sum(multiply((y[..., 1:] + y[..., :-1]) / 2, width), -1)


@composite("join")
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803
    """The powers of a vector's elements, one column each (Vandermonde's matrix).

    Args:
        x: a vector.
        N: how many columns, as many as elements by default.
        increasing: whether the first column is the zeroth power; else it is the last.

    Example:
        >>> convert_to_numpy(vander([2, 3], 3)).tolist()
        [[4, 2, 1], [9, 3, 1]]
    """
    count = x.shape[0] if N is None else N
    columns = [ones_like(x)]
    for _ in range(count - 1):
        columns.append(columns[-1] * x)
    columns = columns[:count]
    columns = [expand_dims(c, 1) for c in (columns if increasing else columns[::-1])]
    return concatenate(columns, 1) if columns else reshape(x, (-1, 1))[:, :0]


def _bincount_spec(x: Spec, weights: Spec | None = None, minlength: int = 0, sparse: bool = False) -> Spec:
    return Spec((*x.shape[:-1], minlength or None), "int32" if weights is None else weights.dtype, sparse)


@composite(spec=_bincount_spec)
def bincount(x: Index, weights: Index | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each integer from 0 occurs, or the sums of the weights where it does.

    Args:
        x: non-negative integers, ``(n,)`` or ``(batch, n)``.
        weights: numbers of the same shape.
        minlength: how many counts there are; 0 counts up to the largest element, which compiled functions don't know.
        sparse: whether the result is a sparse tensor.

    Returns:
        ``(length,)`` or ``(batch, length)``, int32 or the dtype of the weights.

    Example:
        >>> convert_to_numpy(bincount([0, 2, 2])).tolist()
        [1, 0, 2]
    """
    length = minlength or int(core.convert_to_numpy(reduce.max(x))) + 1
    if sparse:
        hot = one_hot(x, length, dtype="int32" if weights is None else core.dtype(weights), sparse=True)
        return reduce.sum(hot if weights is None else multiply(hot, expand_dims(weights, -1)), -2)
    if len(x.shape) > 1:
        batch = x.shape[0]
        rows = x + expand_dims(core.cast(arange(batch), core.dtype(x)), 1) * length
        flat = bincount(ravel(rows), None if weights is None else ravel(weights), batch * length)
        return reshape(flat, (batch, length))
    updates = core.cast(ones_like(x), "int32") if weights is None else weights
    return scatter_into(zeros((length,), core.dtype(updates)), expand_dims(x, -1), updates, "add")


@composite()
def digitize(x: Index, bins: Index) -> Tensor:
    """Which bin each element falls into: the number of edges at or below it, int32.

    Args:
        x: a tensor.
        bins: ascending edges.

    Example:
        >>> convert_to_numpy(digitize([0.5, 1.0, 9.0], [1.0, 2.0])).tolist()
        [0, 1, 2]
    """
    return searchsorted(bins, x, side="right")


@composite("float")
def histogram(x: TensorLike, bins: Any = 10, range: Sequence[float] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements fall into each of some bins.

    Args:
        x: a tensor.
        bins: how many bins of equal width.
        range: where they begin and end, the smallest and the largest element by default.

    Returns:
        ``(counts, edges)``: int32 ``(bins,)`` and ``(bins + 1,)``. The last bin includes its upper edge.

    Example:
        >>> convert_to_numpy(histogram([1.0, 2.0, 2.5, 4.0], bins=3)[0]).tolist()
        [1, 2, 1]
    """
    x = ravel(x)
    dtype = core.dtype(x)
    low, high = (reduce.min(x), reduce.max(x)) if range is None else (core.cast(bound, dtype) for bound in range)
    empty = divide(core.cast(less_equal(high, low), dtype), 2)
    edges = linspace(subtract(low, empty), add(high, empty), bins + 1)
    inside = core.cast(logical_and(greater_equal(x, edges[0]), less_equal(x, edges[-1])), "int32")
    place = minimum(maximum(searchsorted(edges, x, side="right") - 1, 0), bins - 1)
    return scatter_into(zeros((bins,), "int32"), expand_dims(place, -1), inside, "add"), edges


@composite("float")
def corrcoef(x: TensorLike) -> Tensor:
    """The correlation coefficients of the rows of a matrix (Pearson's).

    Args:
        x: ``(variables, observations)``.

    Returns:
        ``(variables, variables)``, in ``[-1, 1]``.

    Example:
        >>> convert_to_numpy(corrcoef([[1.0, 2.0], [2.0, 4.0]])).round(3).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    rows = x if len(x.shape) == 2 else expand_dims(x, 0)
    distance = rows - mean(rows, -1, keepdims=True)
    covariance = matmul(distance, transpose(distance))
    deviation = sqrt(sum(distance * distance, -1))
    result = minimum(maximum(covariance / expand_dims(deviation, 1) / deviation, -1), 1)
    return result if len(x.shape) == 2 else result[0, 0]
