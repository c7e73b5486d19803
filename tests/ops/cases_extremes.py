"""Cases of integers at the ends of their dtypes, where wrapping and detours by other dtypes show."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.ops.cases import INTEGERS, Case, Reference

UNARY = "negative square bitwise_not sign signbit abs relu sort argsort argmax argmin max min sum prod cumsum cumprod"
BINARY = (
    "add subtract multiply maximum minimum fmax fmin less less_equal greater greater_equal equal not_equal "
    "floor_divide mod fmod bitwise_and bitwise_or bitwise_xor gcd"
)
#: The second argument where it isn't another large number.
SECOND: dict[str, tuple[int, ...]] = {
    "power": (0, 1, 2, 3, 100),
    "lcm": (1, 2, 3, 1, 2),
    "left_shift": (0, 1, 2, 3, 4),
    "right_shift": (0, 1, 2, 3, 4),
}
_REFERENCES: dict[str, Reference] = {
    "relu": lambda x: np.maximum(x, 0),
    "argsort": functools.partial(np.argsort, kind="stable"),
}


def large(dtype: str) -> np.ndarray:
    """The largest number of a dtype, one more than half of it, and some below."""
    high = int(np.iinfo(dtype).max)
    return np.array([high, high // 2 + 1, high - 1, high // 3, 5], dtype)


def divisors(dtype: str) -> np.ndarray:
    """Large numbers in another order, none zero."""
    high = int(np.iinfo(dtype).max)
    return np.array([high - 1, high, 3, high // 2 + 2, high // 5], dtype)


def lowest(dtype: str) -> np.ndarray:
    """The same with the lowest number of the dtype and its neighbour."""
    low = int(np.iinfo(dtype).min)
    return np.concatenate([large(dtype), np.array([low, low + 1], dtype)])


def in_dtype(op: str) -> Callable[..., Any]:
    """NumPy's function of the name, its result in the dtype that came in: sums wrap as the dtype does."""
    return _REFERENCES.get(op) or getattr(np, op)


def extremes() -> Iterator[Case]:
    """All integer dtypes at their ends."""
    for dtype in INTEGERS:
        for op in UNARY.split():
            axis = {"axis": 0} if op in ("cumsum", "cumprod") else {}
            yield Case(op, (lowest(dtype),), axis, in_dtype(op), f"{dtype} at its ends")
        for op in BINARY.split():
            yield Case(op, (large(dtype), divisors(dtype)), {}, in_dtype(op), f"{dtype} at its ends")
        for op, second in SECOND.items():
            yield Case(op, (large(dtype), np.array(second, dtype)), {}, in_dtype(op), f"{dtype} at its ends")
        if dtype.startswith("uint"):
            yield Case("power", (large(dtype), divisors(dtype)), {}, np.power, f"{dtype} at its ends")
        bounds = (np.array(3, dtype), large(dtype)[1])
        yield Case("clip", (lowest(dtype), *bounds), {}, np.clip, f"{dtype} at its ends")
        yield Case("cast", (lowest(dtype), "float32"), {}, lambda x, _: x.astype("float32"), f"{dtype} to float32")
        for other in INTEGERS:
            yield Case(
                "cast", (lowest(dtype), other), {}, lambda x, to: x.astype(to), f"{dtype} to {other} at its ends"
            )
