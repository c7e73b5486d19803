"""Linear algebra, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.backends.numpy.elementwise import in_float32


def _matmul(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    return np.matmul(x1, x2, dtype=np.int32) if x1.dtype == np.int8 else np.matmul(x1, x2)


def _einsum(operands: Sequence[Any], subscripts: str) -> np.ndarray:
    return _einsum_first(operands[0], operands[1:], subscripts)


@in_float32
def _einsum_first(x: np.ndarray, rest: Sequence[Any], subscripts: str) -> np.ndarray:
    return np.einsum(subscripts, x, *rest, optimize=len(rest) > 1)


TABLE = {
    "matmul": in_float32(_matmul),
    "tensordot": in_float32(lambda x1, x2, axes=2: np.tensordot(x1, x2, axes)),
    "einsum_of": _einsum,
}
