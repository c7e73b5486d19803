"""Element by element, in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_INTEGERS = {tf.bool: tf.int32, tf.int8: tf.int32, tf.uint8: tf.int32, tf.int16: tf.int32, tf.uint16: tf.int32}
_INTEGERS |= {tf.uint32: tf.int64}
#: Right where wrapping makes no difference, as the numbers from 2**63 on are negative there.
_MODULAR = _INTEGERS | {tf.uint64: tf.int64}
_HALVES = {tf.float16: tf.float32, tf.bfloat16: tf.float32}


def _number(value: float, x: tf.Tensor) -> tf.Tensor:
    """A number in a tensor's dtype; ``tf.cast`` would round it to float32 on the way."""
    return tf.constant(value, x.dtype)


def via(function: Callable[..., Any], wide: dict[Any, Any]) -> Callable[..., Any]:
    """A function computed in a wider dtype where TensorFlow has no kernel for that of the inputs."""

    def body(x: Any, *args: Any, **kwargs: Any) -> Any:
        dtype: Any = getattr(x, "dtype", None)
        if dtype not in wide:
            return function(x, *args, **kwargs)
        other = wide[dtype]
        args = tuple(tf.cast(a, other) if getattr(a, "dtype", None) == dtype else a for a in args)
        y = function(tf.cast(x, other), *args, **kwargs)
        return tf.cast(y, dtype) if y.dtype == other else y

    return body


def _binary(function: Callable[..., Any], logical: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A function of two tensors or numbers, with another one for booleans; else those go as int32.

    TensorFlow gives a number the dtype of the tensor that follows it only where there is one in front.
    """

    def body(x1: Any, x2: Any) -> Any:
        if not isinstance(x1, tf.Tensor):
            x1 = tf.constant(x1, getattr(x2, "dtype", None))
        if x1.dtype != tf.bool:
            return function(x1, x2)
        return logical(x1, x2) if logical else function(tf.cast(x1, tf.int32), tf.cast(x2, tf.int32))

    return body


def _round(x: tf.Tensor, decimals: int = 0) -> tf.Tensor:
    if x.dtype.is_integer:
        if decimals >= 0:
            return x
        return tf.cast(_round(tf.cast(x, tf.float64), decimals), x.dtype)
    if decimals == 0:
        return tf.round(x)
    scale = _number(10.0 ** abs(decimals), x)
    return tf.round(x * scale) / scale if decimals > 0 else tf.round(x / scale) * scale


def _nan_to_num(x: tf.Tensor, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> tf.Tensor:
    if x.dtype.is_integer:
        return x
    x = tf.where(tf.math.is_nan(x), tf.cast(nan, x.dtype), x)
    x = tf.where(x == math.inf, tf.cast(x.dtype.max if posinf is None else posinf, x.dtype), x)
    return tf.where(x == -math.inf, tf.cast(x.dtype.min if neginf is None else neginf, x.dtype), x)


def _hypot(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    x1, x2 = tf.abs(x1), tf.abs(x2)
    large, small = tf.maximum(x1, x2), tf.minimum(x1, x2)
    nonzero = tf.where(large == 0, tf.ones_like(large), large)
    return tf.where(large == 0, large, nonzero * tf.sqrt(1 + tf.square(small / nonzero)))


def _logaddexp(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    high = tf.maximum(x1, x2)
    gap = x1 - x2
    finite = tf.math.is_finite(gap)
    gap = tf.where(finite, gap, tf.zeros_like(gap))
    return tf.where(finite, high + tf.math.log1p(tf.exp(-tf.abs(gap))), high + _same_infinity(x1, x2))


def _same_infinity(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    """Zero, but NaN where an input is."""
    return tf.where(tf.math.is_nan(x1) | tf.math.is_nan(x2), tf.cast(math.nan, x1.dtype), tf.zeros((), x1.dtype))


def _fmod(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if x1.dtype.is_unsigned:
        return tf.math.floormod(x1, x2)
    # Not TruncateMod, which has no gradient.
    return tf.sign(x1) * tf.math.floormod(tf.abs(x1), tf.abs(x2))


def _size(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype.is_unsigned or x.dtype == tf.bool else tf.abs(x)


def _sign(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x != 0, x.dtype) if x.dtype.is_unsigned else tf.sign(x)


def _power(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    """An exponent without sign from 2**63 on would be a negative one as int64: its bits square and multiply."""
    if x1.dtype != tf.uint64:
        return tf.pow(x1, x2)
    result = tf.ones_like(x1 + x2)
    for bit in range(64):
        odd = tf.bitwise.bitwise_and(tf.bitwise.right_shift(x2, tf.constant(bit, x2.dtype)), 1) == 1
        result, x1 = tf.where(odd, result * x1, result), x1 * x1
    return result


def _gcd(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    """Euclid's algorithm on all elements at once."""

    def step(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.where(b == 0, a, b), tf.where(b == 0, 0, tf.math.floormod(a, tf.where(b == 0, 1, b)))

    a, b = _size(x1 + tf.zeros_like(x2)), _size(x2 + tf.zeros_like(x1))
    return tf.while_loop(lambda a, b: tf.reduce_any(b != 0), step, (a, b))[0]


def _lcm(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    divisor = _gcd(x1, x2)
    return _size(x1 // tf.where(divisor == 0, 1, divisor) * x2)


_SMALL_I0 = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
_LARGE_I0 = (
    0.39894228,
    0.01328592,
    0.00225319,
    -0.00157565,
    0.00916281,
    -0.02057706,
    0.02635537,
    -0.01647633,
    0.00392377,
)


def _i0(x: tf.Tensor) -> tf.Tensor:
    """Abramowitz and Stegun, 9.8.1 and 9.8.2: XLA has no Bessel functions."""
    if x.dtype == tf.float64:
        return _precise_i0(x)
    size = tf.abs(x)
    t = tf.square(x / 3.75)
    small = tf.math.polyval([_number(c, x) for c in reversed(_SMALL_I0)], tf.minimum(t, 1))
    large = tf.maximum(size, 3.75)
    series = tf.math.polyval([_number(c, x) for c in reversed(_LARGE_I0)], 3.75 / large)
    return tf.where(size <= 3.75, small, tf.exp(large) / tf.sqrt(large) * series)


def _precise_i0(x: tf.Tensor) -> tf.Tensor:
    """Abramowitz and Stegun, 9.6.12 and 9.7.1, with as many terms as float64 needs on either side of 25."""
    size = tf.abs(x)
    powers = [1 / math.factorial(k) ** 2 for k in range(70)]
    small = tf.math.polyval([_number(c, x) for c in reversed(powers)], tf.square(tf.minimum(size, 25.0) / 2))
    terms = [1.0]
    for k in range(1, 30):
        terms.append(terms[-1] * (2 * k - 1) ** 2 / (8 * k))
    large = tf.maximum(size, 25.0)
    series = tf.math.polyval([_number(c, x) for c in reversed(terms)], 1 / large)
    return tf.where(size <= 25.0, small, tf.exp(large) / tf.sqrt(2 * math.pi * large) * series)


def _sinc(x: tf.Tensor) -> tf.Tensor:
    angle = x * math.pi
    safe = tf.where(angle == 0, tf.ones_like(angle), angle)
    return tf.where(angle == 0, tf.ones_like(angle), tf.sin(safe) / safe)


def _signbit(x: tf.Tensor) -> tf.Tensor:
    if not x.dtype.is_floating:
        return tf.zeros_like(x, tf.bool) if x.dtype.is_unsigned or x.dtype == tf.bool else x < 0
    same_size = {2: tf.int16, 4: tf.int32, 8: tf.int64}[x.dtype.size]
    return tf.bitcast(x, same_size) < 0


def _angle(x: tf.Tensor) -> tf.Tensor:
    if x.dtype.is_complex:
        return tf.math.angle(x)
    return tf.where(x < 0, _number(math.pi, x), x * 0)


def _fmax(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if not x1.dtype.is_floating:
        return TABLE["maximum"](x1, x2)
    return tf.where(tf.math.is_nan(x1), x2, tf.where(tf.math.is_nan(x2), x1, tf.maximum(x1, x2)))


def _fmin(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if not x1.dtype.is_floating:
        return TABLE["minimum"](x1, x2)
    return tf.where(tf.math.is_nan(x1), x2, tf.where(tf.math.is_nan(x2), x1, tf.minimum(x1, x2)))


def _heaviside(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    step = tf.where(tf.math.is_nan(x1), x1, tf.cast(x1 > 0, x1.dtype))
    return tf.where(x1 == 0, x2, step)


def _floating(test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that no integer passes."""
    return lambda x: test(x) if x.dtype.is_floating else tf.zeros_like(x, tf.bool)


def _either_part(test: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """The same, true of complex numbers of which it is of a part."""
    plain = _floating(test)
    return lambda x: tf.logical_or(test(tf.math.real(x)), test(tf.math.imag(x))) if x.dtype.is_complex else plain(x)


def _isfinite(x: tf.Tensor) -> tf.Tensor:
    if x.dtype.is_complex:
        return tf.logical_and(tf.math.is_finite(tf.math.real(x)), tf.math.is_finite(tf.math.imag(x)))
    return tf.math.is_finite(x) if x.dtype.is_floating else tf.ones_like(x, tf.bool)


def _bitwise_not(x: tf.Tensor) -> tf.Tensor:
    return tf.logical_not(x) if x.dtype == tf.bool else tf.bitwise.invert(x)


def _nonzero(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
    positions = tf.cast(tf.where(x if x.dtype == tf.bool else x != 0), tf.int32)
    return tuple(tf.unstack(positions, x.shape.rank, axis=1))


def _select(condition: tf.Tensor, x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    return tf.where(condition if condition.dtype == tf.bool else condition != 0, x1, x2)


def _clip(x: tf.Tensor, x_min: tf.Tensor, x_max: tf.Tensor) -> tf.Tensor:
    return TABLE["minimum"](TABLE["maximum"](x, x_min), x_max)


_MATH = """
rsqrt floor ceil sin cos tan sinh cosh tanh exp expm1 log log1p erf erfc imag
""".split()
_LN2, _LN10 = math.log(2), math.log(10)

TABLE = {name: getattr(tf.math, name) for name in _MATH} | {
    "stop_gradient": tf.stop_gradient,
    "real": lambda x: tf.math.real(x) if x.dtype.is_complex else x,
    "conj": lambda x: tf.math.conj(x) if x.dtype.is_complex else x,
    "add": _binary(tf.add, tf.logical_or),
    "subtract": _binary(tf.subtract),
    "multiply": _binary(tf.multiply, tf.logical_and),
    "divide": _binary(tf.divide),
    "floor_divide": tf.math.floordiv,
    "mod": tf.math.floormod,
    "fmod": _fmod,
    "power": _binary(via(_power, _INTEGERS)),
    "divide_no_nan": tf.math.divide_no_nan,
    "negative": via(tf.negative, _MODULAR),
    "abs": _size,
    "fabs": tf.abs,
    "sign": via(_sign, _INTEGERS),
    "square": via(tf.square, _MODULAR),
    "sqrt": tf.sqrt,
    "cbrt": lambda x: tf.sign(x) * tf.pow(tf.abs(x), _number(1 / 3, x)),
    "reciprocal": tf.math.reciprocal,
    "trunc": lambda x: x if x.dtype.is_integer else tf.sign(x) * tf.floor(tf.abs(x)),
    "round": _round,
    "maximum": _binary(tf.maximum, tf.logical_or),
    "minimum": _binary(tf.minimum, tf.logical_and),
    "fmax": _fmax,
    "fmin": _fmin,
    "clip": _clip,
    "nan_to_num": _nan_to_num,
    "heaviside": _heaviside,
    "hypot": _hypot,
    "nextafter": tf.math.nextafter,
    "gcd": via(_gcd, _INTEGERS),
    "lcm": via(_lcm, _INTEGERS),
    "angle": _angle,
    "exp2": lambda x: tf.pow(tf.cast(2.0, x.dtype), x),
    "log2": lambda x: tf.math.log(x) / _number(_LN2, x),
    "log10": lambda x: tf.math.log(x) / _number(_LN10, x),
    "logaddexp": _logaddexp,
    "arcsin": tf.asin,
    "arccos": tf.acos,
    "arctan": tf.atan,
    "arcsinh": tf.asinh,
    "arccosh": tf.acosh,
    "arctanh": tf.atanh,
    "arctan2": tf.atan2,
    "erfinv": via(tf.math.erfinv, _HALVES),
    "i0": via(_i0, _HALVES),
    "sinc": _sinc,
    "equal": _binary(tf.equal, tf.equal),
    "not_equal": _binary(tf.not_equal, tf.not_equal),
    "less": _binary(tf.less),
    "less_equal": _binary(tf.less_equal),
    "greater": _binary(tf.greater),
    "greater_equal": _binary(tf.greater_equal),
    "logical_and": tf.logical_and,
    "logical_or": tf.logical_or,
    "logical_xor": tf.math.logical_xor,
    "logical_not": tf.logical_not,
    "isnan": _either_part(tf.math.is_nan),
    "isinf": _either_part(tf.math.is_inf),
    "isfinite": _isfinite,
    "isposinf": _floating(lambda x: x == math.inf),
    "isneginf": _floating(lambda x: x == -math.inf),
    "isreal": lambda x: tf.math.imag(x) == 0 if x.dtype.is_complex else tf.ones_like(x, tf.bool),
    "signbit": _signbit,
    "bitwise_and": _binary(tf.bitwise.bitwise_and, tf.logical_and),
    "bitwise_or": _binary(tf.bitwise.bitwise_or, tf.logical_or),
    "bitwise_xor": _binary(tf.bitwise.bitwise_xor, tf.math.logical_xor),
    "bitwise_not": _bitwise_not,
    "bitwise_left_shift": tf.bitwise.left_shift,
    "bitwise_right_shift": tf.bitwise.right_shift,
    "select_where": _select,
    "nonzero": _nonzero,
}
