"""Sources that make whole batches: anything iterable, and data sets that give batches by number."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from triceras.backends.base import Backend
from triceras.training.data.batches import Layout, as_arrays, unpack_x_y_sample_weight, with_class_weight
from triceras.training.data.order import Numbers, Order
from triceras.training.data.prefetch import Handed, Pattern, handed_over, pattern_of, to_device
from triceras.training.data.py_dataset import Workers


class BatchSource:
    """Batches ``x``, ``(x, y)`` or ``(x, y, sample_weight)`` made on the host, which a thread copies to the device ahead.

    Args:
        data: what they come from.
        class_weight: class -> weight.
        backend: where it trains.
    """

    #: Batches in an epoch; None where it isn't known.
    steps: int | None = None
    #: Whether the device can gather batches itself.
    on_device = False
    layout: Layout
    _pattern: Pattern | None

    def __init__(self, data: Any, *, class_weight: dict[int, float] | None = None, backend: Backend) -> None:
        self._data = data
        self._class_weight = class_weight
        self.backend = backend
        #: Called with the targets of each batch before they go to the device.
        self.check: Callable[[Any], None] | None = None

    def _read(self, item: Any) -> Any:
        batch = as_arrays(unpack_x_y_sample_weight(item))
        return batch if self._class_weight is None else with_class_weight(batch, self._class_weight)

    @property
    def _owner(self) -> str:
        return f"the {type(self._data).__name__} given as data"

    def _checked(self, batches: Iterator[Any], number: int) -> Iterator[list[Any]]:
        """The parts of batches, the first of which has a number."""
        try:
            for batch in batches:
                if self.check is not None:
                    self.check(batch[1])
                yield self.layout.flatten(batch)
                number += 1
        except Exception as error:
            error.add_note(f"This happened in batch {number} of {self._owner}.")
            raise

    def _begin_with(self, batch: Any) -> None:
        """Take in what batches are like from the first one."""
        self.layout = Layout(batch)
        self._pattern = pattern_of(self.layout.flatten(batch))

    def _on_device(self, batch: Any) -> Any:
        return self.layout.unflatten([to_device(leaf, self.backend) for leaf in self.layout.flatten(batch)])

    def first_batch(self) -> Any:
        """A batch like those to come."""
        raise NotImplementedError

    def _host_batches(self, done: int, limit: int | None) -> Iterator[Any]:
        """The batches of an epoch on the host, from the one after those done up to a number of them."""
        raise NotImplementedError

    def _count(self, batches: int) -> None:
        """Take note of batches that were taken."""

    def batches(
        self, done: int = 0, limit: int | None = None, together: int | None = 1
    ) -> Generator[Handed, None, None]:
        """The batches of the next epoch on the device, from the one after those done up to a number of them.

        Args:
            done, limit: how many are passed over, and after how many it ends.
            together: how many may be handed over at once; None for as many as pay.
        """
        made = self._checked(self._host_batches(done, limit), done)
        self._count(done)
        with contextlib.closing(handed_over(made, self._pattern, self.backend, together, self._owner)) as ahead:
            for handed in ahead:
                self._count(handed.count)
                yield handed

    def close(self) -> None:
        """Let go of threads and processes."""


def _described(data: Any) -> str:
    return f"the {type(data).__name__} given as data"


class IteratorSource(BatchSource):
    """Batches from a generator, an iterator or anything iterable, which begins again for each epoch if it can.

    An iterator gives no more batches than are trained on and are read ahead. One whose epoch ends before it does goes on from
    there in the next.
    """

    def __init__(self, data: Any, *, class_weight: dict[int, float] | None = None, backend: Backend) -> None:
        super().__init__(data, class_weight=class_weight, backend=backend)
        self._iterator: Iterator[Any] | None = None
        self._drawn = 0
        self._peeked: list[Any] = list(itertools.islice(self._begin(), 1))
        if not self._peeked:
            raise ValueError("The data set is empty: it yielded no batch.")
        self._begin_with(self._peeked[0])
        with contextlib.suppress(TypeError):  # tf.data and DataLoader have a length that they may not know
            self.steps = len(data)

    def _begin(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator, self._drawn = map(self._read, iter(self._data)), 0
        return self._iterator

    @property
    def restarts(self) -> bool:
        """Whether it can be read again from its beginning."""
        return iter(self._data) is not self._data

    def first_batch(self) -> Any:
        if not self._peeked:
            self._peeked = [next(self._begin())]
        return self._on_device(self._peeked[0])

    def head(self, count: int) -> IteratorSource:
        """A source of its next batches, the same each epoch."""
        kept = list(itertools.islice(itertools.chain(self._peeked, self._begin()), count))
        self._peeked, self._iterator = [], None
        return IteratorSource(kept, backend=self.backend)

    def _host_batches(self, done: int, limit: int | None) -> Iterator[Any]:
        # Begun here rather than in the thread: some loaders fork workers when they begin.
        if not self._peeked:
            self._peeked = list(itertools.islice(self._begin(), 1)) or self._again()
        peeked, self._peeked = self._peeked, []
        return itertools.islice(self._rest(itertools.chain(peeked, self._begin())), done, limit)

    def _again(self) -> list[Any]:
        """The first batch of an iterable whose last epoch took all of its batches and didn't look for more."""
        self._iterator = None
        return list(itertools.islice(self._begin(), 1))

    def _rest(self, batches: Iterator[Any]) -> Iterator[Any]:
        yield from batches
        self._iterator = None

    def _count(self, batches: int) -> None:
        self._drawn += batches

    def get_state(self) -> dict[str, int]:
        """How many batches were taken since the iterable began."""
        return {"drawn": 0 if self._iterator is None else self._drawn}

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

    def close(self) -> None:
        self._iterator = None  # a loader's own workers end with it


class IndexedSource(BatchSource):
    """Batches by number from a ``PyDataset``, made by its threads or processes, in order or shuffled.

    An epoch that takes fewer than all leaves the others to the next.

    Args:
        data: the data set.
        shuffle: whether each epoch has an order of its own.
        class_weight: class -> weight.
        backend: where it trains.
    """

    def __init__(
        self, data: Any, *, shuffle: bool = False, class_weight: dict[int, float] | None = None, backend: Backend
    ) -> None:
        super().__init__(data, class_weight=class_weight, backend=backend)
        self.steps = data.num_batches
        if self.steps == 0:
            raise ValueError("The data set is empty: its num_batches is 0.")
        self._order = Order(shuffle and self.steps is not None)
        self._workers = Workers(data)
        self._pass: Numbers = np.arange(0)
        self._pass_state = self._order.get_state()
        self._next = 0
        self._first = self._read(data[0])
        self._begin_with(self._first)

    def first_batch(self) -> Any:
        return self._on_device(self._first)

    def head(self, count: int) -> IteratorSource:
        """A source of its first batches, the same each epoch."""
        count = count if self.steps is None else min(count, self.steps)
        return IteratorSource([self._read(self._data[i]) for i in range(count)], backend=self.backend)

    def batches(
        self, done: int = 0, limit: int | None = None, together: int | None = 1
    ) -> Generator[Handed, None, None]:
        self._data.on_epoch_begin()
        yield from super().batches(done, limit, together)
        self._data.on_epoch_end()

    def _host_batches(self, done: int, limit: int | None) -> Iterator[Any]:
        if self.steps is None:
            numbers: Any = itertools.count(self._next)
        else:
            if self._next >= len(self._pass):
                self._begin_pass()
            numbers = self._pass[self._next :].tolist()
        return map(self._read, self._workers.items(itertools.islice(numbers, done, limit)))

    def _begin_pass(self) -> None:
        self._pass_state, self._next = self._order.get_state(), 0
        self._pass = self._order.next(self.steps or 0)

    def _count(self, batches: int) -> None:
        self._next += batches

    def get_state(self) -> dict[str, int]:
        """What decides which batches come next."""
        over = self.steps is not None and self._next >= len(self._pass)
        return {**(self._order.get_state() if over else self._pass_state), "next": 0 if over else self._next}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on with the batches that were to come when ``get_state`` returned it."""
        self._order.set_state(state)
        if self.steps is not None:
            self._begin_pass()
        self._next = state["next"]

    def close(self) -> None:
        self._workers.close()
