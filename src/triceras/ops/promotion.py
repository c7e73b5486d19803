"""How the dtypes of an op's tensors come together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from triceras.core import dtypes, settings

#: The dtype to compute in, from what ``weak_type`` gives for each tensor.
Promotion = Callable[[Sequence[Any]], str]
_NUMBERS = (bool, int, float, complex)


def weak_type(x: Any) -> Any:
    """What an input counts as in promotion: a Python type for numbers, else its dtype.

    NumPy's scalars of 64 bits count as numbers: ``x * np.sqrt(2)`` keeps the dtype of ``x``.
    """
    if isinstance(x, _NUMBERS):
        return next(kind for kind in _NUMBERS if isinstance(x, kind))
    if type(x) is np.int64:
        return int
    return dtypes.standardize_dtype(x.dtype) if hasattr(x, "dtype") else float


def join(types: Sequence[Any]) -> str:
    """The lowest dtype above all inputs."""
    return dtypes.result_type(*types)


def join_float(types: Sequence[Any]) -> str:
    """The same, floating: integers and booleans become ``config.floatx()``."""
    joined = dtypes.result_type(*types)
    if joined in dtypes.FLOATS or joined in dtypes.COMPLEX:
        return joined
    return settings.floatx() if joined == "int64" else dtypes.result_type(joined, float)


def join_accumulator(types: Sequence[Any]) -> str:
    """The same, with small integers and booleans widened to 32 bits, as sums and products need."""
    joined = dtypes.result_type(*types)
    if joined in ("bool", "int8", "int16"):
        return "int32"
    return "uint32" if joined in ("uint8", "uint16") else joined


def join_number(types: Sequence[Any]) -> str:
    """The same, with booleans as int32 where a result of theirs is a number."""
    joined = dtypes.result_type(*types)
    return "int32" if joined == "bool" else joined


PROMOTIONS: dict[str, Promotion] = {
    "join": join,
    "number": join_number,
    "float": join_float,
    "accumulator": join_accumulator,
}
