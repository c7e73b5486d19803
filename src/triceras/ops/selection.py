"""Choices, membership, segments and windows, in terms of other ops."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes

from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.core.shapes import broadcast_shapes
from triceras.ops import core
from triceras.ops.creation import arange, full, linspace
from triceras.ops.dispatch import Index, TensorLike, Tensors, composite
from triceras.ops.elementwise import abs, clip, conj, mod, multiply, sign, sqrt, square
from triceras.ops.indexing import argsort, scatter_into, take, take_along_axis
from triceras.ops.logic import equal, greater, greater_equal, isclose, less, logical_and, where
from triceras.ops.reduce import all, any, max, sum
from triceras.ops.shape import expand_dims, pad, ravel
from triceras.ops.specs import same
from triceras.ops.transcendental import cos, exp, i0, log


def array(x: Any, dtype: Any = None) -> Tensor:
    """A tensor of the active backend, as from ``convert_to_tensor``.

    Example:
        >>> convert_to_numpy(array([1, 2])).tolist()
        [1, 2]
    """
    return core.convert_to_tensor(x, dtype)


def ndim(x: Any) -> int:
    """The number of axes.

    Example:
        >>> ndim(zeros((2, 3)))
        2
    """
    return len(core.shape(x))


def size(x: Any) -> Any:
    """The number of elements; None of a symbolic tensor with an unknown size.

    Example:
        >>> size(zeros((2, 3)))
        6
    """
    sizes = core.shape(x)
    return None if None in sizes else math.prod(sizes)


@composite(spec=same)
def copy(x: Index) -> Tensor:
    """A tensor with the same values and memory of its own.

    Example:
        >>> convert_to_numpy(copy([1, 2])).tolist()
        [1, 2]
    """
    return where(core.cast(True, "bool"), x, x)


def _saturate_spec(x: Spec, dtype: Any) -> Spec:
    return Spec(x.shape, core.cast.op.spec(x, dtype).dtype)  # type: ignore[attr-defined]


@composite(spec=_saturate_spec)
def saturate_cast(x: Index, dtype: Any) -> Tensor:
    """A tensor in another dtype, its values brought into that dtype's range first.

    Example:
        >>> convert_to_numpy(saturate_cast([-3.0, 300.0], "uint8")).tolist()
        [0, 255]
    """
    source, target = core.dtype(x), dtypes.standardize_dtype(dtype)
    if "bool" in (source, target) or dtypes.is_complex_dtype(source):
        return core.cast(x, target)
    (low, high), (least, most) = _range(target), _range(source)
    # What the source can't represent would round beyond the target's end.
    low, high = builtins.max(low, least), builtins.min(high, most)
    if dtypes.is_float_dtype(source) and dtypes.is_int_dtype(target):
        digits = ml_dtypes.finfo(dtypes.numpy_dtype(source)).nmant + 1
        high = (high >> builtins.max(high.bit_length() - digits, 0)) << builtins.max(high.bit_length() - digits, 0)
        highest = core.cast(_range(target)[1], target)
        return where(
            greater_equal(x, float(high)),
            highest if high == _range(target)[1] else core.cast(high, target),
            core.cast(clip(x, float(low), float(high)), target),
        )
    return core.cast(clip(x, low, high), target)


def _range(dtype: str) -> tuple[Any, Any]:
    native = dtypes.numpy_dtype(dtype)
    info = ml_dtypes.finfo(native) if dtypes.is_float_dtype(dtype) else ml_dtypes.iinfo(native)
    return (float(info.min), float(info.max)) if dtypes.is_float_dtype(dtype) else (int(info.min), int(info.max))


@composite("join")
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether ``isclose`` holds everywhere.

    Example:
        >>> convert_to_numpy(allclose([1.0], [1.0])).tolist()
        True
    """
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@composite()
def select(condlist: Tensors, choicelist: Tensors, default: Index = 0) -> Tensor:
    """For each place the element of the first choice whose condition holds there.

    Args:
        condlist: boolean tensors.
        choicelist: as many tensors; all broadcast.
        default: what stands where no condition holds.

    Example:
        >>> convert_to_numpy(select([[True, False]], [[1, 2]], 9)).tolist()
        [1, 9]
    """
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


def _isin_spec(x1: Spec, x2: Spec, assume_unique: bool = False, invert: bool = False) -> Spec:
    return Spec(x1.shape, "bool")


@composite("join", spec=_isin_spec)
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where an element of ``x1`` occurs in ``x2``.

    Args:
        x1, x2: tensors.
        assume_unique: accepted; nothing is gained by it here.
        invert: whether to say where it doesn't.

    Example:
        >>> convert_to_numpy(isin([1, 2, 3], [2, 9])).tolist()
        [False, True, False]
    """
    found = any(equal(expand_dims(x1, -1), ravel(x2)), -1)
    return equal(found, False) if invert else found


@composite()
def unravel_index(indices: Index, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """The positions along each axis of elements counted through a flat tensor.

    Args:
        indices: integers; negative ones count from the end.
        shape: the tensor's shape.

    Example:
        >>> [convert_to_numpy(i).tolist() for i in unravel_index([3, 5], (2, 3))]
        [[1, 1], [0, 2]]
    """
    rest = where(less(indices, 0), indices + math.prod(shape), indices)
    positions = []
    for length in reversed(tuple(shape)):
        positions.append(mod(rest, length))
        rest = rest // length
    return tuple(reversed(positions))


def _in_top_k_spec(targets: Spec, predictions: Spec, k: int) -> Spec:
    return Spec(targets.shape, "bool")


@composite(spec=_in_top_k_spec)
def in_top_k(targets: Index, predictions: Index, k: int) -> Tensor:
    """Whether a class is among those with the ``k`` highest predictions; of equal ones at the border all are.

    Args:
        targets: integers ``(batch,)``; one that is no class is never among them.
        predictions: ``(batch, classes)``; a target's NaN is never among the highest.
        k: how many.

    Returns:
        A boolean tensor ``(batch,)``.

    Example:
        >>> convert_to_numpy(in_top_k([2, 0], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]], 2)).tolist()
        [True, False]
    """
    classes = core.shape(predictions)[-1]
    known = logical_and(greater_equal(targets, 0), less(targets, classes))
    places = expand_dims(where(known, targets, 0), -1)
    chosen = take_along_axis(predictions, places, -1)
    higher = sum(core.cast(greater(predictions, chosen), "int32"), -1)
    return logical_and(logical_and(known, less(higher, k)), equal(chosen, chosen)[..., 0])


def _argpartition_spec(x: Spec, kth: int, axis: int = -1) -> Spec:
    return Spec(x.shape, "int32")


@composite("join", spec=_argpartition_spec)
def argpartition(x: TensorLike, kth: int, axis: int = -1) -> Tensor:
    """Positions that bring the element of rank ``kth`` to its place, smaller ones before it; here they sort fully.

    Example:
        >>> convert_to_numpy(argpartition([3, 1, 2], 1)).tolist()
        [1, 2, 0]
    """
    return argsort(x, axis)


# ---- segments --------------------------------------------------------------------------------------------------------


def _segment(data: Tensor, ids: Tensor, count: int | None, empty: Any, reduction: str) -> Tensor:
    if count is None:
        count = int(core.convert_to_numpy(max(ids))) + 1
    start = full((count, *core.shape(data)[1:]), empty, core.dtype(data))
    return scatter_into(start, expand_dims(ids, -1), data, reduction)


def _segment_spec(data: Spec, segment_ids: Spec, num_segments: int | None = None, sorted: bool = False) -> Spec:
    return Spec((num_segments, *data.shape[1:]), data.dtype)


@composite(spec=_segment_spec)
def segment_sum(data: Index, segment_ids: Index, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The sums of the rows that belong to each segment, zero for an empty one.

    Args:
        data: ``(n, ...)``.
        segment_ids: ``(n,)`` integers from 0.
        num_segments: how many segments there are; from the largest id by default, which compiled functions don't know.
        sorted: whether the ids ascend; accepted.

    Example:
        >>> convert_to_numpy(segment_sum([1, 2, 3], [0, 0, 1], 3)).tolist()
        [3, 3, 0]
    """
    return _segment(data, segment_ids, num_segments, 0, "add")


@composite(spec=_segment_spec)
def segment_prod(data: Index, segment_ids: Index, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The products of the rows that belong to each segment, one for an empty one; arguments as for ``segment_sum``.

    Example:
        >>> convert_to_numpy(segment_prod([1, 2, 3], [0, 0, 1], 3)).tolist()
        [2, 3, 1]
    """
    return _segment(data, segment_ids, num_segments, 1, "mul")


@composite(spec=_segment_spec)
def segment_max(data: Index, segment_ids: Index, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The largest of the rows that belong to each segment, -inf or the dtype's least for an empty one.

    Example:
        >>> convert_to_numpy(segment_max([1, 2, 3], [0, 0, 1], 2)).tolist()
        [2, 3]
    """
    return _segment(data, segment_ids, num_segments, _end(data, 0, -math.inf), "max")


@composite(spec=_segment_spec)
def segment_min(data: Index, segment_ids: Index, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The smallest of the rows that belong to each segment, inf or the dtype's greatest for an empty one.

    Example:
        >>> convert_to_numpy(segment_min([1, 2, 3], [0, 0, 1], 2)).tolist()
        [1, 3]
    """
    return _segment(data, segment_ids, num_segments, _end(data, 1, math.inf), "min")


def _end(data: Tensor, which: int, infinite: float) -> Any:
    dtype = core.dtype(data)
    return infinite if dtypes.is_float_dtype(dtype) else _range(dtype)[which]


# ---- windows ---------------------------------------------------------------------------------------------------------


def _cosines(length: Any, weights: Sequence[float]) -> Tensor:
    """``sum_k weights[k] cos(2 pi k n / (length - 1))``."""
    count = int(length)
    if count == 1:
        return full((1,), 1.0)
    angle = arange(count, dtype="float32") * (2 * math.pi / (count - 1))
    return _sum_of([weights[0] + angle * 0, *(cos(angle * k) * w for k, w in enumerate(weights) if k)])


def _sum_of(terms: Sequence[Tensor]) -> Tensor:
    """The sum of some tensors."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@composite()
def bartlett(x: Any) -> Tensor:
    """The triangular window of a length, zero at both ends.

    Example:
        >>> convert_to_numpy(bartlett(3)).tolist()
        [0.0, 1.0, 0.0]
    """
    count = int(x)
    if count == 1:
        return full((1,), 1.0)
    return 1 - abs(arange(count, dtype="float32") * (2 / (count - 1)) - 1)


@composite()
def hanning(x: Any) -> Tensor:
    """The window ``0.5 - 0.5 cos(2 pi n / (length - 1))``.

    Example:
        >>> convert_to_numpy(hanning(3)).round(3).tolist()
        [0.0, 1.0, 0.0]
    """
    return _cosines(x, (0.5, -0.5))


@composite()
def hamming(x: Any) -> Tensor:
    """The window ``0.54 - 0.46 cos(2 pi n / (length - 1))``.

    Example:
        >>> shape(hamming(3))
        (3,)
    """
    return _cosines(x, (0.54, -0.46))


@composite()
def blackman(x: Any) -> Tensor:
    """The window ``0.42 - 0.5 cos(2 pi n / (length - 1)) + 0.08 cos(4 pi n / (length - 1))``.

    Example:
        >>> shape(blackman(3))
        (3,)
    """
    return _cosines(x, (0.42, -0.5, 0.08))


@composite()
def kaiser(x: Any, beta: float) -> Tensor:
    """Kaiser's window ``i0(beta sqrt(1 - (2n / (length - 1) - 1)**2)) / i0(beta)``.

    Example:
        >>> shape(kaiser(3, 8.0))
        (3,)
    """
    count = int(x)
    if count == 1:
        return full((1,), 1.0)
    place = arange(count, dtype="float32") * (2 / (count - 1)) - 1
    inside = clip(1 - square(place), 0.0, 1.0)
    return i0(multiply(sqrt(inside), beta)) / i0(full((1,), beta))


@composite("float")
def geomspace(
    start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Tensor:
    """Numbers in equal ratios between two of the same sign.

    Args:
        start, stop: the ends.
        num, endpoint, dtype, axis: as in ``linspace``.

    Example:
        >>> convert_to_numpy(geomspace(1, 100, 3)).round(3).tolist()
        [1.0, 10.0, 100.0]
    """
    numbers = exp(linspace(log(abs(start)), log(abs(stop)), num, endpoint, axis=axis))
    numbers = numbers * (sign(start) if not len(start.shape) else expand_dims(sign(start), axis))
    return numbers if dtype is None else core.cast(numbers, dtype)


@composite("join")
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Tensor:
    """The sums of products of two vectors at each shift: ``c[k] = sum_n x1[n + k] conj(x2[n])``.

    Args:
        x1, x2: vectors.
        mode: ``"valid"`` keeps the shifts where they overlap fully, ``"same"`` as many as the longer vector has
            elements, ``"full"`` all.

    Example:
        >>> convert_to_numpy(correlate([1, 2, 3], [0, 1])).tolist()
        [2, 3]
    """
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate() has no mode {mode!r}. Expected: valid, same or full.")
    long, short = x1.shape[0], x2.shape[0]
    # Every shift of x1, as the rows of a matrix.
    padded = pad(x1, ((short - 1, short - 1),))
    rows = expand_dims(arange(long + short - 1), 1) + arange(short)
    x2 = conj(x2) if dtypes.is_complex_dtype(core.dtype(x2)) else x2
    full_result = sum(take(padded, rows, 0) * x2, -1)
    if mode == "full":
        return full_result
    count = builtins.max(long, short) - builtins.min(long, short) + 1 if mode == "valid" else builtins.max(long, short)
    start = builtins.min(long, short) - 1 if mode == "valid" else (long + short - 1 - count) // 2
    if mode == "same" and short > long:
        start = (long + short - 1 - count + 1) // 2
    return full_result[start : start + count]


def _cdist_spec(x: Spec, y: Spec) -> Spec:
    return Spec((*broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-2]), x.dtype)


@composite("float", spec=_cdist_spec)
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """The Euclidean distances between each vector of one set and each of the other.

    Args:
        x: ``(..., m, d)``.
        y: ``(..., n, d)``.

    Returns:
        ``(..., m, n)``; the gradient is 0 where two vectors coincide.

    Example:
        >>> convert_to_numpy(cdist([[0.0, 0.0]], [[3.0, 4.0]])).tolist()
        [[5.0]]
    """
    squares = sum(square(expand_dims(x, -2) - expand_dims(y, -3)), -1)
    apart = greater(squares, 0)
    return where(apart, sqrt(where(apart, squares, 1.0)), 0.0)
