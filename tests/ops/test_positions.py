"""Positions out of range: given as numbers or arrays, an error of one kind on every backend; what tensors say for blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from triceras import ops
from triceras.core.errors import OpError
from triceras.graph import KerasTensor

X = np.arange(12, dtype="float32").reshape(3, 4)
#: (call, op, what is said).
CALLS: list[tuple[Callable[[Any], Any], str, str]] = [
    (lambda x: ops.take(x, 7, 0), "take", "indices lies between -3 and 2 for axis 0 of size 3, received 7"),
    (lambda x: ops.take(x, [1, -5], -1), "take", "indices lies between -4 and 3 for axis -1 of size 4, received -5"),
    (lambda x: ops.take(x, np.array([[12]])), "take", "between -12 and 11 for the flat tensor of size 12, received 12"),
    (lambda x: ops.take(x[:0], 0, 0), "take", "indices has nothing to name for axis 0 of size 0, received 0"),
    (lambda x: ops.take_along_axis(x, np.array([[9]]), 1), "take_along_axis", "for axis 1 of size 4, received 9"),
    (lambda x: ops.get_item(x, (0, 4)), "get_item", "key lies between -4 and 3 for axis 1 of size 4, received 4"),
    (lambda x: ops.get_item(x, (..., None, -5)), "get_item", "for axis 1 of size 4, received -5"),
    (lambda x: ops.get_item(x, np.array([0, 3])), "get_item", "for axis 0 of size 3, received 3"),
    (lambda x: ops.get_item(x, (0, 0, 0)), "get_item", "key names 3 axes, expected at most 2"),
    (lambda x: ops.scatter_update(x, [[0, 0], [2, 4]], [1.0, 2.0]), "scatter_update", "axis 1 of size 4, received 4"),
    (lambda x: ops.scatter([[4]], x[0, :1], (4,)), "scatter", "indices lies between -4 and 3 for axis 0 of size 4"),
    (
        lambda x: ops.slice(x, (2, 0), (2, 2)),
        "slice",
        "start_indices[0] lies between 0 and 1 for a block of 2 in axis 0 of size 3, received 2",
    ),
    (lambda x: ops.slice(x, np.array([0, 5]), (-1, -1)), "slice", "start_indices[1] lies between 0 and 4"),
    (lambda x: ops.slice_update(x, (0, -1), x[:1, :1]), "slice_update", "start_indices[1] lies between 0 and 3"),
]


@pytest.mark.parametrize(("call", "op", "said"), CALLS, ids=[f"{op}-{i}" for i, (_, op, _) in enumerate(CALLS)])
def test_out_of_range(backend: Any, call: Callable[[Any], Any], op: str, said: str) -> None:
    with pytest.raises(OpError, match=re.escape(said)) as caught:
        call(ops.convert_to_tensor(X))
    assert str(caught.value).startswith(f"{op}() can't take these arguments: ")


@pytest.mark.parametrize(("call", "op", "said"), [c for c in CALLS if c[1] != "scatter"])
def test_out_of_range_on_symbols(call: Callable[[Any], Any], op: str, said: str) -> None:
    """Said while the model is made, not when it runs."""
    if "size 0" in said:
        call = lambda x: ops.take(KerasTensor((0, 4)), 0, 0)
    with pytest.raises(OpError, match=re.escape(said)):
        call(KerasTensor((3, 4)))


def test_unknown_sizes_are_left_to_the_run() -> None:
    assert ops.take(KerasTensor((None, 4)), 7, 0).shape == (4,)


@pytest.mark.parametrize("start", [(-5, 9), (9, -5)])
def test_blocks_that_tensors_begin_are_moved_inwards(backend: Any, start: tuple[int, int]) -> None:
    """On every backend alike, negative beginnings too."""
    x, at = ops.convert_to_tensor(X), ops.convert_to_tensor(np.array(start, "int32"))
    if backend.name == "numpy":  # arrays are its tensors
        at = [ops.convert_to_tensor(s) for s in start]
        with pytest.raises(OpError, match="start_indices"):
            ops.slice(x, at, (2, 2))
        return
    row, column = (min(max(s, 0), d - 2) for s, d in zip(start, X.shape, strict=True))
    expected = X[row : row + 2, column : column + 2]
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.slice(x, at, (2, 2))), expected)
    changed = ops.convert_to_numpy(ops.slice_update(x, at, ops.zeros((2, 2))))
    assert changed[row : row + 2, column : column + 2].sum() == 0
    assert (changed == 0).sum() == 4 + (expected[0, 0] != 0)


def test_positions_in_range_of_any_kind(backend: Any) -> None:
    x = ops.convert_to_tensor(X)
    for indices in (2, np.int64(-3), [0, -1], np.array([[1]]), np.zeros((0,), "int32"), [np.int32(1), 2]):
        found = ops.convert_to_numpy(ops.take(x, indices, 0))
        np.testing.assert_array_equal(found, np.take(X, np.asarray(indices, "int64"), 0))
