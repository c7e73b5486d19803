"""Comparisons, logic, bits and choices, element by element."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import broadcast_shapes
from triceras.ops.dispatch import Index, TensorLike, composite, primitive, recorded
from triceras.ops.elementwise import abs, add, multiply, subtract
from triceras.ops.specs import boolean, elementwise


@elementwise("join", dtype="bool")
def equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Where ``x1`` equals ``x2``, a boolean tensor of the broadcast shape.

    Example:
        >>> convert_to_numpy(equal([1, 2], 2)).tolist()
        [False, True]
    """


@elementwise("join", dtype="bool")
def not_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Where ``x1`` differs from ``x2``, a boolean tensor of the broadcast shape.

    Example:
        >>> convert_to_numpy(not_equal([1, 2], 2)).tolist()
        [True, False]
    """


@elementwise("join", dtype="bool")
def less(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Where ``x1`` is below ``x2``, a boolean tensor of the broadcast shape.

    Example:
        >>> convert_to_numpy(less([1, 2], 2)).tolist()
        [True, False]
    """


@elementwise("join", dtype="bool")
def less_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Where ``x1`` is at most ``x2``, a boolean tensor of the broadcast shape.

    Example:
        >>> convert_to_numpy(less_equal([1, 2], 2)).tolist()
        [True, True]
    """


@elementwise("join", dtype="bool")
def greater(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Where ``x1`` is above ``x2``, a boolean tensor of the broadcast shape.

    Example:
        >>> convert_to_numpy(greater([1, 2], 2)).tolist()
        [False, False]
    """


@elementwise("join", dtype="bool")
def greater_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Where ``x1`` is at least ``x2``, a boolean tensor of the broadcast shape.

    Example:
        >>> convert_to_numpy(greater_equal([1, 2], 2)).tolist()
        [False, True]
    """


@elementwise(boolean, dtype="bool")
def logical_and(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether both is true; a number is true unless it is zero.

    Example:
        >>> convert_to_numpy(logical_and([False, True], True)).tolist()
        [False, True]
    """


@elementwise(boolean, dtype="bool")
def logical_or(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether at least one of them is true; a number is true unless it is zero.

    Example:
        >>> convert_to_numpy(logical_or([False, True], True)).tolist()
        [True, True]
    """


@elementwise(boolean, dtype="bool")
def logical_xor(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether exactly one of them is true; a number is true unless it is zero.

    Example:
        >>> convert_to_numpy(logical_xor([False, True], True)).tolist()
        [True, False]
    """


@elementwise(boolean, dtype="bool")
def logical_not(x: TensorLike) -> Tensor:
    """Whether it is false; a number is true unless it is zero.

    Example:
        >>> convert_to_numpy(logical_not([False, True])).tolist()
        [True, False]
    """


@elementwise("join", dtype="bool")
def isnan(x: TensorLike) -> Tensor:
    """Whether it is not a number, for each element.

    Example:
        >>> convert_to_numpy(isnan([1.0])).tolist()
        [False]
    """


@elementwise("join", dtype="bool")
def isinf(x: TensorLike) -> Tensor:
    """Whether it is infinite, for each element.

    Example:
        >>> convert_to_numpy(isinf([1.0])).tolist()
        [False]
    """


@elementwise("join", dtype="bool")
def isfinite(x: TensorLike) -> Tensor:
    """Whether it is neither infinite nor NaN, for each element.

    Example:
        >>> convert_to_numpy(isfinite([1.0])).tolist()
        [True]
    """


@elementwise("join", dtype="bool")
def isposinf(x: TensorLike) -> Tensor:
    """Whether it is positive infinity, for each element.

    Example:
        >>> convert_to_numpy(isposinf([1.0])).tolist()
        [False]
    """


@elementwise("join", dtype="bool")
def isneginf(x: TensorLike) -> Tensor:
    """Whether it is negative infinity, for each element.

    Example:
        >>> convert_to_numpy(isneginf([1.0])).tolist()
        [False]
    """


@elementwise("join", dtype="bool")
def signbit(x: TensorLike) -> Tensor:
    """Whether its sign bit is set, as of -0.0, for each element.

    Example:
        >>> convert_to_numpy(signbit([1.0])).tolist()
        [False]
    """


@elementwise("join", dtype="bool")
def isreal(x: TensorLike) -> Tensor:
    """Whether the imaginary part is zero, for each element.

    Example:
        >>> convert_to_numpy(isreal([1.0])).tolist()
        [True]
    """


@elementwise("join")
def bitwise_and(x: TensorLike, y: TensorLike) -> Tensor:
    """The bits that are set in both integers.

    Example:
        >>> convert_to_numpy(bitwise_and([6], 3)).tolist()
        [2]
    """


@elementwise("join")
def bitwise_or(x: TensorLike, y: TensorLike) -> Tensor:
    """The bits that are set in either integer.

    Example:
        >>> convert_to_numpy(bitwise_or([6], 3)).tolist()
        [7]
    """


@elementwise("join")
def bitwise_xor(x: TensorLike, y: TensorLike) -> Tensor:
    """The bits that are set in one integer only.

    Example:
        >>> convert_to_numpy(bitwise_xor([6], 3)).tolist()
        [5]
    """


@elementwise("join")
def bitwise_left_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """The bits of an integer moved ``y`` places up.

    Example:
        >>> convert_to_numpy(bitwise_left_shift([3], 2)).tolist()
        [12]
    """


@elementwise("join")
def bitwise_right_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """The bits of an integer moved ``y`` places down; the sign is kept.

    Example:
        >>> convert_to_numpy(bitwise_right_shift([-8], 1)).tolist()
        [-4]
    """


left_shift = bitwise_left_shift
right_shift = bitwise_right_shift


@elementwise("join")
def bitwise_not(x: TensorLike) -> Tensor:
    """The bits of an integer flipped; of booleans the negation.

    Example:
        >>> convert_to_numpy(bitwise_not([0])).tolist()
        [-1]
    """


bitwise_invert = bitwise_not


def _where_spec(condition: Spec, x1: Spec, x2: Spec) -> Spec:
    return Spec(broadcast_shapes(condition.shape, x1.shape, x2.shape), x1.dtype)


@primitive("join", spec=_where_spec)
def select_where(condition: Index, x1: TensorLike, x2: TensorLike) -> Tensor:
    """``where`` with both choices."""


@recorded()
def where(condition: Index, x1: TensorLike = None, x2: TensorLike = None) -> Tensor:
    """The elements of ``x1`` where a condition holds, those of ``x2`` elsewhere.

    Args:
        condition: a tensor; numbers hold unless they are zero.
        x1, x2: tensors that broadcast with it and with one another. Without both: the positions where it holds, as from
            ``nonzero``.

    Returns:
        A tensor of the broadcast shape and the joined dtype.

    Raises:
        ValueError: one of ``x1`` and ``x2`` is given without the other.

    Example:
        >>> convert_to_numpy(where([True, False], [1, 2], 0)).tolist()
        [1, 0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where() takes both x1 and x2, or neither of them.")
    return nonzero(condition) if x1 is None else select_where(condition, x1, x2)


@primitive()
def nonzero(x: Index) -> Any:
    """The positions of the elements that aren't zero, one int32 tensor an axis. How many depends on the values, so
    compiled functions can't call it.

    Example:
        >>> convert_to_numpy(nonzero([0, 3, 4])[0]).tolist()
        [1, 2]
    """


@composite("float")
def isclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where ``|x1 - x2| <= atol + rtol * |x2|``, or both are the same infinity.

    Args:
        x1, x2: tensors that broadcast.
        rtol, atol: the relative and the absolute tolerance.
        equal_nan: whether two NaNs are close.

    Example:
        >>> convert_to_numpy(isclose([1.0, 2.0], [1.0, 2.1])).tolist()
        [True, False]
    """
    near = logical_and(isfinite(x2), less_equal(abs(subtract(x1, x2)), add(multiply(abs(x2), rtol), atol)))
    close = logical_or(near, equal(x1, x2))
    return logical_or(close, logical_and(isnan(x1), isnan(x2))) if equal_nan else close
