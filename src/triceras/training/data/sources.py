"""What a user passes as data, as a source of batches."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Backend
from triceras.training.data.array_source import ArraySource
from triceras.training.data.batch_sources import IndexedSource, IteratorSource
from triceras.training.data.batches import is_array_like
from triceras.training.data.tables import parts_of_table

Source = ArraySource | IteratorSource | IndexedSource


def make_source(
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    batch_size: int | None,
    shuffle: bool,
    class_weight: Any,
    backend: Backend,
) -> Source:
    """The source for what a user passed as data.

    Raises:
        ValueError: the arguments don't go together.
    """
    if x is None:
        raise ValueError("There is no data: x is None.")
    if isinstance(x, Source):
        return x
    x, y, sample_weight = parts_of_table(x, y, sample_weight, batch_size)
    if is_array_like(x):
        return ArraySource(
            x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, class_weight=class_weight, backend=backend
        )
    indexed = hasattr(x, "num_batches") and hasattr(x, "__getitem__")
    if not indexed and not hasattr(x, "__iter__"):
        raise ValueError(
            f"Can't read data from {type(x).__name__}. Expected arrays, tensors, a table, a PyDataset, or an iterable of "
            "batches."
        )
    if y is not None or sample_weight is not None:
        raise ValueError("y and sample_weight come out of the batches where x is an iterable; pass x alone.")
    if indexed:
        return IndexedSource(x, shuffle=shuffle, class_weight=class_weight, backend=backend)
    return IteratorSource(x, class_weight=class_weight, backend=backend)
