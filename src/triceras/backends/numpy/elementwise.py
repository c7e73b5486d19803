"""Element by element, in NumPy."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from triceras.backends.numpy.special import SPECIAL

_WIDE = {np.dtype(np.float16): np.float32, np.dtype(ml_dtypes.bfloat16): np.float32}


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function computed in float32 where its first argument has 16 bits, which NumPy knows too little of."""

    @functools.wraps(function)
    def body(x: Any, *args: Any, **kwargs: Any) -> Any:
        wide = _WIDE.get(x.dtype)
        if wide is None:
            return function(x, *args, **kwargs)
        args = tuple(a.astype(wide) if isinstance(a, np.ndarray) and a.dtype == x.dtype else a for a in args)
        return np.asarray(function(x.astype(wide), *args, **kwargs)).astype(x.dtype)

    return body


def _divide_no_nan(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    zero = x2 == 0
    return np.where(zero, np.zeros((), x1.dtype), x1 / np.where(zero, np.ones((), x2.dtype), x2))


def _round(x: np.ndarray, decimals: int = 0) -> np.ndarray:
    return np.round(x, decimals).astype(x.dtype)


def _nan_to_num(x: np.ndarray, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> np.ndarray:
    if x.dtype.kind in "iub":
        return x
    info = ml_dtypes.finfo(x.dtype)
    x = np.where(np.isnan(x), np.asarray(nan, x.dtype), x)
    x = np.where(x == math.inf, np.asarray(info.max if posinf is None else posinf, x.dtype), x)
    return np.where(x == -math.inf, np.asarray(info.min if neginf is None else neginf, x.dtype), x)


def _trunc(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.kind in "iu" else np.trunc(x)


def _sinc(x: np.ndarray) -> np.ndarray:
    return np.sinc(x).astype(x.dtype)


def _quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without NumPy's warnings on overflow and the like: the other backends give infinities and NaN silently."""

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return body


#: What carries the same name in ``numpy``; those of the second list can overflow or be undefined.
_SAFE = """
negative abs fabs sign floor ceil maximum minimum fmax fmin real imag conj arctan arctan2 heaviside equal not_equal
less less_equal greater greater_equal logical_and logical_or logical_xor logical_not isnan isinf isfinite signbit
isreal isposinf isneginf bitwise_and bitwise_or bitwise_xor bitwise_not sin cos tanh arcsinh gcd lcm
""".split()
_WARNING = """
add subtract multiply divide floor_divide mod fmod power square sqrt cbrt reciprocal hypot exp exp2 expm1 log log1p
log2 log10 logaddexp tan sinh cosh arcsin arccos arccosh arctanh
""".split()

TABLE = (
    {name: getattr(np, name) for name in _SAFE}
    | {name: _quietly(getattr(np, name)) for name in _WARNING}
    | {
        "stop_gradient": lambda variable: variable,
        "conj": lambda x: np.conj(x) if x.dtype.kind == "c" else x,
        "rsqrt": _quietly(lambda x: np.ones((), x.dtype) / np.sqrt(x)),
        "angle": in_float32(lambda x: np.angle(x).astype(x.real.dtype)),
        "divide_no_nan": _quietly(_divide_no_nan),
        "clip": lambda x, x_min, x_max: np.minimum(np.maximum(x, x_min), x_max),
        "round": in_float32(_round),
        "nan_to_num": _nan_to_num,
        "trunc": _trunc,
        "nextafter": np.nextafter,
        "sinc": in_float32(_sinc),
        "i0": in_float32(lambda x: np.i0(x).astype(x.dtype)),
        "bitwise_left_shift": np.left_shift,
        "bitwise_right_shift": np.right_shift,
        "select_where": lambda condition, x1, x2: np.where(condition != 0, x1, x2),
        "nonzero": lambda x: tuple(i.astype(np.int32) for i in np.nonzero(x)),
    }
    | {name: in_float32(function) for name, function in SPECIAL.items()}
)
