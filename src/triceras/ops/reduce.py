"""Ops that reduce axes or run along one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.core.shapes import normalize_axes, reduced_shape
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, TensorLike, composite, primitive
from triceras.ops.elementwise import abs, sqrt, square
from triceras.ops.logic import not_equal
from triceras.ops.specs import boolean, number, reduction

Axes = int | Sequence[int] | None


@reduction("accumulator")
def sum(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The sum over axes.

    Args:
        x: a numeric tensor.
        axis: the axis or axes to sum over; None for all.
        keepdims: whether they stay, with size one.

    Returns:
        A tensor of the same dtype; booleans and integers under 32 bits give 32-bit integers.

    Example:
        >>> convert_to_numpy(sum([[1, 2], [3, 4]], axis=0)).tolist()
        [4, 6]
    """


def _prod_spec(x: Spec, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Spec:
    name = x.dtype if dtype is None else registry.active().canonical(dtypes.standardize_dtype(dtype))
    return Spec(reduced_shape(x.shape, axis, keepdims), name)


@primitive("accumulator", spec=_prod_spec)
def prod(x: TensorLike, axis: Axes = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product over axes, in a dtype where one is given.

    Example:
        >>> convert_to_numpy(prod([2, 3])).tolist()
        6
    """


@reduction("float")
def mean(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over axes, in a floating dtype.

    Example:
        >>> convert_to_numpy(mean([1, 2])).tolist()
        1.5
    """


@reduction("join")
def max(x: TensorLike, axis: Axes = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The largest element over axes.

    Args:
        x: a real tensor.
        axis: the axis or axes; None for all.
        keepdims: whether they stay, with size one.
        initial: a number that takes part, so that empty axes have a maximum.

    Example:
        >>> convert_to_numpy(max([[1, 2], [3, 4]], axis=1)).tolist()
        [2, 4]
    """


@reduction("join")
def min(x: TensorLike, axis: Axes = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The smallest element over axes; arguments as for ``max``.

    Example:
        >>> convert_to_numpy(min([[1, 2], [3, 4]], axis=1)).tolist()
        [1, 3]
    """


@composite("join")
def amax(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes.

    Example:
        >>> convert_to_numpy(amax([1, 2])).tolist()
        2
    """
    return max(x, axis, keepdims)


@composite("join")
def amin(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes.

    Example:
        >>> convert_to_numpy(amin([1, 2])).tolist()
        1
    """
    return min(x, axis, keepdims)


@composite("join")
def ptp(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest element less the smallest, over axes.

    Example:
        >>> convert_to_numpy(ptp([1, 5])).tolist()
        4
    """
    return max(x, axis, keepdims) - min(x, axis, keepdims)


@reduction(boolean, dtype="bool")
def any(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether an element over the axes is true.

    Example:
        >>> convert_to_numpy(any([0, 1])).tolist()
        True
    """


@reduction(boolean, dtype="bool")
def all(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over the axes are true.

    Example:
        >>> convert_to_numpy(all([0, 1])).tolist()
        False
    """


def _arg_spec(x: Spec, axis: int | None = None, keepdims: bool = False) -> Spec:
    return Spec(reduced_shape(x.shape, axis, keepdims), "int32")


@primitive("join", spec=_arg_spec, dtype="int32")
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest element along an axis, the first of equal ones.

    Args:
        x: a real tensor.
        axis: the axis; None counts through the flat tensor.
        keepdims: whether the axis stays, with size one.

    Returns:
        An int32 tensor.

    Example:
        >>> convert_to_numpy(argmax([3, 9, 1])).tolist()
        1
    """


@primitive("join", spec=_arg_spec, dtype="int32")
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest element along an axis; arguments as for ``argmax``.

    Example:
        >>> convert_to_numpy(argmin([3, 9, 1])).tolist()
        2
    """


@composite("float")
def var(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The mean squared distance from the mean, over axes (no correction for small samples).

    Example:
        >>> convert_to_numpy(var([1.0, 3.0])).tolist()
        1.0
    """
    distance = x - mean(x, axis, keepdims=True)
    return mean(square(abs(distance) if dtypes.is_complex_dtype(dtype_of(x)) else distance), axis, keepdims)


@composite("float")
def std(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The square root of ``var``.

    Example:
        >>> convert_to_numpy(std([1.0, 3.0])).tolist()
        1.0
    """
    return sqrt(var(x, axis, keepdims))


@reduction("float")
def logsumexp(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` over axes, without overflow.

    Example:
        >>> convert_to_numpy(logsumexp([0.0])).tolist()
        0.0
    """


@composite()
def count_nonzero(x: Index, axis: Axes = None) -> Tensor:
    """How many elements over the axes aren't zero, an int32 tensor.

    Example:
        >>> convert_to_numpy(count_nonzero([0, 3, 4])).tolist()
        2
    """
    return sum(cast(not_equal(x, 0), "int32"), axis)


def _cumulative_spec(x: Spec, axis: int | None = None, dtype: Any = None) -> Spec:
    flat = Spec((None,), x.dtype) if None in x.shape else Spec((_size(x.shape),), x.dtype)
    shape = flat.shape if axis is None else x.shape
    return Spec(shape, x.dtype if dtype is None else registry.active().canonical(dtypes.standardize_dtype(dtype)))


def _size(shape: tuple[Any, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


@primitive(number, spec=_cumulative_spec)
def cumsum(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The sums of the elements up to each position.

    Args:
        x: a numeric tensor.
        axis: along which axis; None takes the flat tensor.
        dtype: the dtype to sum in, the tensor's by default.

    Example:
        >>> convert_to_numpy(cumsum([1, 2, 3])).tolist()
        [1, 3, 6]
    """


@primitive(number, spec=_cumulative_spec)
def cumprod(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The products of the elements up to each position; arguments as for ``cumsum``.

    Example:
        >>> convert_to_numpy(cumprod([1, 2, 3])).tolist()
        [1, 2, 6]
    """


@composite("float")
def average(x: TensorLike, axis: Axes = None, weights: TensorLike | None = None) -> Tensor:
    """The weighted mean over axes.

    Args:
        x: a numeric tensor.
        axis: the axis or axes; None for all.
        weights: of the tensor's shape, or one number for each position along a single axis; equal ones by default.

    Example:
        >>> convert_to_numpy(average([1.0, 3.0], weights=[3.0, 1.0])).tolist()
        1.5
    """
    if weights is None:
        return mean(x, axis)
    if len(weights.shape) != len(x.shape):
        rank = len(x.shape)
        kept = normalize_axes(axis, rank)
        weights = weights[tuple(slice(None) if i in kept else None for i in range(rank))]
    weights = weights + x * 0
    return sum(x * weights, axis) / sum(weights, axis)


@composite("float")
def moments(x: TensorLike, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the variance over axes; 16-bit floats are computed with 32.

    Args:
        x: a tensor.
        axes: the axis or axes; None for all.
        keepdims: whether they stay, with size one.
        synchronized: whether the replicas of a distributed program share them. Programs over one global batch, which is
            how this library distributes, always do.

    Returns:
        ``(mean, variance)``.

    Example:
        >>> [convert_to_numpy(m).tolist() for m in moments([1.0, 3.0], 0)]
        [2.0, 1.0]
    """
    narrow = dtype_of(x) if dtype_of(x) in ("float16", "bfloat16") else None
    wide = cast(x, "float32") if narrow else x
    center = mean(wide, axes, keepdims=True)
    variance = mean(square(wide - center), axes, keepdims)
    center = center if keepdims else mean(wide, axes)
    return (cast(center, narrow), cast(variance, narrow)) if narrow else (center, variance)
