"""Arrays as data: on the device where they fit, else read row by row from where they are."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from triceras import tree
from triceras.backends.base import Backend
from triceras.training.data.batches import Layout, as_arrays, with_class_weight
from triceras.training.data.host_rows import HostRows
from triceras.training.data.order import Numbers, Order
from triceras.training.data.prefetch import Handed, handed_over
from triceras.training.data.sparse_rows import SparseRows

_ON_HOST = (SparseRows, HostRows)
_BATCHES_NUMBERED = 256


class ArraySource:
    """Arrays or tensors of equal length, in batches.

    They lie on the device as a whole; an epoch is a matrix of row numbers, and batches are gathered there. Memory maps, arrays
    larger than half of the free memory and sparse ones stay on the host, where a thread reads the rows of each batch ahead.

    Args:
        x, y, sample_weight: structures of arrays.
        batch_size: rows in a batch.
        shuffle: whether each epoch has an order of its own.
        class_weight: class -> weight, for one output.
        backend: where it trains.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int | None = None,
        shuffle: bool = False,
        class_weight: dict[int, float] | None = None,
        backend: Backend,
    ) -> None:
        self.batch = as_arrays((x, y, sample_weight))
        self.backend = backend
        self.batch_size = _checked_batch_size(batch_size)
        if class_weight is not None:
            self.batch = with_class_weight(self.batch, class_weight)
        self.layout = Layout(self.batch)
        arrays = self.layout.flatten(self.batch)
        self.rows = _common_length(self.batch, arrays)
        size = sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
        #: Whether the device can gather batches itself.
        self.on_device = size <= backend.free_memory() // 2 and not any(isinstance(a, _ON_HOST) for a in arrays)
        self.arrays = [self._placed(a) for a in arrays]
        self.steps = -(-self.rows // self.batch_size)
        self._order = Order(shuffle)

    def _placed(self, array: Any) -> Any:
        if isinstance(array, _ON_HOST):
            return array
        return (
            HostRows(array) if isinstance(array, np.ndarray) and not self.on_device else self.backend.to_device(array)
        )

    def order(self) -> Numbers:
        """The row numbers of the next epoch."""
        return self._order.next(self.rows)

    def get_state(self) -> dict[str, int]:
        """What decides the order of the epochs to come."""
        return self._order.get_state()

    def set_state(self, state: dict[str, int]) -> None:
        """Go on with the epochs that were to come when ``get_state`` returned it."""
        self._order.set_state(state)

    def head(self, count: int) -> ArraySource:
        """A source of its first batches, in the order of the arrays."""
        first = tree.map_structure(lambda a: None if a is None else a[: count * self.batch_size], self.batch)
        return ArraySource(*first, batch_size=self.batch_size, backend=self.backend)

    def first_batch(self) -> Any:
        """A batch like those to come."""
        return self.layout.unflatten(self._span(0, self.batch_size))

    def batches(
        self, done: int = 0, limit: int | None = None, together: int | None = 1
    ) -> Generator[Handed, None, None]:
        """The batches of the next epoch on the device, from the one after those done up to a number of them.

        Args:
            done, limit: how many are passed over, and after how many it ends.
            together: how many may be handed over at once; None for as many as pay.
        """
        order = self.order()
        size = self.batch_size
        starts = range(done * size, self.rows, size)[: None if limit is None else max(limit - done, 0)]
        if not self.on_device:
            arrays = [a for a in self.arrays if isinstance(a, HostRows)]
            pattern = tuple(((size, *a.shape[1:]), a.dtype) for a in arrays)
            whole = pattern if len(arrays) == len(self.arrays) else None
            read = map(self._read, self._row_batches(order, starts))
            yield from handed_over(read, whole, self.backend, together, "the arrays given as data")
            return
        if not self._order.shuffle:
            yield from (Handed(self._span(start, start + size), None, 1) for start in starts)
            return
        yield from (Handed(self.gather(rows), None, 1) for rows in self._row_batches(order, starts))

    def _row_batches(self, order: Numbers, starts: range) -> Iterator[np.ndarray]:
        """The row numbers of the batches that begin at some places of an order, of which many are made at a time."""
        for first in range(0, len(starts), _BATCHES_NUMBERED):
            some = starts[first : first + _BATCHES_NUMBERED]
            rows = order[some[0] : some[-1] + self.batch_size]
            yield from (rows[i : i + self.batch_size] for i in range(0, len(rows), self.batch_size))

    def _read(self, rows: np.ndarray) -> list[Any]:
        """A batch of rows on the host; on the device what is sparse or lies there."""
        return [a.read(rows) if isinstance(a, HostRows) else self._taken(a, rows) for a in self.arrays]

    def gather(self, rows: np.ndarray) -> list[Any]:
        """The tensors of a batch of rows."""
        return [self._taken(a, rows) for a in self.arrays]

    def _taken(self, array: Any, rows: np.ndarray) -> Any:
        if isinstance(array, _ON_HOST):
            return array.tensor(rows, self.backend)
        return self.backend.table["take"](array, self.backend.convert_to_tensor(rows), axis=0)

    def _span(self, start: int, stop: int) -> list[Any]:
        """The tensors of rows that follow one another."""
        stop = min(stop, self.rows)
        whole = start == 0 and stop == self.rows
        return [
            a.tensor(np.arange(start, stop), self.backend) if isinstance(a, _ON_HOST) else a if whole else a[start:stop]
            for a in self.arrays
        ]

    def whole(self) -> list[Any]:
        """The tensors of all rows."""
        return self._span(0, self.rows)

    def close(self) -> None:
        """Nothing to let go of."""


def _checked_batch_size(batch_size: Any) -> int:
    if batch_size is None:
        return 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size is a positive integer, received {batch_size!r}.")
    return int(batch_size)


def _common_length(batch: Any, arrays: list[Any]) -> int:
    """The number of rows that all arrays have.

    Raises:
        ValueError: they differ, or there are none.
    """
    if not arrays:
        raise ValueError("There is no data: every part of it is None.")
    if any(not len(a.shape) for a in arrays):
        raise ValueError("The data holds a scalar; every array needs a first axis of samples.")
    lengths = {int(a.shape[0]) for a in arrays}
    if len(lengths) > 1:
        sizes = tree.map_structure(lambda a: None if a is None else int(a.shape[0]), batch)
        raise ValueError(
            f"The arrays have different numbers of samples: x: {sizes[0]}, y: {sizes[1]}, sample_weight: {sizes[2]}."
        )
    rows = lengths.pop()
    if rows == 0:
        raise ValueError("The data set is empty: its arrays have no rows.")
    return rows
