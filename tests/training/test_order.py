"""The order of an epoch's items: each once, as random as can be told, the same wherever it is read."""

from __future__ import annotations

import itertools
import pathlib

import numpy as np
import pytest
from scipy import stats

from triceras.backends import registry
from triceras.training.data import order as orders
from triceras.training.data.array_source import ArraySource
from triceras.training.data.order import Consecutive, Order, Permutation


@pytest.mark.parametrize("count", [2, 3, 5, 16, 17, 1000, 4097, 100_003, 1 << 16])
def test_permutation_holds_every_number_once_and_each_part_agrees(count: int) -> None:
    permutation = Permutation(count, (3, 5))
    whole = permutation[:]
    assert np.array_equal(np.sort(whole), np.arange(count))
    assert whole.dtype == np.int32
    assert np.array_equal(permutation[count // 3 : count], whole[count // 3 :])
    assert len(permutation[count:]) == 0
    assert len(permutation) == count


def test_permutations_look_random() -> None:
    """Fixed points, where a number lands, neighbours' distance, and the order of pairs, over many keys."""
    count, keys = 1000, 400
    made = np.stack([Permutation(count, (key, key % 7))[:] for key in range(keys)])
    # A random permutation has one fixed point on average, with a variance of 1.
    assert abs((made == np.arange(count)).sum(1).mean() - 1) < 4 / np.sqrt(keys)
    landings = np.histogram2d(np.tile(np.arange(count), keys), made.ravel(), bins=20)[0]
    assert stats.chisquare(landings.ravel()).pvalue > 1e-3
    steps = np.diff(made, axis=1).ravel()
    assert abs(np.abs(steps).mean() / ((count**2 - 1) / (3 * count)) - 1) < 0.01
    rises = np.histogram((made[:, 1:] > made[:, :-1]).mean(1), bins=10)
    assert abs(np.average(rises[1][:-1], weights=rises[0]) - 0.5) < 0.02
    correlations = [abs(np.corrcoef(a, b)[0, 1]) for a, b in itertools.pairwise(made)]
    assert np.max(correlations) < 5 / np.sqrt(count)


def test_all_orders_of_few_numbers_occur() -> None:
    made = np.stack([Permutation(4, (key, 0))[:] for key in range(4800)])
    counts = np.unique(made, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert counts.min() > 100


def test_epoch_of_billions_begins_at_once() -> None:
    permutation = Permutation(2**31 - 1, (1, 2))
    rows = permutation[10**9 : 10**9 + 1000]
    assert len(np.unique(rows)) == 1000
    assert rows.min() >= 0
    assert Consecutive(2**31 - 1)[10**9 : 10**9 + 3].tolist() == [10**9, 10**9 + 1, 10**9 + 2]


@pytest.mark.parametrize("stored", ["memory", "disk"])
def test_long_arrays_are_read_in_the_same_order_wherever_they_are(
    stored: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "SORTED_ITEMS", 10)
    x = np.arange(1003, dtype="float32")
    if stored == "disk":
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    source = ArraySource(x, batch_size=3, shuffle=True, backend=registry.get_backend("numpy"))
    assert source.on_device == (stored == "memory")
    source.set_state({"seed": 7, "epoch": 2})
    read = np.concatenate([np.asarray(handed.tensors[0]) for handed in source.batches()])
    assert np.array_equal(read, Permutation(1003, (7, 2))[:])
    source.set_state({"seed": 7, "epoch": 2})
    rest = np.concatenate([np.asarray(handed.tensors[0]) for handed in source.batches(done=300, limit=320)])
    assert np.array_equal(rest, read[900:960])


def test_orders_of_epochs_differ_and_follow_from_the_state() -> None:
    order = Order(shuffle=True)
    order.set_state({"seed": 1, "epoch": 0})
    count = orders.SORTED_ITEMS + 1
    first, second = order.next(count)[:1000], order.next(count)[:1000]
    assert (first != second).mean() > 0.99
    assert order.get_state() == {"seed": 1, "epoch": 2}
    order.set_state({"seed": 1, "epoch": 1})
    assert np.array_equal(order.next(count)[:1000], second)
