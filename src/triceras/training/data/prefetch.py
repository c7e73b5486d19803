"""Batches read ahead of need by a thread, and small ones handed to the device several at a time."""

from __future__ import annotations

import contextlib
import contextvars
import math
import queue
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core import scopes
from triceras.training.data.host_rows import HostRows
from triceras.training.data.sparse_rows import SparseRows

#: Items read and not taken yet.
AHEAD = 2
#: Seconds that a thread is waited for when nothing more is wanted of it.
PATIENCE = 10.0
#: How many batches go to the device together, at most.
JOINED_BATCHES = 32
#: Seconds that batches which come fast are kept for others to join them, though somebody waits, and how fast that is.
JOINING_SECONDS = 0.005
FAST_SECONDS = 0.002

#: The shapes and dtypes of a batch's arrays.
Pattern = tuple[tuple[tuple[int, ...], np.dtype], ...]

_END = object()


class Prefetcher:
    """A thread that reads an iterator a few items ahead; they come in its order, and an error comes where it happened.

    The thread sees the context (the active backend, scopes) of whoever called ``read``. No item is drawn beyond those ahead,
    and the thread ends with the ``with`` block.

    Args:
        owner: what is read, for messages.

    Example:
        >>> from triceras.training.data.prefetch import Prefetcher
        >>> with Prefetcher("the squares") as ahead:
        ...     list(ahead.read(n * n for n in range(4)))
        [0, 1, 4, 9]
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._room = threading.Semaphore(AHEAD)
        self._ready: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._stopped = False
        self._thread: threading.Thread | None = None
        #: Whether somebody waits for an item.
        self.is_awaited = False

    def read(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items, in their order."""
        run = contextvars.copy_context().run
        self._thread = threading.Thread(
            target=run, args=(self._read, iter(items)), name="triceras-prefetch", daemon=True
        )
        self._thread.start()
        while True:
            self.is_awaited = True
            item, error = self._ready.get()
            self.is_awaited = False
            if error is not None:
                raise error
            if item is _END:
                return
            self._room.release()
            yield item

    def _read(self, items: Iterator[Any]) -> None:
        try:
            while True:
                self._room.acquire()
                if self._stopped:
                    return
                item = next(items, _END)
                self._ready.put((item, None))
                if item is _END:
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the item is wanted
            self._ready.put((_END, error))

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(self, *error: object) -> None:
        """End the thread; one that is held up inside the iterator itself is left, with a warning."""
        self._stopped = True
        self._room.release()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                warnings.warn(
                    f"{self._owner} is still making a batch {PATIENCE:.0f} seconds after training ended: expected it to "
                    "return or to raise. Its thread is left alone and ends with the process.",
                    stacklevel=2,
                )


class Handed(NamedTuple):
    """What goes to the device at once: one batch, or the rows of several of one shape.

    Args:
        tensors: the tensors of the batch, or those of all rows.
        index: ``(most, rows in a batch)``, the numbers of each batch's rows; None for one batch.
        count: how many batches there are.
    """

    tensors: list[Any]
    index: Any
    count: int


def handed_over(
    batches: Iterator[list[Any]], pattern: Pattern | None, backend: Backend, together: int | None, owner: str
) -> Generator[Handed, None, None]:
    """Batches on the device, made and copied by a thread ahead of need.

    Args:
        batches: flat lists of arrays, tensors and sparse rows.
        pattern: that of the batches that may be handed over together.
        backend: where they go.
        together: how many may be handed over at once; None for as many as pay.
        owner: what they come from, for messages.
    """
    with Prefetcher(owner) as ahead:
        buffer = _Buffer(pattern, together or JOINED_BATCHES, backend)
        joined = _joined(batches, buffer, backend, lambda: ahead.is_awaited)
        yield from ahead.read(_on_named_device(joined, backend))


def _on_named_device(items: Iterator[Handed], backend: Backend) -> Iterator[Handed]:
    """The items, made on the device whose scope is open: frameworks keep theirs by thread."""
    name = scopes.device_name.get()
    with contextlib.nullcontext() if name is None else backend.device_scope(name):
        yield from items


def _joined(
    batches: Iterator[list[Any]], buffer: _Buffer, backend: Backend, is_awaited: Callable[[], bool]
) -> Iterator[Handed]:
    """Batches of the buffer's pattern are joined till it is full or somebody waits; others go by themselves."""
    began = oldest = time.perf_counter()
    for leaves in batches:
        arrays, now = [_on_host(leaf) for leaf in leaves], time.perf_counter()
        if buffer.takes(arrays):
            oldest = oldest if buffer.count else now
            buffer.add(arrays)
            comes_fast = now - began < FAST_SECONDS and now - oldest < JOINING_SECONDS
            if buffer.is_full or (is_awaited() and not comes_fast):
                yield buffer.handed()
        else:
            if buffer.count:
                yield buffer.handed()
            yield Handed([to_device(leaf, backend) for leaf in leaves], None, 1)
        began = time.perf_counter()
    if buffer.count:
        yield buffer.handed()


class _Buffer:
    """Room for some batches of one pattern."""

    def __init__(self, pattern: Pattern | None, together: int, backend: Backend) -> None:
        self._backend = backend
        self._pattern = pattern
        size = sum(math.prod(shape) * dtype.itemsize for shape, dtype in pattern or ())
        self._most = min(together, JOINED_BATCHES, backend.handover_bytes() // size) if size else 1
        self._arrays: list[np.ndarray] = []
        self._index: Any = None
        self.count = 0

    def takes(self, arrays: list[Any]) -> bool:
        """Whether a batch is one of those that are joined."""
        return self._most > 1 and pattern_of(arrays) == self._pattern

    def add(self, arrays: list[np.ndarray]) -> None:
        """Copy a batch in."""
        if not self.count:
            self._arrays = [np.empty((self._most, *a.shape), a.dtype) for a in arrays]
        for room, array in zip(self._arrays, arrays, strict=True):
            room[self.count] = array
        self.count += 1

    @property
    def is_full(self) -> bool:
        """Whether no more fit."""
        return self.count == self._most

    def handed(self) -> Handed:
        """What is in it, on the device; another one begins."""
        rows = self._arrays[0].shape[1]
        if self._index is None:
            self._index = self._backend.to_device(
                np.arange(self._most * rows, dtype=np.int32).reshape(self._most, rows)
            )
        tensors = [self._backend.to_device(a.reshape(-1, *a.shape[2:])) for a in self._arrays]
        count, self.count = self.count, 0
        return Handed(tensors, self._index, count)


def pattern_of(leaves: list[Any]) -> Pattern | None:
    """The shapes and dtypes of a batch that can be joined with others like it; None for one that can't."""
    arrays = [_on_host(leaf) for leaf in leaves]
    if not arrays or not all(isinstance(a, np.ndarray) and a.ndim for a in arrays) or len({len(a) for a in arrays}) > 1:
        return None
    return tuple((a.shape, a.dtype) for a in arrays)


def _on_host(leaf: Any) -> Any:
    """An array for a tensor that lies in the host's memory; what lies elsewhere as it is."""
    owner = registry.owner_of(leaf)
    if owner is None or owner.is_sparse(leaf) or not hasattr(leaf, "__dlpack_device__"):
        return leaf
    return owner.to_numpy(leaf) if leaf.__dlpack_device__()[0] == 1 else leaf


def to_device(leaf: Any, backend: Backend) -> Any:
    """A part of a batch on the device, whatever becomes of its memory later."""
    if isinstance(leaf, SparseRows | HostRows):
        return leaf.tensor(np.arange(leaf.shape[0]), backend)
    return backend.to_device(leaf, copy=True)
