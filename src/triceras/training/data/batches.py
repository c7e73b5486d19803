"""Batches ``(x, y, sample_weight)``: what they hold, and how it becomes arrays."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from triceras import tree
from triceras.backends import registry
from triceras.core import dtypes, settings
from triceras.training.data.host_rows import HostRows, reads_rows
from triceras.training.data.sparse_rows import SparseRows
from triceras.tree._structure import flatten_with_structure

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
        leaves, self._structure = flatten_with_structure(batch)
        self._present = [leaf is not None for leaf in leaves]
        self.key = str(tree.map_structure(_kind, batch))

    def flatten(self, batch: Any) -> list[Any]:
        """The tensors of a batch.

        Raises:
            ValueError: the batch holds other parts than the first one did.
        """
        leaves, structure = flatten_with_structure(batch)
        present = [leaf is not None for leaf in leaves]
        if structure != self._structure or present != self._present:
            first, this = self._described(self._structure, self._present), self._described(structure, present)
            raise ValueError(
                f"The batches change their structure: expected {first} as in the first, received {this}. Let every batch have "
                "the same parts."
            )
        return [leaf for leaf in leaves if leaf is not None]

    def unflatten(self, tensors: list[Any]) -> Any:
        """The batch of some tensors."""
        given = iter(tensors)
        return self._structure.unflatten([next(given) if here else None for here in self._present])

    @staticmethod
    def _described(structure: Any, present: list[bool]) -> str:
        return str(structure.unflatten(["*" if here else None for here in present])).replace("'*'", "*")


def _kind(x: Any) -> str | None:
    """What steps are compiled for: a dense tensor, a sparse one, or none."""
    if x is None:
        return None
    return "sparse" if isinstance(x, SparseRows) or registry.is_sparse(x) else "dense"


def as_array(x: Any) -> Any:
    """An array, native tensor or sparse rows of something that holds data; floating host data in ``config.floatx()``."""
    if isinstance(x, SparseRows | HostRows):
        return x
    if registry.is_sparse(x):
        return SparseRows.of(x)
    if type(x).__name__ == "RaggedTensor":
        raise ValueError(
            f"A RaggedTensor given as data has rows of several lengths: expected a dense tensor, received the shape {x.shape}. "
            "Pad them, with to_tensor() in the data set's map()."
        )
    if registry.owner_of(x) is not None:
        return x.value if isinstance(x, registry.StateHolder) else x
    if hasattr(x, "to_numpy"):  # pandas and polars, without importing either
        x = x.to_numpy()
    if reads_rows(x):
        return HostRows(x)
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


def as_arrays(batch: Any) -> Any:
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


def with_class_weight(batch: Any, class_weight: dict[int, float]) -> Any:
    """A batch without sample weights, with those of its classes."""
    x, y, sample_weight = batch
    if tree.is_nested(y):
        raise ValueError("class_weight is for models with one output; use sample_weight for several.")
    if sample_weight is not None:
        raise ValueError("Pass class_weight or sample_weight, not both.")
    return x, y, weights_by_class(y, class_weight)


def is_array_like(x: Any) -> bool:
    """Whether a value is data as a whole rather than a source of batches."""
    leaves = tree.flatten(x)
    return not isinstance(x, str | bytes) and all(
        leaf is None
        or registry.owner_of(leaf) is not None
        or hasattr(leaf, "__array__")
        or isinstance(leaf, (*_PLAIN, SparseRows, HostRows))
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
    arrays = as_arrays(arrays)
    rows = int(next(a for a in tree.flatten(arrays) if a is not None).shape[0])
    cut = int(rows * (1 - validation_split))
    if cut in (0, rows):
        raise ValueError(
            f"validation_split={validation_split} of {rows} samples leaves one part empty. Give more samples or another share."
        )
    first = tree.map_structure(lambda a: None if a is None else a[:cut], arrays)
    return first, tree.map_structure(lambda a: None if a is None else a[cut:], arrays)
