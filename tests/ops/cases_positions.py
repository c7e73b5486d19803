"""Cases of ops that read and write by position, and of control flow, against NumPy and plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.ops.cases import ALL, REAL, Case, values

INDEX_DTYPES = ("int32", "int64", "int8", "uint8", "int16")
_COMBINE = {None: None, "add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _scattered(inputs: Any, indices: Any, updates: Any, reduction: Any = None) -> Any:
    result, at = np.array(inputs), tuple(np.moveaxis(indices, -1, 0))
    if reduction is None:
        result[at] = updates
    else:
        _COMBINE[reduction].at(result, at, updates)
    return result


def _scatter(indices: Any, updates: Any, shape: Any) -> Any:
    return _scattered(np.zeros(shape, updates.dtype), indices, updates, "add")


def _sliced(x: Any, start: Any, shape: Any) -> Any:
    return x[tuple(slice(s, d if n == -1 else s + n) for s, n, d in zip(start, shape, x.shape))]


def _updated(x: Any, start: Any, updates: Any) -> Any:
    result = np.array(x)
    result[tuple(slice(s, s + n) for s, n in zip(start, updates.shape))] = updates
    return result


#: Keys for an array of three axes (3, 4, 5).
KEYS: tuple[Any, ...] = (
    0, -1, slice(None), slice(1, None), slice(None, None, -1), slice(-2, None), (0, 1), (Ellipsis, 0), (0, Ellipsis, -1),
    (None, 1), (slice(None), None, 2), (slice(0, 0), 1), (slice(None), slice(3, 0, -2)), (slice(None), [2, 0]),
    ([0, 2], slice(None), [1, 4]), (1, [2, 2]), np.array([[0, 1], [2, -1]]), (slice(None), np.array([True, False, True, True])),
    (Ellipsis, slice(None, None, 2)), (), Ellipsis, None,
)  # fmt: skip


def positions() -> Iterator[Case]:
    """Reading and writing by position: dtypes of values and of indices, nothing, one element, several axes."""
    cube = values((3, 4, 5), "float32")
    for key in KEYS:
        yield Case("get_item", (cube, key), {}, lambda x, key: x[key], f"float32 {key}")
    for dtype in INDEX_DTYPES:
        at = np.array([[0, 2], [1, 1]], dtype)
        yield Case("take", (cube, at), {"axis": 0}, np.take, f"float32 by {dtype}")
        places = np.zeros((3, 1, 5), dtype)
        along = lambda x, i, axis: np.take_along_axis(x, i.astype(int), axis)
        yield Case("take_along_axis", (cube, places), {"axis": 1}, along, f"float32 by {dtype}")
    for dtype in ALL:
        x, updates = values((4, 3), dtype), values((2, 3), dtype, seed=1)
        rows = np.array([[3], [0]], "int32")
        yield Case("scatter_update", (x, rows, updates), {}, _scattered, f"{dtype} (4, 3)")
        yield Case("slice", (x, (1, 0), (2, 3)), {}, _sliced, f"{dtype} (4, 3)")
        yield Case("slice_update", (x, (2, 0), updates), {}, _updated, f"{dtype} (4, 3)")
        if dtype != "bool":
            repeated = np.array([[1], [1]], "int32")
            yield Case("scatter", (repeated, updates, (4, 3)), {}, _scatter, f"{dtype} (4, 3)")
    for dtype, reduction in itertools.product(("float32", "int32", "float16"), _COMBINE):
        x, updates = values((4, 3), dtype), values((3,), dtype, 0.5, 2, seed=1)
        at = np.array([[0, 1], [3, -1], [2, 2]] if reduction is None else [[0, 1], [0, 1], [-1, 2]], "int32")
        yield Case("scatter_update", (x, at, updates), {"reduction": reduction}, _scattered, f"{dtype} {reduction}")
    empty = np.zeros((0, 1), "int32")
    yield Case("scatter_update", (cube, empty, np.zeros((0, 4, 5), "float32")), {}, _scattered, "float32 of nothing")
    yield Case("slice", (cube, (0, 1, 2), (-1, 0, -1)), {}, _sliced, "float32 of nothing")
    yield Case("slice", (cube, np.array([0, 1, 2]), (3, 2, 1)), {}, _sliced, "float32 by an array")


def orders() -> Iterator[Case]:
    """Sorting, searching and the largest elements, of ties too."""
    for dtype in REAL[1:]:
        x = values((3, 6), dtype)
        positions_of = lambda x, axis: np.argsort(x, axis, kind="stable")
        yield Case("argsort", (x,), {"axis": -1}, positions_of, f"{dtype} (3, 6)")
        yield Case("top_k", (x, 2), {}, lambda x, k: _top(x, k), f"{dtype} (3, 6)")
        ascending = np.sort(x[0])
        yield Case("searchsorted", (ascending, x), {"side": "right"}, np.searchsorted, f"{dtype} (3, 6)")
    for axis in (0, None, -2):
        yield Case("argsort", (values((3, 6), "float32"),), {"axis": axis}, positions_of, f"float32 {axis}")


def _top(x: Any, k: int) -> Any:
    order = np.argsort(-x.astype("float64"), -1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


def _scan(f: Any, init: Any, xs: Any, reverse: bool = False) -> Any:
    carry, outputs = init, []
    for x in xs[::-1] if reverse else xs:
        carry, y = f(carry, x)
        outputs.append(y)
    return carry, np.stack(outputs[::-1] if reverse else outputs)


def _looped(condition: Any, body: Any, start: Any, maximum_iterations: int | None = None) -> Any:
    done = 0
    while condition(*start) and (maximum_iterations is None or done < maximum_iterations):
        start, done = body(*start), done + 1
    return start


def _accumulated(f: Any, x: Any, reverse: bool = False, axis: int = 0) -> Any:
    x = np.moveaxis(x, axis, 0)[:: -1 if reverse else 1]
    out = [x[0]]
    for y in x[1:]:
        out.append(f(out[-1], y))
    return np.moveaxis(np.stack(out)[:: -1 if reverse else 1], 0, axis)


def control_flow() -> Iterator[Case]:
    """Branches, loops, scans and maps over tensors of several dtypes and lengths, one of them one."""
    for dtype, shape in itertools.product(("float32", "int32", "float16"), ((4, 3), (1, 2), (7,))):
        x, what = values(shape, dtype), f"{dtype} {shape}"
        for reverse in (False, True):
            step = lambda c, v: (c + v, c * v)
            yield Case("scan", (step, x[0], x), {"reverse": reverse}, _scan, f"{what} {reverse}", 4)
            add = lambda a, b: a + b
            kwargs = {"reverse": reverse, "axis": -1}
            yield Case("associative_scan", (add, x), kwargs, _accumulated, f"{what} {kwargs}", 4)
        yield Case("map", (lambda v: v * v, x), {}, lambda f, x: f(x), what)
        yield Case("vectorized_map", (lambda v: v * v + v, x), {}, lambda f, x: f(x), what)
        yield Case("fori_loop", (0, 3, lambda i, v: v + v, x), {}, lambda a, b, f, x: x * 8, what)
        yield Case("fori_loop", (2, 2, lambda i, v: v + v, x), {}, lambda a, b, f, x: x, f"{what} never")
        loop = (lambda i, v: i < 3, lambda i, v: (i + 1, v + v), (np.array(0, "int32"), x))
        yield Case("while_loop", loop, {}, _looped, what)
        yield Case("while_loop", loop, {"maximum_iterations": 2}, _looped, f"{what} twice")
        for index in (0, 1, 5, -1):
            branches = [lambda v: v + v, lambda v: v - v]
            chosen = lambda i, b, x: b[min(max(int(i), 0), 1)](x)
            yield Case("switch", (np.array(index, "int32"), branches, x), {}, chosen, f"{what} {index}")
        for truth in (True, False):
            functions = (lambda x=x: 1, lambda x=x: 0)
            pick = lambda p, a, b: a() if p else b()
            yield Case("cond", (np.array(truth), *functions), {}, pick, f"{dtype} {truth}")
