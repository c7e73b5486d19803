"""Cases of the ops over all dtypes and hard shapes, built from tables: family -> ops, shapes, dtypes, axes.

A reference is NumPy's own function, or one of SciPy or a closed form, over the same values in float64 (complex128,
64-bit integers). Nothing here knows which framework runs a case, so that another package can be put to the same ones.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
from scipy import special

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
SMALL_FLOATS = ("float16", "bfloat16")
FLOATS = (*SMALL_FLOATS, "float32", "float64")
REAL = ("bool", *INTEGERS, *FLOATS)
ALL = (*REAL, "complex64")
#: Zero sizes, scalars, ones to broadcast, an axis of one, one that is long.
SHAPES = ((), (0,), (2, 0, 3), (1,), (5,), (3, 1, 4), (1000,))
#: What each dtype may lie off, relative to the value: half a unit in the last place and the steps before it.
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-6, "complex64": 4e-6}

Reference = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """A call of an op with arrays among its arguments, and what it should give."""

    op: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    reference: Reference | None
    what: str
    #: By how much the dtype's tolerance grows: with the number of steps that round.
    slack: float = 1.0
    #: Whether it is like others before it: one that compiles each shape anew needn't run it.
    repeated: bool = False

    def __str__(self) -> str:
        return f"{self.op}({self.what})"

    def expected(self) -> Any:
        """What the reference gives over the widest dtype of each kind."""
        assert self.reference is not None
        with np.errstate(all="ignore"):
            return self.reference(*_wide(self.args), **_wide(self.kwargs))


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of a name."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def _wide(x: Any) -> Any:
    if isinstance(x, np.ndarray | np.generic):
        kind = "V" if x.dtype == ml_dtypes.bfloat16 else x.dtype.kind
        return x.astype({"f": "float64", "V": "float64", "c": "complex128"}.get(kind, x.dtype))
    if isinstance(x, dict):
        return {key: _wide(value) for key, value in x.items()}
    return type(x)(map(_wide, x)) if type(x) in (list, tuple) else x


def values(shape: tuple[int, ...], dtype: str, low: float = -3, high: float = 3, seed: int = 0) -> np.ndarray:
    """Numbers that every dtype holds exactly, in a layout that isn't contiguous where there are several axes."""
    size = int(np.prod(shape))
    numbers = np.random.default_rng([size, seed]).integers(0, 65, size) / 64 * (high - low) + low
    if dtype == "bool" or dtype in INTEGERS:
        numbers = np.round(numbers)
    if dtype.startswith("uint"):
        numbers = np.abs(numbers)
    numbers = np.where(np.abs(numbers) < 1 / 64, 1, numbers) if low > 0 else numbers
    if dtype == "complex64":
        numbers = numbers + 1j * np.roll(numbers, 1)
    array = numbers.astype("float16" if dtype in FLOATS else numbers.dtype).astype(numpy_dtype(dtype))
    return array.reshape(shape[::-1]).T


def _typed(dtypes: tuple[str, ...], shapes: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """All shapes in the first floating dtype (else the first), the last two in the others."""
    whole = "float32" if "float32" in dtypes else dtypes[0]
    yield from ((whole, shape) for shape in shapes)
    yield from itertools.product((d for d in dtypes if d != whole), shapes[1:3])


# ---- one tensor, element by element ----------------------------------------------------------------------------------


def _logistic(x: Any) -> Any:
    return special.expit(x)


_erf_gelu = lambda x: x * special.ndtr(x)
#: op -> reference, lowest and highest value, dtypes.
UNARY: dict[str, tuple[Reference, float, float, tuple[str, ...]]] = {
    **{op: (getattr(np, op), -3, 3, ALL) for op in "square isnan isinf isfinite exp sin cos sinh".split()},
    "negative": (np.negative, -3, 3, ALL[1:]),
    "sign": (np.sign, -3, 3, REAL[1:]),
    **{op: (getattr(np, op), -3, 3, ALL) for op in "tanh logical_not real imag conj abs cosh".split()},
    **{op: (getattr(np, op), -3, 3, REAL) for op in "floor ceil trunc exp2 expm1 arctan arcsinh sinc".split()},
    **{op: (getattr(np, op), -3, 3, REAL) for op in "signbit isposinf isneginf deg2rad rad2deg cbrt angle".split()},
    **{op: (getattr(np, op), -3, 3, REAL) for op in "isreal round nan_to_num i0 fabs".split()},
    **{op: (getattr(np, op), 1, 3, ALL) for op in "sqrt log".split()},
    **{op: (getattr(np, op), 1, 3, REAL) for op in "log1p log2 log10 arccosh".split()},
    "reciprocal": (lambda x: 1 / x, 1, 3, FLOATS),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1, 3, REAL),
    **{op: (getattr(np, op), -0.5, 0.5, FLOATS) for op in "arcsin arccos arctanh tan".split()},
    "bitwise_not": (np.bitwise_not, -3, 3, ("int32", "bool", *INTEGERS)),
    "erf": (special.erf, -3, 3, REAL),
    "erfc": (special.erfc, -3, 3, REAL),
    "erfinv": (special.erfinv, -0.5, 0.5, FLOATS),
    "relu": (lambda x: np.maximum(x, 0), -3, 3, REAL),
    "relu6": (lambda x: np.minimum(np.maximum(x, 0), 6), -3, 3, REAL),
    "sigmoid": (_logistic, -3, 3, REAL),
    "softplus": (lambda x: np.logaddexp(x, 0), -3, 3, REAL),
    "softsign": (lambda x: x / (1 + np.abs(x)), -3, 3, FLOATS),
    "silu": (lambda x: x * _logistic(x), -3, 3, FLOATS),
    "log_sigmoid": (lambda x: -np.logaddexp(0, -x), -3, 3, FLOATS),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), -3, 3, FLOATS),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), -3, 3, FLOATS),
    "hard_silu": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -3, 3, FLOATS),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), -3, 3, FLOATS),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), -3, 3, FLOATS),
    "celu": (lambda x: np.where(x > 0, x, np.expm1(x)), -3, 3, FLOATS),
    "gelu": (functools.partial(_erf_gelu), -3, 3, FLOATS),
    "tanh_shrink": (lambda x: x - np.tanh(x), -3, 3, FLOATS),
    "hard_shrink": (lambda x: np.where(np.abs(x) > 0.5, x, 0), -3, 3, FLOATS),
    "soft_shrink": (lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), -3, 3, FLOATS),
    "squareplus": (lambda x: (x + np.sqrt(x * x + 4)) / 2, -3, 3, FLOATS),
    "sparse_plus": (lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)), -3, 3, FLOATS),
    "threshold": (lambda x, t, v: np.where(x > t, x, v), -3, 3, FLOATS),
}
#: What some need beside the tensor; gelu's exact form.
EXTRA: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "threshold": ((1.0, 7.0), {}),
    "gelu": ((), {"approximate": False}),
}


def unary() -> Iterator[Case]:
    """Ops of one tensor whose result has its shape."""
    for op, (reference, low, high, dtypes) in UNARY.items():
        extra, kwargs = EXTRA.get(op, ((), {}))
        function = (lambda x, f=reference, **_: f(x)) if kwargs else reference
        for dtype, shape in _typed(dtypes, SHAPES):
            x = values(shape, dtype, low, high)
            yield Case(op, (x, *extra), kwargs, function, f"{dtype} {shape}")


# ---- two tensors -----------------------------------------------------------------------------------------------------

PAIRS = (((), ()), ((2, 3), (3,)), ((2, 1, 4), (3, 1)), ((0,), (1,)), ((2, 0), (1, 0)), ((), (5,)), ((700,), (700,)))


def _in_double(function: Reference) -> Reference:
    """NumPy computes small integers in 16 bits."""
    return lambda *args: function(*(np.asarray(x, "float64") for x in args))


BINARY: dict[str, tuple[Reference, tuple[str, ...]]] = {
    **{op: (getattr(np, op), ALL) for op in "add multiply equal not_equal".split()},
    "subtract": (np.subtract, ALL[1:]),
    **{op: (getattr(np, op), REAL) for op in "maximum minimum less less_equal greater greater_equal".split()},
    **{op: (getattr(np, op), REAL) for op in "logical_and logical_or logical_xor divide floor_divide mod fmod".split()},
    **{op: (getattr(np, op), REAL) for op in "fmax fmin isclose".split()},
    **{op: (_in_double(getattr(np, op)), REAL) for op in "arctan2 hypot logaddexp logaddexp2".split()},
    "power": (np.power, REAL),
    "true_divide": (np.divide, ("float32", "int32", "complex64")),
    "heaviside": (np.heaviside, FLOATS),
    "divide_no_nan": (np.divide, REAL),
    **{op: (getattr(np, op), ("int32", "bool", *INTEGERS)) for op in "bitwise_and bitwise_or bitwise_xor".split()},
    **{op: (getattr(np, op), ("int32", *INTEGERS)) for op in "gcd lcm left_shift right_shift".split()},
}


def binary() -> Iterator[Case]:
    """Ops of two tensors that broadcast; the second has no zeros and only few powers."""
    for op, (reference, dtypes) in BINARY.items():
        for dtype, (left, right) in _typed(dtypes, PAIRS):
            x, y = values(left, dtype, 1 if op == "power" else -3, 3), values(right, dtype, 1, 3, seed=1)
            yield Case(op, (x, y), {}, reference, f"{dtype} {left}, {right}")
    for op, (first, second) in itertools.product(
        ("add", "multiply", "divide", "maximum", "less"),
        itertools.product(("bool", "uint8", "int8", "uint32", "int32", "float16", "bfloat16", "float32"), repeat=2),
    ):
        if first != second:
            x, y = values((3,), first, 1, 3), values((2, 1), second, 1, 3, seed=1)
            yield Case(op, (x, y), {}, getattr(np, op), f"{first} (3,), {second} (2, 1)")


# ---- reductions ------------------------------------------------------------------------------------------------------

#: Shape and axis: none, negative, several, an empty tuple, an axis of size zero that stays.
AXES = (
    ((), None),
    ((2, 3, 4), None),
    ((2, 3, 4), -1),
    ((2, 3, 4), (0, -1)),
    ((2, 3, 4), ()),
    ((2, 0, 3), 0),
    ((2, 0, 3), (0, 2)),
    ((600,), 0),
    ((1, 3), (1, 0)),
)
EMPTY_AXES = (((0,), None), ((2, 0, 3), 1), ((2, 0, 3), (-2, 0)))
REDUCTIONS: dict[str, tuple[Reference, tuple[str, ...]]] = {
    **{op: (getattr(np, op), ALL) for op in "sum prod mean".split()},
    **{op: (getattr(np, op), REAL) for op in "max min any all var std amax amin".split()},
    "ptp": (np.ptp, REAL[1:]),
    **{op: (getattr(np, op), ("float32", "int32")) for op in "nansum nanmax nanmin nanprod".split()},
    **{op: (getattr(np, op), FLOATS) for op in "nanmean nanvar".split()},
}
#: What has a value over nothing.
OF_NOTHING = ("sum", "prod", "any", "all", "nansum", "nanprod", "mean")
POSITIONS = ("argmax", "argmin")
#: Op -> what it needs beside the axes.
QUANTILES: dict[str, dict[str, Any]] = {
    "median": {},
    "nanmedian": {},
    "quantile": {"q": np.array([0.25, 1.0])},
    "nanquantile": {"q": 0.3},
}


def _quiet(function: Reference) -> Reference:
    """Without NumPy's warnings; of nothing it has no quantile but for the median: NaN."""

    def call(x: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return function(x, **kwargs)
            except (IndexError, ValueError):
                shape = np.sum(x, axis=kwargs["axis"], keepdims=kwargs["keepdims"]).shape
                return np.full((*np.shape(kwargs.get("q")), *shape), np.nan)

    return call


def reductions() -> Iterator[Case]:
    """Reductions over all kinds of axes, with and without ``keepdims``."""
    for op, (reference, dtypes) in REDUCTIONS.items():
        extra = EMPTY_AXES if op in OF_NOTHING else ()
        for dtype, (shape, axis) in _typed(dtypes, (*AXES, *extra)):
            x = values(shape, dtype, 0.5 if op in ("prod", "nanprod") else -3, 1.5 if op in ("prod", "nanprod") else 3)
            for keepdims in (False, True) if dtype == "float32" else (False,):
                kwargs: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
                yield Case(op, (x,), kwargs, reference, f"{dtype} {shape}, axis={axis}, keepdims={keepdims}")
    for op, fraction in QUANTILES.items():
        for dtype, (shape, axis) in _typed(FLOATS, (*AXES, *EMPTY_AXES)):
            x = values(shape, dtype)
            for keepdims in (False, True) if dtype == "float32" else (False,):
                kwargs = {"axis": axis, "keepdims": keepdims} | fraction
                yield Case(op, (x,), kwargs, _quiet(getattr(np, op)), f"{dtype} {shape}, {kwargs}")
    for op in POSITIONS:
        for dtype, (shape, axis) in _typed(
            REAL, (((2, 3, 4), None), ((2, 3, 4), -2), ((5,), 0), ((2, 0, 3), -1), ((), None))
        ):
            yield Case(op, (values(shape, dtype),), {"axis": axis}, getattr(np, op), f"{dtype} {shape}, axis={axis}")
    for op in ("cumsum", "cumprod"):
        for dtype, (shape, axis) in _typed(
            ALL, (((2, 3, 4), None), ((2, 3, 2), -2), ((4,), 0), ((2, 0, 3), -1), ((0,), 0))
        ):
            x = values(shape, dtype, -1, 1.5)
            yield Case(op, (x,), {"axis": axis}, getattr(np, op), f"{dtype} {shape}, axis={axis}")


# ---- shapes ----------------------------------------------------------------------------------------------------------

#: op, shape, the other arguments; the reference is NumPy's function of the same name.
SHAPED: tuple[tuple[str, tuple[int, ...], tuple[Any, ...], dict[str, Any]], ...] = (
    ("reshape", (2, 3, 4), ((-1, 6),), {}),
    ("reshape", (2, 0), ((0, 5),), {}),
    ("reshape", (), ((1, 1),), {}),
    ("transpose", (2, 3, 4), (), {}),
    ("transpose", (2, 0, 4), ((2, 0, 1),), {}),
    ("transpose", (2, 3, 4), ((-1, 0, -2),), {}),
    ("expand_dims", (2, 3), (-1,), {}),
    ("expand_dims", (2, 3), ((0, -1),), {}),
    ("expand_dims", (), (0,), {}),
    ("squeeze", (2, 1, 1), (), {}),
    ("squeeze", (1, 0, 1), ((0, -1),), {}),
    ("squeeze", (2, 1), (-1,), {}),
    ("ravel", (2, 3), (), {}),
    ("ravel", (), (), {}),
    ("swapaxes", (2, 3, 4), (-1, 0), {}),
    ("moveaxis", (2, 3, 4), (0, -1), {}),
    ("moveaxis", (2, 3, 0), ((0, 1), (-1, 0)), {}),
    ("flip", (2, 3), (), {}),
    ("flip", (2, 3, 2), ((0, -1),), {}),
    ("flip", (0, 3), (-1,), {}),
    ("roll", (2, 3), (1,), {}),
    ("roll", (2, 3), (-7,), {"axis": -1}),
    ("roll", (0, 3), (1,), {"axis": 0}),
    ("roll", (2, 3), ((1, 2),), {"axis": (0, -1)}),
    ("tile", (2, 3), ((2, 1, 2),), {}),
    ("tile", (2, 3), (2,), {}),
    ("tile", (0, 3), ((2, 0),), {}),
    ("repeat", (2, 3), (2,), {}),
    ("repeat", (2, 3), (2,), {"axis": -1}),
    ("repeat", (2, 3), (0,), {"axis": 0}),
    ("broadcast_to", (3, 1), ((2, 3, 4),), {}),
    ("broadcast_to", (), ((0, 2),), {}),
    ("broadcast_to", (1, 0), ((3, 0),), {}),
    ("pad", (2, 3), (((1, 0), (0, 2)),), {}),
    ("pad", (2, 3), (1,), {}),
    ("pad", (0, 2), (((1, 1), (0, 0)),), {}),
    ("pad", (4, 3), (((1, 2), (1, 1)),), {"mode": "reflect"}),
    ("pad", (2, 3), (((1, 2), (1, 1)),), {"mode": "symmetric"}),
    ("diag", (3,), (), {}),
    ("diag", (3, 4), (-1,), {}),
    ("diag", (0,), (), {}),
    ("diagonal", (2, 3, 4), (), {"axis1": -1, "axis2": 0}),
    ("tril", (3, 4), (-1,), {}),
    ("triu", (2, 3, 4), (1,), {}),
    ("triu", (0, 3), (), {}),
    ("trace", (3, 4), (1,), {}),
    ("rot90", (2, 3), (3,), {}),
    ("rot90", (2, 3, 4), (), {"k": -1, "axes": (-1, 0)}),
    ("fliplr", (2, 3), (), {}),
    ("flipud", (3,), (), {}),
    ("sort", (2, 5), (), {}),
    ("sort", (3, 4), (0,), {}),
    ("sort", (0, 4), (-1,), {}),
    ("diff", (2, 4), (2,), {}),
    ("diff", (3, 2), (1, 0), {}),
    ("take", (3, 4), (np.array([0, -1, 2]),), {"axis": 0}),
    ("take", (3, 4), (np.array([[1], [3]]),), {"axis": -1}),
    ("take", (3, 4), (np.array(5),), {}),
    ("take", (3, 4), (np.zeros((0,), "int32"),), {"axis": 1}),
    ("take_along_axis", (2, 3), (np.array([[0], [-1]]),), {"axis": 1}),
    ("diagflat", (2, 2), (), {}),
    ("copy", (2, 0), (), {}),
    ("zeros_like", (2, 3), (), {}),
    ("ones_like", (), (), {}),
    ("full_like", (0, 3), (2,), {}),
    ("nonzero", (2, 3), (), {}),
    ("append", (2, 3), (np.ones((2, 1), "float32"),), {"axis": -1}),
    ("isin", (2, 3), (np.array([1.0, 2.0], "float32"),), {}),
    ("clip", (2, 3), (0, 2), {}),
    ("vander", (3,), (), {}),
    ("outer", (2, 2), (np.ones((3,), "float32"),), {}),
)
#: Those that NumPy has no order or no such thing for over complex numbers.
REAL_ONLY = frozenset(("sort", "isin", "clip", "vander"))
TYPED_FIRST = frozenset(("append", "isin", "outer"))


def shaped() -> Iterator[Case]:
    """Ops that move elements: all arguments in float32, the first of each op in every dtype."""
    seen: set[str] = set()
    for op, shape, args, kwargs in SHAPED:
        dtypes = ("float32",) if op in seen else REAL if op in REAL_ONLY else ALL
        seen.add(op)
        for dtype in dtypes:
            given = tuple(
                a.astype(numpy_dtype(dtype)) if op in TYPED_FIRST and isinstance(a, np.ndarray) else a for a in args
            )
            yield Case(op, (values(shape, dtype), *given), kwargs, getattr(np, op), f"{dtype} {shape}, {args} {kwargs}")


def joined() -> Iterator[Case]:
    """Ops of sequences of tensors, and those that give several."""
    for op, dtype in itertools.product(("concatenate", "stack"), ALL):
        for shape, axis in (((2, 3), -1), ((2, 0), 0), ((3, 1, 2), 1)) if dtype == "float32" else (((2, 3), -1),):
            parts = [values(shape, dtype), values(shape, dtype, seed=1)]
            yield Case(op, (parts,), {"axis": axis}, getattr(np, op), f"{dtype} {shape}, axis={axis}")
    for op, shape in itertools.product(("hstack", "vstack", "dstack"), ((), (3,), (2, 3), (0, 3), (2, 3, 1))):
        yield Case(op, ([values(shape, "float32")] * 2,), {}, getattr(np, op), f"float32 {shape}")
    for op, dtype in itertools.product(("split", "array_split"), ("float32", "bool", "int8", "uint32", "complex64")):
        for sections, axis in ((2, -1), ([1, 3], 1), ([0, 2], 0)):
            yield Case(
                op, (values((3, 4), dtype), sections), {"axis": axis}, getattr(np, op), f"{dtype} {sections}, {axis}"
            )
    for dtype in ALL:
        x, y = values((2, 3), dtype), values((3,), dtype, seed=1)
        yield Case("where", (x > y if dtype != "complex64" else x == y, x, y), {}, np.where, dtype)


# ---- products --------------------------------------------------------------------------------------------------------

PRODUCTS = (
    ("matmul", (2, 3), (3, 4)),
    ("matmul", (3,), (3,)),
    ("matmul", (2, 1, 2, 3), (4, 3, 2)),
    ("matmul", (2, 0), (0, 3)),
    ("matmul", (0, 3), (3, 2)),
    ("matmul", (3,), (2, 3, 4)),
    ("matmul", (2, 3), (3,)),
    ("dot", (2, 3), (3,)),
    ("dot", (), (2, 3)),
    ("dot", (2, 3), (4, 3, 2)),
    ("dot", (0,), (0,)),
    ("inner", (2, 3), (4, 3)),
    ("inner", (), (3,)),
    ("outer", (2, 2), (3,)),
    ("outer", (0,), (3,)),
    ("vdot", (2, 3), (2, 3)),
    ("kron", (2, 2), (1, 3)),
    ("tensordot", (2, 3, 4), (3, 4, 2)),
    ("cross", (2, 3), (3,)),
)


def products() -> Iterator[Case]:
    """Products of vectors and matrices."""
    seen: set[str] = set()
    for op, left, right in PRODUCTS:
        dtypes = ("float32",) if op in seen else ALL if op not in ("cross",) else REAL[1:]
        seen.add(op)
        for dtype in dtypes:
            x, y = values(left, dtype, -1, 1.5), values(right, dtype, -1, 1.5, seed=1)
            yield Case(op, (x, y), {}, getattr(np, op), f"{dtype} {left}, {right}")


def casts() -> Iterator[Case]:
    """Every dtype to every other, float8 included; values that all hold."""
    for first, second in itertools.product((*ALL, "float8_e4m3fn", "float8_e5m2"), repeat=2):
        if first == "complex64" != second:
            continue
        source = getattr(ml_dtypes, first, None) or numpy_dtype(first)
        x = np.array([[0, 1, 2], [1, 0, 1]]).astype(source).T
        yield Case(
            "cast", (x, second), {}, lambda x, _: np.asarray(x) if _ != "bool" else x != 0, f"{first} to {second}"
        )


# ---- what a result is held against -----------------------------------------------------------------------------------


def difference(actual: np.ndarray, expected: Any, dtype: str, slack: float = 1.0) -> str | None:
    """What is wrong with a result, or None.

    Integers and truth values are compared exactly, modulo the width of the dtype; others within its precision, relative to
    the value and, for sums in which terms cancel, to 1.
    """
    expected = np.asarray(expected)
    if actual.shape != expected.shape:
        return f"shape {actual.shape}, expected {expected.shape}"
    if actual.dtype.kind in "iub":
        with np.errstate(all="ignore"):
            wrapped = expected.astype("int64" if expected.dtype.kind in "fb" else expected.dtype).astype(actual.dtype)
        equal = np.array_equal(actual, wrapped)
        return None if equal else f"{actual.ravel()[:6]}, expected {wrapped.ravel()[:6]}"
    wide = "complex128" if actual.dtype.kind == "c" else "float64"
    a, e = actual.astype(wide), expected.astype(wide)
    tolerance = slack * TOLERANCE.get(dtype, 2e-6)
    close = np.allclose(a, e, rtol=tolerance, atol=tolerance, equal_nan=True)
    return None if close else f"{a.ravel()[:6]}, expected {e.ravel()[:6]}"
