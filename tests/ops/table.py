"""What a row of the op tables says, and the arrays rows are made of."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

FLOATS = ("float32", "bfloat16", "float16")
NUMBERS = ("float32", "int32", "bfloat16", "int8", "uint8")
INTEGERS = ("int32", "int8", "uint8")
TOLERANCE = {"bfloat16": 2e-2, "float16": 3e-3}


@dataclasses.dataclass(eq=False)
class Row:
    """One call of an op.

    Floating arrays among the arguments take each of the dtypes in turn, other arrays keep theirs; whatever isn't an
    array is passed as it is.
    """

    op: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: The same in NumPy, over float64 arrays; None compares the backends with one another only.
    reference: Callable[..., Any] | None = None
    dtypes: tuple[str, ...] = ("float32",)
    differentiable: bool = False
    tolerance: float = 1e-6
    #: Whether it can be called on symbolic tensors; whether with an unknown first size.
    symbolic: bool = True
    unknown: bool = True
    #: Whether it can be compiled: not where the result's shape depends on values.
    compiled: bool = True
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.op


def row(op: str, *args: Any, **options: Any) -> Row:
    """A row; the options that ``Row`` doesn't know are keyword arguments of the op."""
    known = {field.name for field in dataclasses.fields(Row)} - {"op", "args", "kwargs"}
    kwargs = {name: value for name, value in options.items() if name not in known}
    return Row(op, args, kwargs, **{name: value for name, value in options.items() if name in known})


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, the same ones for the same shape and seed; exact in float16, so that dtypes can be compared."""
    generator = np.random.default_rng([zlib.crc32(repr(shape).encode()), seed])
    return generator.standard_normal(shape).astype(np.float16).astype(np.float64)


def uniform(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Uniform numbers, without any within 0.01 of the ends."""
    generator = np.random.default_rng([zlib.crc32(repr(shape).encode()), seed])
    return generator.uniform(low + 0.01, high - 0.01, shape).astype(np.float16).astype(np.float64)


def integers(low: int, high: int, *shape: int, seed: int = 0, dtype: str = "int32") -> np.ndarray:
    """Integers from ``low`` up to, but without, ``high``."""
    generator = np.random.default_rng([zlib.crc32(repr(shape).encode()), seed])
    return generator.integers(low, high, shape).astype(dtype)


def booleans(*shape: int, seed: int = 0) -> np.ndarray:
    """True and False."""
    return integers(0, 2, *shape, seed=seed).astype(bool)
