"""A data set that gives batches by number, made by threads or processes."""

from __future__ import annotations

import collections
import functools
import itertools
import multiprocessing
import pathlib
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any


class PyDataset:
    """Batches by number: override ``__getitem__``, and ``__len__`` or ``num_batches``.

    Batches are used in the order of ``fit``, whichever worker makes them first. An error in a worker ends training, with the
    worker's traceback. Processes are started afresh rather than forked, so the data set must pickle and a script needs an
    ``if __name__ == "__main__"``; what ``on_epoch_end`` changes reaches them.

    Args:
        workers: threads or processes that make batches; at most 1 makes them in the thread that copies them to the device.
        use_multiprocessing: whether workers are processes, for batches that take Python's own time to make.
        max_queue_size: batches made and not used yet, at most.

    Example:
        >>> from triceras import utils
        >>> class Squares(utils.PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitem__(self, index):
        ...         x = np.full((2, 1), index, "float32")
        ...         return x, x**2
        >>> Squares(workers=2).num_batches
        3
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self._options = (workers, use_multiprocessing, max_queue_size)

    def _option(self, number: int) -> Any:
        if "_options" not in self.__dict__:
            raise ValueError(
                f"{type(self).__name__} has no options: expected its __init__ to call super().__init__(), which it doesn't. "
                "Call super().__init__(**kwargs) first."
            )
        return self._options[number]

    @property
    def workers(self) -> int:
        """Threads or processes that make batches."""
        return self._option(0)

    @property
    def use_multiprocessing(self) -> bool:
        """Whether workers are processes."""
        return self._option(1)

    @property
    def max_queue_size(self) -> int:
        """Batches made and not used yet, at most."""
        return self._option(2)

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch; None for a data set without end."""
        if hasattr(self, "__len__"):
            return len(self)  # type: ignore[arg-type]
        raise NotImplementedError(
            f"{type(self).__name__} doesn't say how many batches it has: expected __len__() or num_batches. Override one."
        )

    def __getitem__(self, index: int) -> Any:
        """The batch of a number: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""
        raise NotImplementedError(
            f"{type(self).__name__} makes no batches: expected it to override __getitem__(index)."
        )

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch, when none of its batches is being made."""


class Workers:
    """The threads or processes of a data set, kept from one epoch to the next.

    Args:
        dataset: a ``PyDataset``, or what has its members.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._executor: Executor | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sent = 0

    def items(self, numbers: Iterable[int]) -> Iterator[Any]:
        """The items of some numbers, in their order, made ahead of need.

        Raises:
            RuntimeError: a worker process ended before its work.
            TypeError: the data set can't be sent to processes.
        """
        dataset = self._dataset
        if dataset.workers < 1 or (dataset.workers == 1 and not dataset.use_multiprocessing):
            yield from map(dataset.__getitem__, numbers)
            return
        read, remaining = self._reader(), iter(numbers)
        try:
            executor = self._started()
            futures = collections.deque(
                executor.submit(read, number) for number in itertools.islice(remaining, max(dataset.max_queue_size, 1))
            )
            while futures:
                item = futures.popleft().result()
                futures.extend(executor.submit(read, number) for number in itertools.islice(remaining, 1))
                yield item
        except BrokenProcessPool as error:
            self.close()
            raise RuntimeError(
                f"A worker process of {type(dataset).__name__} ended before its batch was made: expected it to return or to "
                "raise, received the end of the process. It ran out of memory, was killed, or couldn't start: a script that "
                "uses processes needs `if __name__ == '__main__':` around its own calls."
            ) from error

    def _started(self) -> Executor:
        if self._executor is None:
            if self._dataset.use_multiprocessing:
                # Forked processes hang when another thread of the parent held a lock, and frameworks' threads do.
                self._executor = ProcessPoolExecutor(self._dataset.workers, multiprocessing.get_context("spawn"))
            else:
                self._executor = ThreadPoolExecutor(self._dataset.workers, thread_name_prefix="triceras-data")
        return self._executor

    def _reader(self) -> Callable[[int], Any]:
        """What makes an item in a worker. Processes read the data set from a file, again after it may have changed."""
        dataset = self._dataset
        if not dataset.use_multiprocessing:
            return dataset.__getitem__
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="triceras-")
        if self._sent == 0 or _changes_between_epochs(dataset):
            self._sent += 1
            try:
                self._file.write_bytes(pickle.dumps(dataset, pickle.HIGHEST_PROTOCOL))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise TypeError(
                    f"{type(dataset).__name__} can't be sent to worker processes: expected a data set that pickles, received: "
                    f"{error}. Define its class in a module and open files in __getitem__, or use threads."
                ) from error
        return functools.partial(_item_of, str(self._file))

    @property
    def _file(self) -> pathlib.Path:
        assert self._folder is not None
        return pathlib.Path(self._folder.name) / f"{self._sent}.pickle"

    def close(self) -> None:
        """End the workers; batches that aren't begun are dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        if self._folder is not None:
            self._folder.cleanup()
        self._executor = self._folder = None
        self._sent = 0


def _changes_between_epochs(dataset: Any) -> bool:
    return any(
        getattr(type(dataset), name, None) is not getattr(PyDataset, name)
        for name in ("on_epoch_begin", "on_epoch_end")
    )


@functools.lru_cache(maxsize=1)
def _dataset_in(path: str) -> Any:
    return pickle.loads(pathlib.Path(path).read_bytes())  # written by the parent process for this one


def _item_of(path: str, number: int) -> Any:
    return _dataset_in(path)[number]
