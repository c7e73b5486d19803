"""Exponentials, logarithms, trigonometry and the error function, element by element; results are floating."""

from __future__ import annotations

import math

from triceras.backends.base import Tensor
from triceras.ops.dispatch import TensorLike, composite
from triceras.ops.elementwise import multiply
from triceras.ops.specs import elementwise


@elementwise("float")
def exp(x: TensorLike) -> Tensor:
    """The exponential ``e**x``.

    Example:
        >>> convert_to_numpy(exp([0.0])).tolist()
        [1.0]
    """


@elementwise("float")
def exp2(x: TensorLike) -> Tensor:
    """``2**x``.

    Example:
        >>> convert_to_numpy(exp2([3.0])).tolist()
        [8.0]
    """


@elementwise("float")
def expm1(x: TensorLike) -> Tensor:
    """``e**x - 1``, exact near zero.

    Example:
        >>> convert_to_numpy(expm1([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def log(x: TensorLike) -> Tensor:
    """The natural logarithm; -inf at zero, NaN below.

    Example:
        >>> convert_to_numpy(log([1.0])).tolist()
        [0.0]
    """


@elementwise("float")
def log1p(x: TensorLike) -> Tensor:
    """``log(1 + x)``, exact near zero.

    Example:
        >>> convert_to_numpy(log1p([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def log2(x: TensorLike) -> Tensor:
    """The logarithm to base 2.

    Example:
        >>> convert_to_numpy(log2([8.0])).tolist()
        [3.0]
    """


@elementwise("float")
def log10(x: TensorLike) -> Tensor:
    """The logarithm to base 10.

    Example:
        >>> convert_to_numpy(log10([1.0])).tolist()
        [0.0]
    """


@elementwise("float")
def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``log(exp(x1) + exp(x2))`` without overflow.

    Example:
        >>> convert_to_numpy(logaddexp([-float("inf")], [2.0])).tolist()
        [2.0]
    """


@composite("float")
def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``log2(2**x1 + 2**x2)`` without overflow.

    Example:
        >>> convert_to_numpy(logaddexp2([1.0], [1.0])).tolist()
        [2.0]
    """
    natural = logaddexp(multiply(x1, math.log(2)), multiply(x2, math.log(2)))
    return multiply(natural, 1 / math.log(2))


@elementwise("float")
def sin(x: TensorLike) -> Tensor:
    """The sine of an angle in radians.

    Example:
        >>> convert_to_numpy(sin([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def cos(x: TensorLike) -> Tensor:
    """The cosine of an angle in radians.

    Example:
        >>> convert_to_numpy(cos([0.0])).tolist()
        [1.0]
    """


@elementwise("float")
def tan(x: TensorLike) -> Tensor:
    """The tangent of an angle in radians.

    Example:
        >>> convert_to_numpy(tan([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def sinh(x: TensorLike) -> Tensor:
    """The hyperbolic sine.

    Example:
        >>> convert_to_numpy(sinh([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def cosh(x: TensorLike) -> Tensor:
    """The hyperbolic cosine.

    Example:
        >>> convert_to_numpy(cosh([0.0])).tolist()
        [1.0]
    """


@elementwise("float")
def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent.

    Example:
        >>> convert_to_numpy(tanh([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arcsin(x: TensorLike) -> Tensor:
    """The angle in ``[-pi/2, pi/2]`` whose sine is ``x``; NaN outside ``[-1, 1]``.

    Example:
        >>> convert_to_numpy(arcsin([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arccos(x: TensorLike) -> Tensor:
    """The angle in ``[0, pi]`` whose cosine is ``x``; NaN outside ``[-1, 1]``.

    Example:
        >>> convert_to_numpy(arccos([1.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arctan(x: TensorLike) -> Tensor:
    """The angle in ``(-pi/2, pi/2)`` whose tangent is ``x``.

    Example:
        >>> convert_to_numpy(arctan([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arcsinh(x: TensorLike) -> Tensor:
    """The inverse of ``sinh``.

    Example:
        >>> convert_to_numpy(arcsinh([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arccosh(x: TensorLike) -> Tensor:
    """The inverse of ``cosh``; NaN below 1.

    Example:
        >>> convert_to_numpy(arccosh([1.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arctanh(x: TensorLike) -> Tensor:
    """The inverse of ``tanh``; NaN outside ``[-1, 1]``.

    Example:
        >>> convert_to_numpy(arctanh([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def arctan2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The angle of the point ``(x2, x1)`` in ``[-pi, pi]``.

    Example:
        >>> convert_to_numpy(arctan2([0.0], [1.0])).tolist()
        [0.0]
    """


@elementwise("float")
def erf(x: TensorLike) -> Tensor:
    """The error function ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to ``x``.

    Example:
        >>> convert_to_numpy(erf([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def erfc(x: TensorLike) -> Tensor:
    """``1 - erf(x)``, exact for large ``x``.

    Example:
        >>> convert_to_numpy(erfc([0.0])).tolist()
        [1.0]
    """


@elementwise("float")
def erfinv(x: TensorLike) -> Tensor:
    """The inverse of ``erf``; infinite at -1 and 1.

    Example:
        >>> convert_to_numpy(erfinv([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def i0(x: TensorLike) -> Tensor:
    """The modified Bessel function of the first kind of order 0.

    Example:
        >>> convert_to_numpy(i0([0.0])).round(4).tolist()
        [1.0]
    """


@composite("float")
def deg2rad(x: TensorLike) -> Tensor:
    """Degrees as radians: ``x * pi / 180``.

    Example:
        >>> convert_to_numpy(deg2rad([0.0])).tolist()
        [0.0]
    """
    return multiply(x, math.pi / 180)


@composite("float")
def rad2deg(x: TensorLike) -> Tensor:
    """Radians as degrees: ``x * 180 / pi``.

    Example:
        >>> convert_to_numpy(rad2deg([0.0])).tolist()
        [0.0]
    """
    return multiply(x, 180 / math.pi)


@elementwise("float")
def sinc(x: TensorLike) -> Tensor:
    """``sin(pi x) / (pi x)``, 1 at zero.

    Example:
        >>> convert_to_numpy(sinc([0.0])).tolist()
        [1.0]
    """
