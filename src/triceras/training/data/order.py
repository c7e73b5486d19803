"""The order of an epoch's items: from one seed, the same on every backend, made where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from triceras.backends import registry
from triceras.random.seed import make_default_seed

#: Above so many items their order is computed where it is read; below it is sorted as a whole, uniform over all orders.
SORTED_ITEMS = 1 << 20
_ROUNDS = 6


class Order:
    """The order of the epochs' items: another one each epoch from one seed, the same on every backend, or none at all.

    Args:
        shuffle: whether there is one.
    """

    def __init__(self, shuffle: bool) -> None:
        self.shuffle = shuffle
        self._seed = make_default_seed() if shuffle else 0
        self._epoch = 0

    def next(self, count: int) -> Numbers:
        """The numbers below ``count`` in the order of the next epoch."""
        if not self.shuffle:
            return Consecutive(count)
        key = (self._seed, self._epoch)
        self._epoch += 1
        if count > SORTED_ITEMS:
            return Permutation(count, key)
        words = registry.get_backend("numpy").table["random_words"](key, (count,))
        return np.argsort(words, kind="stable").astype(np.int32)

    def get_state(self) -> dict[str, int]:
        """What decides the order of the epochs to come."""
        return {"seed": self._seed, "epoch": self._epoch}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on with the epochs that were to come when ``get_state`` returned it."""
        self._seed, self._epoch = state["seed"], state["epoch"]


class Consecutive:
    """The numbers below ``count``, one after the other."""

    def __init__(self, count: int) -> None:
        self._numbers = range(count)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, part: slice) -> np.ndarray:
        chosen = self._numbers[part]
        return np.arange(chosen.start, chosen.stop, chosen.step, dtype=np.int32)


class Permutation:
    """The numbers below ``count`` in a pseudorandom order, each computed from its position alone.

    A Feistel network permutes the numbers of the fewest bits that hold ``count`` (Luby and Rackoff, 1988); one that lands at or
    above it goes through again until it lands below (Black and Rogaway, 2002, "cycle walking"). Nothing is stored, so an epoch
    over billions of rows begins at once.

    Args:
        count: how many numbers, from 2 to 2**31.
        key: the two words the order follows from.

    Example:
        >>> from triceras.training.data.order import Permutation
        >>> sorted(Permutation(10, (0, 1))[2:8].tolist() + Permutation(10, (0, 1))[[0, 1, 8, 9]].tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, count: int, key: tuple[int, int]) -> None:
        table = registry.get_backend("numpy").table
        self._hash = table["words_at"]
        self._keys = table["random_words"](key, (_ROUNDS, 2)).tolist()
        self._count = count
        bits = (count - 1).bit_length()
        self._widths = (bits // 2, bits - bits // 2)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, part: slice | Sequence[int]) -> np.ndarray:
        places = range(self._count)[part] if isinstance(part, slice) else part
        numbers = self._permuted(np.asarray(places, np.uint32))
        while len(outside := np.flatnonzero(numbers >= self._count)):
            numbers[outside] = self._permuted(numbers[outside])
        return numbers.view(np.int32)

    def _permuted(self, numbers: np.ndarray) -> np.ndarray:
        """The network: in each round the high bits are mixed with a hash of the low ones, and they change places."""
        high_bits, low_bits = self._widths
        for key in self._keys:
            high, low = numbers >> np.uint32(low_bits), numbers & np.uint32((1 << low_bits) - 1)
            mixed = high ^ (self._hash(low, key).view(np.uint32) & np.uint32((1 << high_bits) - 1))
            numbers = low << np.uint32(high_bits) | mixed
            high_bits, low_bits = low_bits, high_bits
        return numbers


#: Numbers of items, of which slices are int32 arrays.
Numbers: TypeAlias = np.ndarray | Consecutive | Permutation
