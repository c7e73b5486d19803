"""New arrays, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core.dtypes import numpy_dtype
from triceras.core.settings import floatx


def _filled(fill_value: Any, shape: Any, dtype: Any = None) -> np.ndarray:
    return np.full(shape, fill_value, numpy_dtype(dtype))


def _like(x: np.ndarray, dtype: Any) -> np.dtype:
    return x.dtype if dtype is None else numpy_dtype(dtype)


def _arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> np.ndarray:
    start, stop = (0, start) if stop is None else (start, stop)
    x = np.arange(start, stop, 1 if step is None else step)
    if dtype is not None:
        return x.astype(numpy_dtype(dtype))
    typed = any(hasattr(v, "dtype") for v in (start, stop, step))
    return x if typed else x.astype(numpy_dtype("int32" if x.dtype.kind == "i" else floatx()))


TABLE = {
    "zeros": lambda shape, dtype=None: np.zeros(shape, numpy_dtype(dtype)),
    "ones": lambda shape, dtype=None: np.ones(shape, numpy_dtype(dtype)),
    "empty": lambda shape, dtype=None: np.empty(shape, numpy_dtype(dtype)),
    "filled": _filled,
    "zeros_like": lambda x, dtype=None: np.zeros(x.shape, _like(x, dtype)),
    "ones_like": lambda x, dtype=None: np.ones(x.shape, _like(x, dtype)),
    "full_like": lambda x, fill_value, dtype=None: np.full(x.shape, fill_value, _like(x, dtype)),
    "arange": _arange,
}
