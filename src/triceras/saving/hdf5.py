"""HDF5 files whose every byte lies in them: read with their claims checked first, and written."""

from __future__ import annotations

import contextlib
import io
import math
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np

from triceras.core import dtypes
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.limits import Budget
from triceras.saving.stored import StoredTensor

if TYPE_CHECKING:
    import h5py

#: Filters that a dataset's bytes may have passed through: deflate, shuffle, Fletcher's checksum, szip, n-bit, scale, LZF.
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
#: The kinds of values that tensors have, in NumPy's letters.
_KINDS = "biufcV"
#: The attribute that names the dtype of an array whose own HDF5 lacks.
_DTYPE = "dtype"
#: The one such dtype of a size in bytes.
_OPAQUE = {2: "bfloat16"}
#: Reads all attributes of a file, in little memory.
_PROBE = """
import sys, h5py
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
except ImportError:
    pass
with h5py.File(sys.argv[1], "r") as file:
    look = lambda name, found: dict(found.attrs).clear()
    look("", file)
    file.visititems(look)
"""
_PROBE_SECONDS = 15


def probe(path: pathlib.Path) -> None:
    """Read the attributes of a file in another process first: HDF5's library (2.0) crashes on some that are damaged.

    Raises:
        FileFormatError: it did, or didn't end.
    """
    if not sys.executable:
        return
    command = [sys.executable, "-I", "-c", _PROBE, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_PROBE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FileFormatError(f"{path} is damaged: reading its attributes takes over {_PROBE_SECONDS} s.") from error
    if done.returncode < 0:
        raise FileFormatError(f"{path} is damaged: HDF5's library crashes on it (signal {-done.returncode}).")


@contextlib.contextmanager
def reading(file: Any, source: str) -> Iterator[h5py.File]:
    """An HDF5 file opened for reading.

    Args:
        file: a path or an open file.
        source: what it is called.

    Raises:
        FileFormatError: it is none, or cut off.
    """
    import h5py

    try:
        opened = h5py.File(file, "r")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise FileFormatError(f"{source} is no HDF5 file, or is damaged or cut off: {error}") from error
    with opened:
        yield opened


def member(group: h5py.Group, name: str, source: str) -> Any:
    """A group or dataset of a group, or None; hard links only.

    Raises:
        UnsafeFileError: it is a link to somewhere else.
        FileFormatError: it can't be read.
    """
    import h5py

    try:
        link = group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise UnsafeFileError(
                f"{source}: {group.name}/{name} is a link ({type(link).__name__}), which model files can't hold."
            )
        return group[name]
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise FileFormatError(f"{source}: {group.name}/{name} is damaged: {error}") from error


def group_at(file: h5py.Group, path: str, source: str) -> h5py.Group | None:
    """A group reached by hard links only, or None."""
    import h5py

    found: Any = file
    for part in filter(None, path.split("/")):
        found = member(found, part, source)
        if not isinstance(found, h5py.Group):
            return None
    return found


def dataset_in(group: h5py.Group, name: str, source: str) -> h5py.Dataset:
    """A dataset whose bytes are in this file.

    Raises:
        UnsafeFileError: it is a link to somewhere else, or its bytes lie elsewhere.
        FileFormatError: there is none, or it isn't made of numbers.
    """
    import h5py

    dataset = member(group, name, source)
    if dataset is None:
        raise FileFormatError(f"{source} has no dataset {group.name}/{name}.")
    try:
        if not isinstance(dataset, h5py.Dataset) or dataset.external is not None or dataset.is_virtual:
            raise UnsafeFileError(f"{source}: {group.name}/{name} isn't a plain dataset: its bytes lie elsewhere.")
        creation = dataset.id.get_create_plist()
        filters = {creation.get_filter(i)[0] for i in range(creation.get_nfilters())}
        kind = dataset.dtype.kind
        shape: Any = dataset.shape
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{source}: {group.name}/{name} is damaged: {error}") from error
    if filters - _FILTERS:
        raise UnsafeFileError(
            f"{source}: {group.name}/{name} needs filters that model files don't use: {filters - _FILTERS}."
        )
    if kind not in _KINDS or shape is None:
        raise FileFormatError(f"{source}: {group.name}/{name} doesn't hold numbers but {dataset.dtype}.")
    return dataset


def attribute(owner: Any, name: str, source: str, budget: Budget, texts: bool = False) -> Any:
    """An attribute of a group or dataset, or None; its size is counted before it is read.

    A list of strings is read only where ``texts`` allows it: it may name one string many times, so its size says nothing.
    """
    try:
        if name not in owner.attrs:
            return None
        found = owner.attrs.get_id(name)
        if found.dtype.kind == "O" and found.shape and not texts:
            raise UnsafeFileError(
                f"{source}: the attribute {name!r} of {owner.name} is a list of strings, as it never is."
            )
        nbytes = math.prod(found.shape or ()) * found.dtype.itemsize
        if nbytes:
            budget.take(max(found.get_storage_size(), nbytes), f"{owner.name}@{name}")
        return owner.attrs[name]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{source}: the attribute {name!r} of {owner.name} is damaged: {error}") from error


def dtype_name(dataset: h5py.Dataset, source: str, budget: Budget) -> str | None:
    """The dtype that a dataset of plain bytes stands for, or None.

    The attribute that names it is read only where nothing else tells: HDF5's library crashes or hangs on some damaged ones.
    """
    if dataset.dtype.kind != "V":
        return None
    if dataset.dtype.itemsize in _OPAQUE:
        return _OPAQUE[dataset.dtype.itemsize]
    name = attribute(dataset, _DTYPE, source, budget)
    return name if isinstance(name, str) else None


def stored_tensor(group: h5py.Group, name: str, source: str, budget: Budget) -> StoredTensor:
    """A dataset as an array that is read when it is asked for.

    Raises:
        UnsafeFileError, FileFormatError: as for ``dataset_in``, or it names a dtype that its elements can't have.
    """
    dataset = dataset_in(group, name, source)
    dtype = dtype_name(dataset, source, budget)
    if dtype is None:
        dtype = f"V{dataset.dtype.itemsize}" if dataset.dtype.kind == "V" else dataset.dtype.name
    elif dtype not in dtypes.FLOATS or dtypes.numpy_dtype(dtype).itemsize != dataset.dtype.itemsize:
        raise FileFormatError(f"{source}: {dataset.name} says that it holds {dtype!r}, but holds {dataset.dtype}.")
    return StoredTensor(tuple(dataset.shape), dtype, lambda: StoredVariables(group, source, budget)[name])


class StoredVariables(Mapping[str, Any]):
    """The datasets of a group as a mapping of arrays.

    Args:
        group: the group.
        source: what the file is called.
        budget: counts what is read.
    """

    def __init__(self, group: h5py.Group, source: str, budget: Budget) -> None:
        self._group = group
        self._source = source
        self._budget = budget

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return tuple(dataset_in(self._group, key, self._source).shape)

    def __contains__(self, key: object) -> bool:
        return key in self._group

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self:
            raise KeyError(f"The file has no dataset {self._group.name}/{key}.")
        dataset = dataset_in(self._group, key, self._source)
        what = f"{self._group.name}/{key}"
        self._budget.take(math.prod(dataset.shape) * dataset.dtype.itemsize, what)
        name = dtype_name(dataset, self._source, self._budget)
        try:
            array = np.asarray(dataset[()])
            return array if name is None else array.view(dtypes.numpy_dtype(dtypes.standardize_dtype(name)))
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise FileFormatError(f"{self._source}: {what} is damaged: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(map(str, self._group), key=lambda name: (len(name), name)))

    def __len__(self) -> int:
        return len(self._group)


# ---- writing ---------------------------------------------------------------------------------------------------------


class _Metadata(io.RawIOBase):
    """Takes what HDF5 writes between the arrays, page by page; where nothing was written are zeros."""

    _PAGE = 4096

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._at = 0
        #: The size of the file.
        self.end = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.end}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def truncate(self, size: int | None = None) -> int:
        self.end = self._at if size is None else size
        return self.end

    def write(self, data: Any) -> int:
        data = memoryview(data).cast("B")
        for page, inside, part in self._spans(len(data)):
            self._pages.setdefault(page, bytearray(self._PAGE))[inside] = data[part]
        self._at += len(data)
        self.end = max(self.end, self._at)
        return len(data)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        view = view[: max(0, min(len(view), self.end - self._at))]
        for page, inside, part in self._spans(len(view)):
            view[part] = self._pages.get(page, bytes(self._PAGE))[inside]
        self._at += len(view)
        return len(view)

    def _spans(self, size: int) -> Iterator[tuple[int, slice, slice]]:
        """Page by page: its number, the part inside of it, and the part of the buffer."""
        done = 0
        while done < size:
            page, start = divmod(self._at + done, self._PAGE)
            count = min(self._PAGE - start, size - done)
            yield page, slice(start, start + count), slice(done, done + count)
            done += count


class Writer:
    """A new HDF5 file, made as a stream: its library lays out the file, and the arrays go straight from where they are.

    Nothing but the array being written is copied, and nothing is written twice.

    Example:
        >>> writer = Writer()
        >>> writer.group("dense/vars", name="dense")["0"] = np.ones((2, 3), "float32")
        >>> file = io.BytesIO(b"".join(writer.chunks()))
        >>> with reading(file, "in memory") as again:
        ...     again["dense/vars/0"][:].sum()
        np.float32(6.0)
    """

    def __init__(self) -> None:
        import h5py

        self._metadata = _Metadata()
        self._file = h5py.File(self._metadata, "w")
        self._arrays: list[tuple[int, Any]] = []

    def group(self, path: str, **attributes: Any) -> NewVariables:
        """A new group, as a mapping that takes arrays."""
        group = self._file.create_group(path) if path else self._file
        group.attrs.update(attributes)
        return NewVariables(group, self._arrays)

    def chunks(self) -> Iterator[Any]:
        """The bytes of the file from its beginning to its end; nothing can be added after that."""
        self._file.close()
        self._metadata.seek(0)
        for offset, value in sorted(self._arrays, key=lambda found: found[0]):
            yield self._between(offset)
            array = np.ascontiguousarray(array_of(value))
            yield array.reshape(-1).view(np.uint8).data
            self._metadata.seek(array.nbytes, io.SEEK_CUR)
        yield self._between(self._metadata.end)

    def _between(self, stop: int) -> bytes:
        found = bytearray(stop - self._metadata.tell())
        self._metadata.readinto(found)
        return bytes(found)


class NewVariables(MutableMapping[str, Any]):
    """A group that arrays and variables are put into; variables are read when the file is written."""

    def __init__(self, group: h5py.Group, arrays: list[tuple[int, Any]]) -> None:
        self._group = group
        self._arrays = arrays
        self._values: dict[str, Any] = {}

    def __setitem__(self, key: str, value: Any) -> None:
        import h5py

        dtype = dtypes.numpy_dtype(value.stored_dtype) if hasattr(value, "stored_dtype") else np.asarray(value).dtype
        plain = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plain.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plain.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        has_name = dtype.kind == "V" or dtype.name in ("bfloat16", *dtypes.FLOAT8)
        stored = np.dtype(f"V{dtype.itemsize}") if has_name else dtype
        shape = tuple(np.shape(value) if not hasattr(value, "shape") else value.shape)
        space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
        made = h5py.h5d.create(self._group.id, key.encode(), h5py.h5t.py_create(stored, logical=True), space, plain)
        if has_name:
            h5py.Dataset(made).attrs[_DTYPE] = dtype.name
        if math.prod(shape):
            self._arrays.append((made.get_offset(), value))
        self._values[key] = value

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __delitem__(self, key: str) -> None:
        raise TypeError("Arrays that were put into a file stay there.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def array_of(value: Any) -> np.ndarray:
    """The values of a variable, a stored or any other array, to be written at once: a view where the backend has one."""
    if hasattr(value, "backend"):
        return value.backend.to_numpy(value.value)
    return value.numpy() if hasattr(value, "stored_dtype") else np.asarray(value)
