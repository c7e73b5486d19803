"""Arrays that stay where they are, on a disk or in a library's own memory; the rows of a batch are read from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.backends.base import Backend
from triceras.core import dtypes, settings


class HostRows:
    """An array outside of the device, of which the rows of each batch are read when they are needed.

    Args:
        array: a memory map, a data set of h5py or zarr, or anything with ``shape`` and ``dtype`` that a slice or an ascending
            array of row numbers indexes.
        start, stop: the rows it has of that; all by default.

    Example:
        >>> from triceras.training.data.host_rows import HostRows
        >>> HostRows(np.arange(6.0).reshape(3, 2)).read(np.array([2, 0])).tolist()
        [[4.0, 5.0], [0.0, 1.0]]
    """

    def __init__(self, array: Any, start: int = 0, stop: int | None = None) -> None:
        self._array = array
        self._start = start
        self.shape = ((int(array.shape[0]) if stop is None else stop) - start, *(int(n) for n in array.shape[1:]))
        self.dtype = np.dtype(array.dtype)
        name = dtypes.standardize_dtype(self.dtype)
        if name in dtypes.FLOATS and name != settings.floatx():
            self.dtype = dtypes.numpy_dtype(settings.floatx())

    def __getitem__(self, rows: slice) -> HostRows:
        start, stop, step = rows.indices(self.shape[0])
        if step != 1:
            raise ValueError(f"Rows outside of memory are cut in one piece: expected a step of 1, received {step}.")
        return HostRows(self._array, self._start + start, self._start + max(start, stop))

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The rows of some numbers, in their order; the disk sees them in ascending order."""
        rows = np.asarray(rows, np.int64) + self._start
        if len(rows) and (np.diff(rows) == 1).all():
            found = np.asarray(self._array[int(rows[0]) : int(rows[-1]) + 1])
        else:
            order = np.argsort(rows, kind="stable")
            ascending = np.asarray(self._array[rows[order]])
            found = np.empty_like(ascending)
            found[order] = ascending
        return found.astype(self.dtype, copy=False)

    def tensor(self, rows: np.ndarray, backend: Backend) -> Any:
        """The same, on the device."""
        return backend.to_device(self.read(rows))


def reads_rows(x: Any) -> bool:
    """Whether an array stays where it is: a memory map, or an array of a library that reads parts of it on demand."""
    if isinstance(x, np.memmap):
        return True
    return not isinstance(x, np.ndarray | np.generic) and all(
        hasattr(x, name) for name in ("__array__", "__getitem__", "shape", "dtype")
    )
