"""An array in a file, which is read when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.core import dtypes


class StoredTensor:
    """An array in a file: its shape and dtype are known, its elements are read by ``numpy()``, each time anew.

    Args:
        shape: its shape.
        dtype: the name of its dtype.
        read: reads it.

    Example:
        >>> tensor = StoredTensor((2,), "float32", lambda: np.ones(2, "float32"))
        >>> tensor, tensor.nbytes, tensor.numpy()
        (<float32 of shape (2,)>, 8, array([1., 1.], dtype=float32))
    """

    def __init__(self, shape: tuple[int, ...], dtype: str, read: Callable[[], np.ndarray]) -> None:
        self.shape = shape
        self.dtype = self.stored_dtype = dtype
        self.numpy = read
        #: What has to stay open for it, if anything.
        self.source: Any = None

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        known = self.dtype in dtypes.ALLOWED - {"string"}
        return self.size * (dtypes.numpy_dtype(self.dtype) if known else np.dtype(self.dtype)).itemsize

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        return f"<{self.dtype} of shape {self.shape}>"
