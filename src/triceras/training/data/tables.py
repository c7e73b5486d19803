"""Tables as data: frames of pandas and polars, Arrow tables, Parquet files, data sets of Hugging Face.

A table gives its columns: ``y`` and ``sample_weight`` may name some of them, the others are ``x``. A frame's are a matrix,
as NumPy makes of it; other tables' are a dictionary by name, or the column itself where there is one. Nothing is imported:
a table's class says which library it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from triceras.training.data.host_rows import HostRows


def parts_of_table(x: Any, y: Any, sample_weight: Any, batch_size: int | None = None) -> tuple[Any, Any, Any]:
    """``x``, ``y`` and ``sample_weight`` with columns in place of a table and of the names of its columns.

    Args:
        x: a table, or any other data, which is returned as it is.
        y, sample_weight: names of columns (a string, a list of them), or data.
        batch_size: rows in a batch, 32 by default, for tables that are read as a stream.

    Raises:
        ValueError: a name that isn't a column's, or a column with missing values.

    Example:
        >>> import pyarrow
        >>> from triceras.training.data.tables import parts_of_table
        >>> table = pyarrow.table({"a": [1.0, 2.0], "b": [3.0, 4.0], "label": [0, 1]})
        >>> x, y, _ = parts_of_table(table, "label", None)
        >>> sorted(x), y.tolist()
        (['a', 'b'], [0, 1])
    """
    library = type(x).__module__.partition(".")[0]
    reader = _READERS.get((library, type(x).__name__))
    if reader is not None:
        return reader(x, y, sample_weight, batch_size or 32)
    if library == "datasets" and isinstance(x, dict):
        raise ValueError(
            f"A DatasetDict holds the splits {sorted(x)}: expected one of them as data. Pass x[{next(iter(x))!r}]."
        )
    return x, y, sample_weight


def _names(part: Any) -> list[str]:
    """The columns that ``y`` or ``sample_weight`` names; none where it is data."""
    if isinstance(part, str):
        return [part]
    return list(part) if isinstance(part, list) and part and all(isinstance(name, str) for name in part) else []


def _split(columns: Iterable[str], y: Any, sample_weight: Any) -> list[str]:
    """The columns that are left for ``x``."""
    every = list(columns)
    for argument, part in (("y", y), ("sample_weight", sample_weight)):
        missing = [name for name in _names(part) if name not in every]
        if missing:
            raise ValueError(
                f"{argument} names columns that the table doesn't have: expected some of {every}, received {missing}."
            )
    taken = {*_names(y), *_names(sample_weight)}
    left = [name for name in every if name not in taken]
    if not left:
        raise ValueError(f"No column is left for x: expected more than y and sample_weight name, received {every}.")
    return left


def _taken(part: Any, column: Callable[[str], Any]) -> Any:
    if isinstance(part, str):
        return column(part)
    return [column(name) for name in part] if _names(part) else part


def _parts(names: Iterable[str], column: Callable[[str], Any], y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    left = _split(names, y, sample_weight)
    x = column(left[0]) if len(left) == 1 else {name: column(name) for name in left}
    return x, _taken(y, column), _taken(sample_weight, column)


# ---- readers ---------------------------------------------------------------------------------------------------------


def _frame(x: Any, y: Any, sample_weight: Any, batch_size: int) -> tuple[Any, Any, Any]:
    """A frame of pandas or polars: named columns are taken out of it."""
    if not _names(y) and not _names(sample_weight):
        return x, y, sample_weight
    left = _split(x.columns, y, sample_weight)
    return x[left], _taken(y, x.__getitem__), _taken(sample_weight, x.__getitem__)


def _arrow_table(x: Any, y: Any, sample_weight: Any, batch_size: int) -> tuple[Any, Any, Any]:
    return _parts(x.schema.names, lambda name: _arrow_array(name, x.column(name)), y, sample_weight)


def _arrow_array(name: str, column: Any) -> np.ndarray:
    """A column of Arrow as an array; lists of one length are further axes."""
    if column.null_count:
        raise ValueError(f"The column {name!r} has {column.null_count} missing values. Fill them, or drop their rows.")
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if hasattr(column, "chunks"):  # what was combined may still be a list of one chunk, or of none
        column = column.chunk(0) if column.num_chunks else column
    if hasattr(column, "flatten") and hasattr(column, "values"):
        values = _arrow_array(name, column.flatten())
        lengths = {len(row) for row in column}
        if len(lengths) > 1:
            raise ValueError(f"The rows of column {name!r} have {min(lengths)} to {max(lengths)} elements. Pad them.")
        return values.reshape(len(column), *lengths, *values.shape[1:])
    array = column.to_numpy(zero_copy_only=False)
    return array.astype(str) if array.dtype == object and all(isinstance(v, str) for v in array) else array


class _Stream:
    """Batches of a table that is read from its beginning to its end, again for each epoch where it can be."""

    def __init__(self, tables: Callable[[], Iterator[Any]], parts: Callable[[Any], tuple[Any, Any, Any]]) -> None:
        self._tables = tables
        self._parts = parts

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        return map(self._parts, self._tables())


def _arrow_stream(open_batches: Callable[[Any, int], Iterator[Any]]) -> Callable[..., tuple[Any, Any, Any]]:
    """The reader for what yields Arrow's record batches, which are cut and joined into batches of the size wanted."""

    def reader(x: Any, y: Any, sample_weight: Any, batch_size: int) -> tuple[Any, Any, Any]:
        def tables() -> Iterator[Any]:
            return _rebatched(open_batches(x, batch_size), batch_size)

        return _Stream(tables, lambda table: _arrow_table(table, y, sample_weight, batch_size)), None, None

    return reader


def _rebatched(batches: Iterator[Any], size: int) -> Iterator[Any]:
    import pyarrow  # loaded already, for its batches are here

    held: list[Any] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= size:
            table = pyarrow.Table.from_batches(held)
            whole = rows - rows % size
            yield from (table.slice(start, size) for start in range(0, whole, size))
            held, rows = table.slice(whole).to_batches(), rows - whole
    if rows:
        yield pyarrow.Table.from_batches(held)


class _Column:
    """One column of a map-style data set of Hugging Face, indexed like an array."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._rows = dataset.with_format("numpy", columns=[name])
        self._name = name
        first = self[:1]
        if first.dtype == object:
            raise ValueError(f"The rows of column {name!r} don't stack into an array of numbers. Map or pad them.")
        self.shape = (len(dataset), *first.shape[1:])
        self.dtype = first.dtype

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        rows = rows if isinstance(rows, slice) else rows.tolist()  # type: ignore[assignment]
        return np.asarray(self._rows[rows][self._name])


def _datasets_map(x: Any, y: Any, sample_weight: Any, batch_size: int) -> tuple[Any, Any, Any]:
    if not len(x):
        raise ValueError("The data set is empty: it has no rows.")
    return _parts(x.column_names, lambda name: HostRows(_Column(x, name)), y, sample_weight)


def _datasets_stream(x: Any, y: Any, sample_weight: Any, batch_size: int) -> tuple[Any, Any, Any]:
    def parts(rows: dict[str, Any]) -> tuple[Any, Any, Any]:
        return _parts(rows, lambda name: np.asarray(rows[name]), y, sample_weight)

    return _Stream(lambda: x.with_format("numpy").iter(batch_size), parts), None, None


#: The library and the class of a table -> how to take it apart.
_READERS: dict[tuple[str, str], Callable[..., tuple[Any, Any, Any]]] = {
    ("pandas", "DataFrame"): _frame,
    ("polars", "DataFrame"): _frame,
    ("pyarrow", "Table"): _arrow_table,
    ("pyarrow", "RecordBatch"): _arrow_table,
    ("pyarrow", "RecordBatchReader"): _arrow_stream(lambda x, size: iter(x)),
    ("pyarrow", "ParquetFile"): _arrow_stream(lambda x, size: x.iter_batches(batch_size=size)),
    ("pyarrow", "FileSystemDataset"): _arrow_stream(lambda x, size: x.to_batches(batch_size=size)),
    ("pyarrow", "InMemoryDataset"): _arrow_stream(lambda x, size: x.to_batches(batch_size=size)),
    ("pyarrow", "UnionDataset"): _arrow_stream(lambda x, size: x.to_batches(batch_size=size)),
    ("datasets", "Dataset"): _datasets_map,
    ("datasets", "IterableDataset"): _datasets_stream,
}
