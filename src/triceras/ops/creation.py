"""Ops that make tensors: filled ones, ranges, identity matrices.

Without a tensor argument they run on the active backend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes, settings
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, TensorLike, composite, primitive, recorded
from triceras.ops.logic import equal, greater_equal
from triceras.ops.shape import expand_dims, moveaxis, reshape

Shape = int | Sequence[int]


@primitive()
def zeros(shape: Shape, dtype: Any = None) -> Tensor:
    """Zeros.

    Args:
        shape: the sizes.
        dtype: the dtype, ``config.floatx()`` by default.

    Example:
        >>> convert_to_numpy(zeros((2,))).tolist()
        [0.0, 0.0]
    """


@primitive()
def ones(shape: Shape, dtype: Any = None) -> Tensor:
    """Ones, as ``zeros``.

    Example:
        >>> convert_to_numpy(ones((2,), "int32")).tolist()
        [1, 1]
    """


@primitive()
def empty(shape: Shape, dtype: Any = None) -> Tensor:
    """A tensor whose values don't matter.

    Example:
        >>> shape(empty((2, 3)))
        (2, 3)
    """


def _sizes(shape: Shape) -> tuple[int, ...]:
    return tuple(shape) if hasattr(shape, "__iter__") else (shape,)  # type: ignore[return-value, arg-type]


def _full_spec(fill_value: Spec, shape: Shape, dtype: Any = None) -> Spec:
    return Spec(_sizes(shape), registry.active().canonical(dtypes.standardize_dtype(dtype)))


@primitive(spec=_full_spec)
def filled(fill_value: Index, shape: Shape, dtype: Any = None) -> Tensor:
    """``full`` with its tensor first."""


@recorded()
def full(shape: Shape, fill_value: Index, dtype: Any = None) -> Tensor:
    """A value repeated.

    Args:
        shape: the sizes.
        fill_value: a number or a tensor that broadcasts to the shape.
        dtype: the dtype, ``config.floatx()`` by default.

    Example:
        >>> convert_to_numpy(full((2,), 7)).tolist()
        [7.0, 7.0]
    """
    return filled(fill_value, shape, dtype)


def _like_spec(x: Spec, *_: Any, dtype: Any = None) -> Spec:
    return x if dtype is None else Spec(x.shape, registry.active().canonical(dtypes.standardize_dtype(dtype)))


def _zeros_like_spec(x: Spec, dtype: Any = None) -> Spec:
    return _like_spec(x, dtype=dtype)


def _full_like_spec(x: Spec, fill_value: Spec, dtype: Any = None) -> Spec:
    return _like_spec(x, dtype=dtype)


@primitive(spec=_zeros_like_spec)
def zeros_like(x: Index, dtype: Any = None) -> Tensor:
    """Zeros in the shape of a tensor and, by default, in its dtype.

    Example:
        >>> convert_to_numpy(zeros_like([1, 2])).tolist()
        [0, 0]
    """


@primitive(spec=_zeros_like_spec)
def ones_like(x: Index, dtype: Any = None) -> Tensor:
    """Ones in the shape of a tensor and, by default, in its dtype.

    Example:
        >>> convert_to_numpy(ones_like([3, 2])).tolist()
        [1, 1]
    """


@composite(spec=_zeros_like_spec)
def empty_like(x: Index, dtype: Any = None) -> Tensor:
    """A tensor of the shape and, by default, the dtype of another, whose values don't matter.

    Example:
        >>> shape(empty_like(zeros((2, 3))))
        (2, 3)
    """
    return zeros_like(x, dtype)


@primitive(spec=_full_like_spec)
def full_like(x: Index, fill_value: Index, dtype: Any = None) -> Tensor:
    """A value repeated in the shape of a tensor and, by default, in its dtype.

    Example:
        >>> convert_to_numpy(full_like([3, 2], 7)).tolist()
        [7, 7]
    """


@primitive()
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from ``start`` in steps up to, but without, ``stop``.

    Args:
        start: the first number; with no ``stop`` that is the end, and 0 the first.
        stop: the end.
        step: the step, 1 by default.
        dtype: by default int32 for integers, ``config.floatx()`` for floats.

    Example:
        >>> convert_to_numpy(arange(2, 8, 3)).tolist()
        [2, 5]
    """


@composite("float")
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Numbers at equal distances between two.

    Args:
        start, stop: the ends, numbers or tensors that broadcast.
        num: how many.
        endpoint: whether ``stop`` is the last of them.
        retstep: whether the distance is returned too.
        dtype: the result's dtype, floating by default.
        axis: where the new axis stands.

    Example:
        >>> convert_to_numpy(linspace(0, 1, 5)).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    gaps = num - 1 if endpoint else num
    start, stop = start + stop * 0, stop + start * 0
    weight = arange(num, dtype=dtype_of(start)) / max(gaps, 1)
    weight = reshape(weight, (-1, *(1,) * len(start.shape)))
    numbers = expand_dims(start, 0) * (1 - weight) + expand_dims(stop, 0) * weight
    if axis not in (0, -len(start.shape) - 1):
        numbers = moveaxis(numbers, 0, axis)
    numbers = numbers if dtype is None else cast(numbers, dtype)
    return (numbers, (stop - start) / gaps if gaps else stop * math.nan) if retstep else numbers


@composite("float")
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """Powers of a base at equal distances of the exponent, from ``base**start`` to ``base**stop``.

    Args:
        start, stop: the exponents at the ends.
        num, endpoint, dtype, axis: as in ``linspace``.
        base: the base.

    Example:
        >>> convert_to_numpy(logspace(0, 2, 3)).round().tolist()
        [1.0, 10.0, 100.0]
    """
    powers = base ** linspace(start, stop, num, endpoint, axis=axis)
    return powers if dtype is None else cast(powers, dtype)


@composite()
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:  # noqa: N803
    """Ones on a diagonal, zeros elsewhere.

    Args:
        N, M: the rows and columns; as many columns as rows by default.
        k: which diagonal, positive ones above the main one.
        dtype: the dtype, ``config.floatx()`` by default.

    Example:
        >>> convert_to_numpy(eye(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    rows, columns = arange(N), arange(N if M is None else M)
    return cast(equal(expand_dims(rows, 1) + k, columns), dtype or settings.floatx())


@composite()
def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix of a size.

    Example:
        >>> convert_to_numpy(identity(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


@composite()
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:  # noqa: N803
    """Ones on and below a diagonal, zeros above; arguments as for ``eye``.

    Example:
        >>> convert_to_numpy(tri(2)).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    rows, columns = arange(N), arange(N if M is None else M)
    return cast(greater_equal(expand_dims(rows, 1) + k, columns), dtype or settings.floatx())
