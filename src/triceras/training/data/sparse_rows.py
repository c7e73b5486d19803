"""Rows of a sparse tensor on the host, from which batches are cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core import dtypes, settings


class SparseRows:
    """A sparse tensor sorted by rows, so that any of them are at hand without the others and nothing is made dense.

    Args:
        places: ``(count, axes)``, ascending and each once.
        values: ``(count,)``.
        shape: the shape, rows first.

    Example:
        >>> from triceras.backends import registry
        >>> from triceras.training.data.sparse_rows import SparseRows
        >>> rows = SparseRows(np.array([[0, 1], [2, 0]]), np.array([5.0, 7.0]), (3, 2))
        >>> convert_to_numpy(rows.tensor(np.array([2, 1]), registry.get_backend("jax"))).tolist()
        [[7.0, 0.0], [0.0, 0.0]]
    """

    def __init__(self, places: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = values.dtype
        self._places = places
        self._values = values
        self._starts = np.searchsorted(places[:, 0], np.arange(shape[0] + 1))
        self._largest: dict[int, int] = {}

    @classmethod
    def of(cls, x: Any) -> SparseRows:
        """The rows of a native sparse tensor or a matrix of SciPy; floats in ``config.floatx()``."""
        places, values, shape = registry.sparse_parts(x)
        name = dtypes.standardize_dtype(values.dtype)
        if name in dtypes.FLOATS and name != settings.floatx():
            values = values.astype(dtypes.numpy_dtype(settings.floatx()))
        return cls(places, values, shape)

    def __getitem__(self, rows: slice) -> SparseRows:
        return SparseRows(*self._taken(np.arange(self.shape[0])[rows]))

    def tensor(self, rows: np.ndarray, backend: Backend) -> Any:
        """A native sparse tensor of some rows, in the order given."""
        places, values, shape = self._taken(rows)
        return backend.new_sparse(places, values, shape, capacity=self._capacity(len(values), len(rows)))

    def _taken(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        first = self._starts[rows]
        counts = self._starts[rows + 1] - first
        before = np.cumsum(counts) - counts
        chosen = np.repeat(first - before, counts) + np.arange(counts.sum())
        places = self._places[chosen]
        places[:, 0] = np.repeat(np.arange(len(rows)), counts)
        return places, self._values[chosen], (len(rows), *self.shape[1:])

    def _capacity(self, count: int, rows: int) -> int:
        """Room for a batch: a power of two, so that few programs are compiled, but no more than the fullest rows need."""
        largest = self._largest.get(rows)
        if largest is None:
            counts = np.sort(np.diff(self._starts))[-rows:] if rows else np.zeros(0, np.int64)
            largest = self._largest[rows] = int(counts.sum())
        return max(min(1 << max(count - 1, 0).bit_length(), largest), count, 1)
