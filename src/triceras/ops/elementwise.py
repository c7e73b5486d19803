"""Arithmetic, rounding and complex numbers, element by element."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.core.shapes import broadcast_shapes
from triceras.ops.dispatch import Index, TensorLike, composite, primitive
from triceras.ops.specs import elementwise, number, same


@elementwise("join")
def add(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum ``x1 + x2``, element by element.

    Args:
        x1, x2: tensors of any numeric dtype whose shapes broadcast.

    Returns:
        A tensor of the broadcast shape and the joined dtype.

    Example:
        >>> convert_to_numpy(add([1, 2], 3)).tolist()
        [4, 5]
    """


@elementwise(number)
def subtract(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The difference ``x1 - x2``, element by element; shapes broadcast, dtypes are joined.

    Example:
        >>> convert_to_numpy(subtract([3, 2], 1)).tolist()
        [2, 1]
    """


@elementwise("join")
def multiply(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The product ``x1 * x2``, element by element; shapes broadcast, dtypes are joined.

    Example:
        >>> convert_to_numpy(multiply([3, 2], 2)).tolist()
        [6, 4]
    """


@elementwise("float")
def divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The quotient ``x1 / x2``, element by element, in a floating dtype.

    Example:
        >>> convert_to_numpy(divide([3, 2], 2)).tolist()
        [1.5, 1.0]
    """


true_divide = divide


@elementwise(number)
def floor_divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The quotient rounded down, ``floor(x1 / x2)``, in the joined dtype.

    Example:
        >>> convert_to_numpy(floor_divide([7, -7], 2)).tolist()
        [3, -4]
    """


@elementwise(number)
def mod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The remainder of ``floor_divide``; it has the sign of ``x2``.

    Example:
        >>> convert_to_numpy(mod([7, -7], 3)).tolist()
        [1, 2]
    """


@elementwise(number)
def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The remainder of a division rounded towards zero; it has the sign of ``x1``.

    Example:
        >>> convert_to_numpy(fmod([7, -7], 3)).tolist()
        [1, -1]
    """


@elementwise(number)
def power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``x1`` to the power of ``x2``, element by element; integers need non-negative exponents.

    Example:
        >>> convert_to_numpy(power([2, 3], 2)).tolist()
        [4, 9]
    """


@elementwise("float")
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The quotient ``x1 / x2``, zero where ``x2`` is zero; no NaN reaches the gradient.

    Example:
        >>> convert_to_numpy(divide_no_nan([1.0, 3.0], [0.0, 2.0])).tolist()
        [0.0, 1.5]
    """


@elementwise(number)
def negative(x: TensorLike) -> Tensor:
    """``-x``, element by element.

    Example:
        >>> convert_to_numpy(negative([1, -2])).tolist()
        [-1, 2]
    """


def _magnitude_spec(x: Spec) -> Spec:
    return Spec(x.shape, dtypes.real_dtype(x.dtype))


@primitive("join", spec=_magnitude_spec)
def abs(x: TensorLike) -> Tensor:
    """The absolute value; of complex numbers the magnitude, a real tensor.

    Example:
        >>> convert_to_numpy(abs([1, -2])).tolist()
        [1, 2]
    """


absolute = abs


@elementwise("float")
def fabs(x: TensorLike) -> Tensor:
    """The absolute value in a floating dtype.

    Example:
        >>> convert_to_numpy(fabs([1, -2])).tolist()
        [1.0, 2.0]
    """


@elementwise(number)
def sign(x: TensorLike) -> Tensor:
    """-1, 0 or 1 as a number is negative, zero or positive, in its dtype.

    Example:
        >>> convert_to_numpy(sign([3, 0, -2])).tolist()
        [1, 0, -1]
    """


@elementwise(number)
def square(x: TensorLike) -> Tensor:
    """The square ``x * x``.

    Example:
        >>> convert_to_numpy(square([2, -3])).tolist()
        [4, 9]
    """


@elementwise("float")
def sqrt(x: TensorLike) -> Tensor:
    """The square root, NaN for negative numbers.

    Example:
        >>> convert_to_numpy(sqrt([4, 9])).tolist()
        [2.0, 3.0]
    """


@elementwise("float")
def rsqrt(x: TensorLike) -> Tensor:
    """One over the square root.

    Example:
        >>> convert_to_numpy(rsqrt([4.0])).tolist()
        [0.5]
    """


@elementwise("float")
def cbrt(x: TensorLike) -> Tensor:
    """The cube root, of negative numbers too.

    Example:
        >>> convert_to_numpy(cbrt([8.0])).tolist()
        [2.0]
    """


@elementwise("float")
def reciprocal(x: TensorLike) -> Tensor:
    """``1 / x``, in a floating dtype.

    Example:
        >>> convert_to_numpy(reciprocal([4.0])).tolist()
        [0.25]
    """


@elementwise("float")
def floor(x: TensorLike) -> Tensor:
    """The largest whole number not above ``x``, in a floating dtype.

    Example:
        >>> convert_to_numpy(floor([1.7, -1.2])).tolist()
        [1.0, -2.0]
    """


@elementwise("float")
def ceil(x: TensorLike) -> Tensor:
    """The smallest whole number not below ``x``, in a floating dtype.

    Example:
        >>> convert_to_numpy(ceil([1.2, -1.7])).tolist()
        [2.0, -1.0]
    """


@elementwise(number)
def trunc(x: TensorLike) -> Tensor:
    """The whole part, towards zero, in the same dtype.

    Example:
        >>> convert_to_numpy(trunc([1.7, -1.7])).tolist()
        [1.0, -1.0]
    """


@primitive(number, spec=same)
def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """The nearest number of that many decimals; a half goes to the even neighbour.

    Args:
        x: a real tensor.
        decimals: digits after the point, negative for tens, hundreds …

    Returns:
        A tensor of the same shape and dtype.

    Example:
        >>> convert_to_numpy(round([0.5, 1.5, 2.6])).tolist()
        [0.0, 2.0, 3.0]
    """


@elementwise("join")
def maximum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger of two numbers, NaN if one is.

    Example:
        >>> convert_to_numpy(maximum([1, 5], 3)).tolist()
        [3, 5]
    """


@elementwise("join")
def minimum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller of two numbers, NaN if one is.

    Example:
        >>> convert_to_numpy(minimum([1, 5], 3)).tolist()
        [1, 3]
    """


@elementwise("join")
def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger of two numbers; a NaN counts as missing.

    Example:
        >>> convert_to_numpy(fmax([1.0, 5.0], 3.0)).tolist()
        [3.0, 5.0]
    """


@elementwise("join")
def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller of two numbers; a NaN counts as missing.

    Example:
        >>> convert_to_numpy(fmin([1.0, 5.0], 3.0)).tolist()
        [1.0, 3.0]
    """


def _clip_spec(x: Spec, x_min: Spec | None, x_max: Spec | None) -> Spec:
    return Spec(broadcast_shapes(*(s.shape for s in (x, x_min, x_max) if s is not None)), x.dtype)


@primitive(number, spec=_clip_spec)
def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> Tensor:
    """Values brought into ``[x_min, x_max]``.

    Args:
        x: a real tensor.
        x_min, x_max: the bounds, which broadcast against ``x``.

    Example:
        >>> convert_to_numpy(clip([-1, 5, 9], 0, 6)).tolist()
        [0, 5, 6]
    """


@primitive(number, spec=same)
def nan_to_num(x: TensorLike, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
    """NaN and the infinities replaced by numbers.

    Args:
        x: a tensor; integers are returned as they are.
        nan: what replaces NaN.
        posinf, neginf: what replaces the infinities; by default the largest and smallest finite number of the dtype.

    Example:
        >>> convert_to_numpy(nan_to_num([float("nan"), 1.0])).tolist()
        [0.0, 1.0]
    """


@elementwise("float")
def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The step function: 0 below zero, 1 above, ``x2`` where ``x1`` is zero.

    Example:
        >>> convert_to_numpy(heaviside([-1.0, 0.0, 2.0], 0.5)).tolist()
        [0.0, 0.5, 1.0]
    """


@elementwise("float")
def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``sqrt(x1**2 + x2**2)`` without overflow.

    Example:
        >>> convert_to_numpy(hypot([3.0], [4.0])).tolist()
        [5.0]
    """


@elementwise("float")
def nextafter(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The next number of the dtype from ``x1`` towards ``x2``.

    Example:
        >>> convert_to_numpy(nextafter([1.0], [2.0]) > 1).tolist()
        [True]
    """


@composite("float")
def ldexp(x1: TensorLike, x2: Index) -> Tensor:
    """``x1 * 2**x2`` for integers ``x2``, in a floating dtype.

    Example:
        >>> convert_to_numpy(ldexp([1.5], [3])).tolist()
        [12.0]
    """
    return multiply(x1, power(2.0, x2))


@elementwise(number)
def gcd(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The greatest common divisor of integers.

    Example:
        >>> convert_to_numpy(gcd([12, 18], 8)).tolist()
        [4, 2]
    """


@elementwise(number)
def lcm(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The least common multiple of integers.

    Example:
        >>> convert_to_numpy(lcm([4, 6], 6)).tolist()
        [12, 6]
    """


@primitive(spec=_magnitude_spec)
def real(x: TensorLike) -> Tensor:
    """The real part; a real tensor is returned as it is.

    Returns:
        A tensor of the same shape; of complex64 it is float32.

    Example:
        >>> convert_to_numpy(real([1 + 2j])).tolist()
        [1.0]
    """


@primitive(spec=_magnitude_spec)
def imag(x: TensorLike) -> Tensor:
    """The imaginary part; zeros for a real tensor.

    Returns:
        A tensor of the same shape; of complex64 it is float32.

    Example:
        >>> convert_to_numpy(imag([1 + 2j])).tolist()
        [2.0]
    """


@primitive("join", spec=same)
def conj(x: TensorLike) -> Tensor:
    """The complex conjugate; a real tensor is returned as it is.

    Example:
        >>> convert_to_numpy(conj([1 + 2j])).tolist()
        [(1-2j)]
    """


conjugate = conj


@primitive("float", spec=_magnitude_spec)
def angle(x: TensorLike) -> Tensor:
    """The angle of a complex number in radians; 0 or pi for real ones.

    Example:
        >>> convert_to_numpy(angle([1.0, 2.0])).tolist()
        [0.0, 0.0]
    """
