"""A module that worker processes import: data sets for ``PyDataset`` and ``DataLoader``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from triceras.utils import PyDataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")[:, 0]
SIZE = 4
BATCHES = [(X[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, 10, SIZE)]


class Listed:
    """Batches that can be read again from the beginning."""

    def __init__(self, batches: list[Any] = BATCHES) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class Batches(PyDataset):
    """The batches of the arrays, the earlier the later made, so that workers finish in another order."""

    def __len__(self) -> int:
        return len(BATCHES)

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.002 * (len(BATCHES) - index))
        return BATCHES[index]


class Broken(Batches):
    """Fails at one batch: raises, or lets its process die."""

    def __init__(self, how: str, **options: Any) -> None:
        super().__init__(**options)
        self.how = how

    def __getitem__(self, index: int) -> Any:
        if index == 2:
            if self.how == "dies":
                os._exit(1)
            raise ZeroDivisionError(f"batch {index} can't be made")
        return BATCHES[index]


class Reshuffled(PyDataset):
    """Changes itself after each epoch; counts the calls."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scale = 1.0
        self.calls: list[str] = []

    @property
    def num_batches(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return np.full((2, 3), self.scale, "float32"), np.zeros(2, "float32")

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")

    def on_epoch_end(self) -> None:
        self.calls.append("end")
        self.scale += 1.0


class Endless(PyDataset):
    """A data set without end, each of whose batches holds its number."""

    num_batches = None  # type: ignore[assignment]

    def __getitem__(self, index: int) -> Any:
        return np.full((2, 3), index, "float32"), np.zeros(2, "float32")


class Pairs:
    """Samples by number, as a map-style data set of torch has them."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        return X[index], Y[index]


def threads() -> list[str]:
    """The names of our own threads that run."""
    return [t.name for t in threading.enumerate() if t.name.startswith("triceras")]


def forever() -> Iterator[Any]:
    """The batches again and again."""
    while True:
        yield from BATCHES
