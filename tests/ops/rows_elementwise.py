"""Rows for arithmetic, rounding, exponentials, trigonometry, comparisons, logic and bits."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from tests.ops.table import FLOATS, NUMBERS, Row, booleans, integers, normal, row, uniform

X = normal(3, 4)
Y = normal(3, 4, seed=1)
COLUMN = normal(3, 1, seed=2)
POSITIVE = uniform(0.2, 3, 3, 4)
UNIT = uniform(-0.95, 0.95, 3, 4)
AWKWARD = np.array([0.0, -0.0, 1.5, -2.5, math.inf, -math.inf, math.nan])
SPREAD = normal(3, 4) * 3
ALL = (*NUMBERS, "bool")
WHOLE = (integers(-9, 9, 3, 4), np.where(integers(-4, 4, 3, 4, seed=1) == 0, 3, integers(-4, 4, 3, 4, seed=1)))


def unary(op: str, x: np.ndarray = X, dtypes: tuple[str, ...] = FLOATS, **options: object) -> Row:
    return row(op, x, **{"reference": getattr(np, op, None), "dtypes": dtypes, "differentiable": True} | options)


def binary(op: str, x: np.ndarray = X, y: np.ndarray = Y, dtypes: tuple[str, ...] = FLOATS, **options: object) -> Row:
    return row(op, x, y, **{"reference": getattr(np, op, None), "dtypes": dtypes, "differentiable": True} | options)


def truth(op: str, *args: np.ndarray, **options: object) -> Row:
    return row(op, *args, **{"reference": getattr(np, op), "dtypes": ALL} | options)


ROWS = [
    binary("add", X, COLUMN, (*ALL, "int16")),
    row("add", X, 2, reference=np.add, dtypes=NUMBERS, differentiable=True),
    row("add", 2.5, X, reference=np.add, dtypes=FLOATS),
    row("add", integers(0, 9, 4), normal(3, 4), reference=np.add),
    binary("subtract", X, COLUMN, (*FLOATS, "int32", "int8")),
    row("subtract", 1, X, reference=np.subtract, differentiable=True),
    binary("multiply", X, COLUMN, ALL),
    binary("divide", X, POSITIVE),
    binary("divide", X, POSITIVE * 3, ("int32", "int8"), reference=np.divide, differentiable=False),
    binary("true_divide", X, POSITIVE),
    row("divide", AWKWARD, 0.0, reference=np.divide),
    row("floor_divide", *WHOLE, reference=np.floor_divide),
    binary("floor_divide", SPREAD, POSITIVE, ("float32",)),
    row("mod", *WHOLE, reference=np.mod),
    binary("mod", SPREAD, POSITIVE, ("float32", "float16"), tolerance=1e-5),
    row("fmod", *WHOLE, reference=np.fmod),
    row("fmod", np.array([7, 9], "uint8"), np.array([4, 5], "uint8"), reference=np.fmod),
    *(row(op, booleans(3), reference=lambda x: x) for op in ("abs", "real", "conj")),
    *(row("cast", x, "float8_e4m3fn", reference=lambda x, _: x * 1.0) for x in (booleans(3), integers(-4, 4, 3))),
    binary("fmod", SPREAD, POSITIVE, ("float32",), tolerance=1e-5),
    binary("power", POSITIVE, Y, tolerance=2e-6),
    row("power", X, 2, reference=np.power, dtypes=("float32", "int32", "int8"), differentiable=True, tolerance=2e-6),
    row("power", 2.0, X, reference=np.power, differentiable=True),
    row(
        "divide_no_nan",
        X,
        np.where(booleans(3, 4), Y, 0.0),
        reference=lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b)),
        differentiable=True,
    ),
    unary("negative", X, ("float32", "bfloat16", "int32", "int8")),
    unary("abs", X, (*FLOATS, "int32", "int8", "uint8")),
    row("abs", normal(3) + 1j * normal(3, seed=1), reference=np.abs),
    unary("absolute"),
    unary("fabs", X, (*FLOATS, "int32")),
    unary("sign", np.array([-2.0, 0.0, 3.0]), (*FLOATS, "int32", "uint8"), differentiable=False),
    unary("square", X, ALL, reference=lambda x: np.multiply(x, x, dtype=x.dtype if x.dtype != bool else int)),
    unary("sqrt", POSITIVE),
    row("sqrt", np.array([1, 4, 9]), reference=np.sqrt),
    unary("rsqrt", POSITIVE, reference=lambda x: 1 / np.sqrt(x)),
    unary("cbrt"),
    unary("reciprocal", POSITIVE),
    unary("floor", SPREAD, (*FLOATS, "int32")),
    unary("ceil", SPREAD, (*FLOATS, "int32"), differentiable=False),
    unary("trunc", SPREAD, (*FLOATS, "int32"), differentiable=False),
    unary("round", np.array([0.5, 1.5, 2.5, -0.5, 2.6]), (*FLOATS, "int32"), differentiable=False),
    row("round", SPREAD, decimals=1, reference=np.round),
    row("round", np.array([149, 151, 250], "int32"), decimals=-2, reference=np.round),
    binary("maximum", X, COLUMN, ALL),
    row("maximum", X, 0, reference=np.maximum, dtypes=NUMBERS, differentiable=True),
    binary("minimum", X, COLUMN, ALL),
    # TensorFlow compiles with XLA's fast minimum and maximum, which lose NaN.
    row("maximum", AWKWARD, AWKWARD[::-1].copy(), reference=np.maximum, compiled=False),
    row("fmax", AWKWARD, AWKWARD[::-1].copy(), reference=np.fmax),
    row("fmin", AWKWARD, AWKWARD[::-1].copy(), reference=np.fmin),
    binary("fmax"),
    binary("fmin"),
    row("clip", SPREAD, -1, 2, reference=np.clip, dtypes=("float32", "bfloat16", "int32", "int8"), differentiable=True),
    row("clip", SPREAD, -np.abs(COLUMN), 2.5, reference=np.clip),
    row("nan_to_num", AWKWARD[:4], reference=np.nan_to_num, dtypes=("float32", "int32")),
    row(
        "nan_to_num",
        AWKWARD,
        nan=1.0,
        posinf=2.0,
        neginf=-3.0,
        reference=np.nan_to_num,
        dtypes=FLOATS,
    ),
    row("heaviside", np.array([-1.0, 0.0, 2.0, np.inf, np.nan]), 0.5, reference=np.heaviside),
    row("heaviside", SPREAD, POSITIVE, reference=np.heaviside, differentiable=True),
    binary("hypot"),
    row("hypot", np.array([0.0, 3e30]), np.array([0.0, 4e30]), reference=np.hypot),
    row("nextafter", X, Y, reference=lambda x, y: np.nextafter(x.astype("float32"), y.astype("float32"))),
    row("ldexp", X, integers(-3, 4, 3, 4), reference=np.ldexp, differentiable=True),
    row("gcd", integers(-20, 20, 8), integers(-20, 20, 8, seed=1), reference=np.gcd),
    row("lcm", integers(-20, 20, 8), integers(-20, 20, 8, seed=1), reference=np.lcm),
    row("real", normal(3) + 1j * normal(3, seed=1), reference=np.real),
    unary("real"),
    row("imag", normal(3) + 1j * normal(3, seed=1), reference=np.imag),
    row("conj", normal(3) + 1j * normal(3, seed=1), reference=np.conj),
    row("conjugate", normal(3), reference=np.conj, differentiable=True),
    row("angle", normal(3) + 1j * normal(3, seed=1), reference=np.angle),
    row("angle", X, reference=np.angle),
    # ---- transcendental
    *(unary(op, X, tolerance=2e-6) for op in "exp exp2 expm1 sin cos sinh cosh tanh arcsinh arctan sinc".split()),
    row("exp", np.array([0, 1, 2]), reference=np.exp),
    *(unary(op, POSITIVE, tolerance=2e-6) for op in "log log1p log2 log10".split()),
    *(unary(op, UNIT, tolerance=2e-6) for op in "tan arcsin arccos arctanh".split()),
    unary("arccosh", POSITIVE + 1.25, tolerance=2e-6),
    binary("arctan2"),
    unary("erf", reference=special.erf, tolerance=2e-6),
    unary("erfc", reference=special.erfc, tolerance=2e-6),
    unary("erfinv", UNIT, ("float32", "bfloat16"), reference=special.erfinv, tolerance=5e-6),
    unary("i0", tolerance=2e-6),
    binary("logaddexp"),
    row(
        "logaddexp",
        np.array([-math.inf, math.inf, math.inf, 1e30, math.nan]),
        np.array([-math.inf, math.inf, -math.inf, 2.0, 1.0]),
        reference=np.logaddexp,
    ),
    binary("logaddexp2"),
    unary("deg2rad"),
    unary("rad2deg"),
    # ---- logic
    *(
        truth(op, X, np.where(booleans(3, 4), X, Y))
        for op in "equal not_equal less less_equal greater greater_equal".split()
    ),
    row("less", X, 0.5, reference=np.less),
    *(truth(op, np.trunc(X), np.trunc(Y)) for op in "logical_and logical_or logical_xor".split()),
    truth("logical_not", np.trunc(X)),
    *(truth(op, AWKWARD, dtypes=FLOATS) for op in "isnan isinf isfinite isposinf isneginf signbit isreal".split()),
    row("isnan", integers(0, 3, 4), reference=np.isnan),
    row("isfinite", integers(0, 3, 4), reference=np.isfinite),
    *(
        row(op, np.array([1 + 2j, complex(1, math.nan), complex(math.nan, 1)], "complex64"), reference=getattr(np, op))
        for op in "isnan isfinite".split()
    ),
    row("signbit", integers(-3, 3, 4), reference=np.signbit),
    *(
        row(op, integers(0, 100, 5), integers(0, 100, 5, seed=1), reference=getattr(np, op))
        for op in "bitwise_and bitwise_or bitwise_xor".split()
    ),
    row("bitwise_and", booleans(5), booleans(5, seed=1), reference=np.bitwise_and),
    row("bitwise_not", integers(-9, 9, 5), reference=np.bitwise_not),
    row("bitwise_not", booleans(5), reference=np.bitwise_not),
    row("bitwise_invert", integers(0, 9, 5, dtype="uint8"), reference=np.bitwise_not),
    *(
        row(op, integers(-50, 50, 5), integers(0, 5, 5, seed=1), reference=getattr(np, op.removeprefix("bitwise_")))
        for op in "bitwise_left_shift bitwise_right_shift left_shift right_shift".split()
    ),
    row("where", booleans(3, 4), X, COLUMN, reference=np.where, dtypes=ALL, differentiable=True),
    row("where", booleans(3, 1), X, 0, reference=np.where, dtypes=NUMBERS),
    row("where", booleans(3, 4), reference=np.where, symbolic=False, compiled=False),
    row("nonzero", integers(0, 2, 3, 4), reference=np.nonzero, symbolic=False, compiled=False),
    row("isclose", AWKWARD, AWKWARD + 1e-7, reference=np.isclose),
    row("isclose", AWKWARD, AWKWARD + 1e-7, equal_nan=True, reference=np.isclose),
]
