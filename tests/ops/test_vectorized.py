"""``vectorized_map`` of every op: mapped over two variants of its arguments it gives what two calls give."""

from __future__ import annotations

import collections
import itertools
from typing import Any

import numpy as np
import pytest

from tests.ops.table import TOLERANCE, Row
from tests.ops.test_table import ROWS, TRAINING, _arrays, _assert_close, _call, _host, _map_arrays, _typed
from triceras import ops
from triceras.backends import registry

#: How many rows of an op are mapped: a program is traced for each on tensorflow, and several are compiled on jax.
ROWS_EACH = {"jax": 1, "torch": 99, "tensorflow": 3}
#: (Backend, op) -> what the error says, where a framework can't map an op at all.
IMPOSSIBLE: dict[tuple[str, str], str] = {}


def _variants(row: Row) -> list[list[np.ndarray]]:
    """The row's arrays, and others that it takes as well: floats a little smaller, everything else alike."""
    arrays = _arrays(_typed(row, row.dtypes[0]))
    return [arrays, [a if a.dtype.kind in "biu" else (a * 0.75).astype(a.dtype) for a in arrays]]


def _mapped(row: Row, name: str, stacked: list[np.ndarray]) -> Any:
    with registry.backend_scope(name) as backend:

        def function(tensors: list[Any]) -> Any:
            given = iter(tensors)
            return _call(row, _map_arrays(lambda _: next(given), _typed(row, row.dtypes[0])))

        return ops.vectorized_map(function, [backend.convert_to_tensor(a) for a in stacked])


def _apart(row: Row, name: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    with registry.backend_scope(name) as backend:
        given = iter(arrays)
        arguments = _map_arrays(lambda _: backend.convert_to_tensor(next(given)), _typed(row, row.dtypes[0]))
        return _host(_call(row, arguments))


def _chosen() -> list[Any]:
    """Rows that can be compiled and have arrays, with each backend that maps them."""
    count: collections.Counter[tuple[str, str]] = collections.Counter()
    chosen = []
    for row, name in itertools.product((r for r in ROWS if r.compiled and _arrays((r.args, r.kwargs))), TRAINING):
        count[row.op, name] += 1
        if count[row.op, name] <= ROWS_EACH[name]:
            chosen.append(pytest.param(row, name, id=f"{row}-{name}"))
    return chosen


@pytest.mark.parametrize(("row", "name"), _chosen())
def test_vectorized_map(row: Row, name: str) -> None:
    """Nothing is computed one element at a time with a warning, nor by rules that are wrong."""
    variants = _variants(row)
    stacked = [np.stack(pair) for pair in zip(*variants, strict=True)]
    if (name, row.op) in IMPOSSIBLE:
        with pytest.raises(Exception, match=IMPOSSIBLE[name, row.op]):
            _mapped(row, name, stacked)
        return
    expected = [_apart(row, name, arrays) for arrays in variants]
    tolerance = 4 * TOLERANCE.get(row.dtypes[0], row.tolerance)
    for actual, *apart in zip(_host(_mapped(row, name, stacked)), *expected, strict=True):
        # Bytes of images may round to either side.
        allowed = 1 if actual.dtype.kind in "iu" and row.op.startswith("image.") else tolerance
        _assert_close(actual, np.stack(apart), allowed, f"{row} on {name}")
