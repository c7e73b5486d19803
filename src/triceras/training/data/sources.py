"""Sources of batches ``(x, y, sample_weight)``: arrays, and anything that yields batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from triceras import tree
from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core import dtypes, settings
from triceras.random.seed import make_default_seed
from triceras.training.data.sparse_rows import SparseRows

#: What nested lists of data hold.
_PLAIN = (int, float, complex, str, bytes, np.generic)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """What a batch holds: ``x``, ``y`` and sample weights, None for what it lacks.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"A batch is (x,), (x, y) or (x, y, sample_weight), received a tuple of {len(data)}.")
    return tuple(itertools.islice(itertools.chain(data, (None, None)), 3))  # type: ignore[return-value]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The batch of what there is, the inverse of ``unpack_x_y_sample_weight``."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if tree.is_nested(x) else x


class Layout:
    """Where the tensors of a batch stand in ``(x, y, sample_weight)``; batches are flat lists between host and step."""

    def __init__(self, batch: Any) -> None:
        leaves = tree.flatten(batch)
        self._template = tree.map_structure(lambda x: None, batch)
        self._present = [leaf is not None for leaf in leaves]
        self.key = str(tree.map_structure(_kind, batch))

    def flatten(self, batch: Any) -> list[Any]:
        """The tensors of a batch.

        Raises:
            ValueError: the batch holds other parts than the first one did.
        """
        leaves = tree.flatten(batch)
        if [leaf is not None for leaf in leaves] != self._present:
            raise ValueError(
                f"The batches change their structure: expected {len(self._present)} parts, present {self._present}, received "
                f"{len(leaves)}, present {[leaf is not None for leaf in leaves]}."
            )
        return [leaf for leaf in leaves if leaf is not None]

    def unflatten(self, tensors: list[Any]) -> Any:
        """The batch of some tensors."""
        given = iter(tensors)
        return tree.pack_sequence_as(self._template, [next(given) if here else None for here in self._present])


def _kind(x: Any) -> str | None:
    """What steps are compiled for: a dense tensor, a sparse one, or none."""
    if x is None:
        return None
    return "sparse" if isinstance(x, SparseRows) or registry.is_sparse(x) else "dense"


def as_array(x: Any) -> Any:
    """An array, native tensor or sparse rows of something that holds data; floating host data in ``config.floatx()``."""
    if isinstance(x, SparseRows):
        return x
    if registry.is_sparse(x):
        return SparseRows.of(x)
    if registry.owner_of(x) is not None:
        return x.value if isinstance(x, registry.StateHolder) else x
    if hasattr(x, "to_numpy"):  # pandas and polars, without importing either
        x = x.to_numpy()
    x = np.asarray(x)
    if x.dtype == object:
        raise ValueError(
            "Data of dtype object can't be trained on; received an array of Python objects. Convert it to numbers, or pad "
            "rows of different lengths."
        )
    name = dtypes.standardize_dtype(x.dtype)
    if name in dtypes.FLOATS and name != settings.floatx():
        x = x.astype(dtypes.numpy_dtype(settings.floatx()))
    return x


def lists_as_arrays(data: Any) -> Any:
    """Data in which nested lists of numbers or strings are arrays; lists of arrays, tensors and such lists stay structures.

    Raises:
        ValueError: the rows of such a list have different lengths.

    Example:
        >>> lists_as_arrays({"a": [[1.0, 2.0], [3.0, 4.0]]})["a"].shape
        (2, 2)
    """
    if isinstance(data, dict):
        return {key: lists_as_arrays(value) for key, value in data.items()}
    if type(data) not in (list, tuple):
        return data
    if not all(isinstance(leaf, _PLAIN) for leaf in tree.flatten(data)):
        return type(data)(lists_as_arrays(value) for value in data)
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(
            f"A nested list of numbers given as data is no array: expected rows of one length, received {error}. Pad the rows, "
            "or give a list of arrays for a model with several inputs."
        ) from error


def _as_arrays(batch: Any) -> Any:
    """``(x, y, sample_weight)`` with an array or a tensor for whatever holds data."""
    parts = tuple(lists_as_arrays(part) for part in batch)
    return tree.map_structure(lambda a: None if a is None else as_array(a), parts)


def weights_by_class(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """The weight of each sample by its class; one-hot targets are read along their last axis."""
    labels = registry.owner_of(y).to_numpy(y) if registry.owner_of(y) else np.asarray(y)
    if labels.ndim > 1:
        labels = labels.argmax(-1) if labels.shape[-1] > 1 else labels[..., 0]
    labels = np.round(labels).astype(np.int64)
    weights = np.ones(labels.shape, np.float32)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights


class ArraySource:
    """Arrays or tensors of equal length, in batches.

    They lie on the device as a whole; an epoch is a matrix of row numbers, and batches are gathered there. Sparse ones lie
    on the host, and the rows of a batch are cut from them there.

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
        self.batch = _as_arrays((x, y, sample_weight))
        self.backend = backend
        self.batch_size = _checked_batch_size(batch_size)
        self.shuffle = shuffle
        if class_weight is not None:
            self.batch = _with_class_weight(self.batch, class_weight)
        self.layout = Layout(self.batch)
        arrays = self.layout.flatten(self.batch)
        self.rows = _common_length(self.batch, arrays)
        self.arrays = [a if isinstance(a, SparseRows) else backend.convert_to_tensor(a) for a in arrays]
        #: Whether the device can gather batches itself.
        self.on_device = not any(isinstance(a, SparseRows) for a in arrays)
        self.steps = -(-self.rows // self.batch_size)
        self._seed = make_default_seed() if shuffle else 0
        self._epoch = 0

    def order(self) -> np.ndarray:
        """The row numbers of the next epoch, int32."""
        rows = np.arange(self.rows, dtype=np.int32)
        if not self.shuffle:
            return rows
        words = registry.get_backend("numpy").table["random_words"]((self._seed, self._epoch), (self.rows,))
        self._epoch += 1
        return np.argsort(words, kind="stable").astype(np.int32)

    def get_state(self) -> dict[str, int]:
        """What decides the order of the epochs to come."""
        return {"seed": self._seed, "epoch": self._epoch}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on with the epochs that were to come when ``get_state`` returned it."""
        self._seed, self._epoch = state["seed"], state["epoch"]

    def first_batch(self) -> Any:
        """A batch like those to come."""
        size = min(self.batch_size, self.rows)
        return self.layout.unflatten(self.span(0, size))

    def gather(self, rows: np.ndarray) -> list[Any]:
        """The tensors of a batch of rows."""
        index, take = self.backend.convert_to_tensor(rows), self.backend.table["take"]
        return [
            a.tensor(rows, self.backend) if isinstance(a, SparseRows) else take(a, index, axis=0) for a in self.arrays
        ]

    def span(self, start: int, stop: int) -> list[Any]:
        """The tensors of rows that follow one another."""
        stop = min(stop, self.rows)
        whole = start == 0 and stop == self.rows
        return [
            a.tensor(np.arange(start, stop), self.backend)
            if isinstance(a, SparseRows)
            else a
            if whole
            else a[start:stop]
            for a in self.arrays
        ]


class IteratorSource:
    """Batches from a generator, an iterator or anything iterable.

    Args:
        batches: yields ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.
        class_weight: class -> weight.
        backend: where it trains.
    """

    def __init__(self, batches: Any, *, class_weight: dict[int, float] | None = None, backend: Backend) -> None:
        self._batches = batches
        self._class_weight = class_weight
        self.backend = backend
        self._iterator: Iterator[Any] | None = None
        self._peeked: list[Any] = []
        self._drawn = 0
        #: Called with the targets of each batch before they go to the device.
        self.check: Callable[[Any], None] | None = None
        first = next(self._begin(), None)
        if first is None:
            raise ValueError("The data set is empty: it yielded no batch.")
        self._peeked = [first]
        self.layout = Layout(first)
        self.steps = len(batches) if hasattr(batches, "__len__") else None

    def _begin(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator = map(self._read, iter(self._batches))
        return self._iterator

    def _read(self, item: Any) -> Any:
        batch = _as_arrays(unpack_x_y_sample_weight(item))
        return batch if self._class_weight is None else _with_class_weight(batch, self._class_weight)

    def first_batch(self) -> Any:
        """A batch like those to come."""
        batch = self._peeked[0] if self._peeked else next(self._begin())
        tensors = self._tensors(batch)
        return self.layout.unflatten(tensors)

    def _tensors(self, batch: Any) -> list[Any]:
        return [
            a.tensor(np.arange(a.shape[0]), self.backend)
            if isinstance(a, SparseRows)
            else self.backend.convert_to_tensor(a)
            for a in self.layout.flatten(batch)
        ]

    def __iter__(self) -> Iterator[list[Any]]:
        """The batches left, each a flat list of tensors; a source that can begin again does."""
        peeked, self._peeked = self._peeked, []
        for batch in itertools.chain(peeked, self._begin()):
            if self.check is not None:
                self.check(batch[1])
            self._drawn += 1
            yield self._tensors(batch)
        self._iterator, self._drawn = None, 0

    def get_state(self) -> dict[str, int]:
        """How many batches were taken since the iterable began."""
        return {"drawn": self._drawn}

    def set_state(self, state: dict[str, int]) -> None:
        """Pass over the batches that were taken when ``get_state`` returned it.

        Raises:
            ValueError: there are fewer.
        """
        drawn = state["drawn"]
        passed = sum(1 for _ in itertools.islice(itertools.chain(self._peeked, self._begin()), drawn))
        if passed < drawn:
            raise ValueError(
                f"The data ended early: expected the {drawn} batches that were trained on before, received {passed}. Give the "
                "same data to go on."
            )
        self._peeked = [] if drawn else self._peeked
        self._drawn = drawn

    @property
    def restarts(self) -> bool:
        """Whether it can be read again from its beginning."""
        return iter(self._batches) is not self._batches


def _with_class_weight(batch: Any, class_weight: dict[int, float]) -> Any:
    x, y, sample_weight = batch
    if tree.is_nested(y):
        raise ValueError("class_weight is for models with one output; use sample_weight for several.")
    if sample_weight is not None:
        raise ValueError("Pass class_weight or sample_weight, not both.")
    return x, y, weights_by_class(y, class_weight)


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


def is_array_like(x: Any) -> bool:
    """Whether a value is data as a whole rather than a source of batches."""
    leaves = tree.flatten(x)
    return not isinstance(x, str | bytes) and all(
        leaf is None
        or registry.owner_of(leaf) is not None
        or hasattr(leaf, "__array__")
        or isinstance(leaf, (*_PLAIN, SparseRows))
        or registry.is_sparse(leaf)
        for leaf in leaves
    )


def train_validation_split(arrays: Any, validation_split: float) -> tuple[Any, Any]:
    """Arrays cut in two, the last share of rows for validation.

    Raises:
        ValueError: a part would be empty.
    """
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split lies between 0 and 1, received {validation_split!r}.")
    arrays = _as_arrays(arrays)
    rows = int(next(a for a in tree.flatten(arrays) if a is not None).shape[0])
    cut = int(rows * (1 - validation_split))
    if cut in (0, rows):
        raise ValueError(
            f"validation_split={validation_split} of {rows} samples leaves one part empty. Give more samples or another share."
        )
    first = tree.map_structure(lambda a: None if a is None else a[:cut], arrays)
    return first, tree.map_structure(lambda a: None if a is None else a[cut:], arrays)


def make_source(
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    batch_size: int | None,
    shuffle: bool,
    class_weight: Any,
    backend: Backend,
) -> ArraySource | IteratorSource:
    """The source for what a user passed as data.

    Raises:
        ValueError: the arguments don't go together.
    """
    if x is None:
        raise ValueError("There is no data: x is None.")
    if isinstance(x, ArraySource | IteratorSource):
        return x
    if is_array_like(x):
        return ArraySource(
            x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, class_weight=class_weight, backend=backend
        )
    if not hasattr(x, "__iter__"):
        raise ValueError(
            f"Can't read data from {type(x).__name__}. Expected arrays, tensors, or an iterable of batches."
        )
    if y is not None or sample_weight is not None:
        raise ValueError("y and sample_weight come out of the batches where x is an iterable; pass x alone.")
    return IteratorSource(x, class_weight=class_weight, backend=backend)
