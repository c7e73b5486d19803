"""Rows for positions: reading, writing, sorting."""

from __future__ import annotations

import numpy as np

from tests.ops.table import FLOATS, booleans, integers, normal, row

X = normal(4, 5)
CUBE = normal(3, 4, 5)
SOME = ("float32", "int32", "bool", "bfloat16")
PLACES = np.array([[0, 1], [3, 4], [0, 1]], "int32")
UNIQUE = np.array([[0, 1], [2, 4], [-1, 0]], "int32")
_AT = {"add": np.add.at, "max": np.maximum.at, "min": np.minimum.at, "mul": np.multiply.at}


def _update(x: np.ndarray, indices: np.ndarray, updates: np.ndarray, reduction: str | None = None) -> np.ndarray:
    x = x.copy()
    at = tuple(np.moveaxis(indices, -1, 0))
    if reduction is None:
        x[at] = updates
    else:
        _AT[reduction](x, at, updates)
    return x


def _scatter(indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return _update(np.zeros(shape), indices, values, "add")


def _slice_update(x: np.ndarray, start: tuple[int, int], updates: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[start[0] : start[0] + updates.shape[0], start[1] : start[1] + updates.shape[1]] = updates
    return x


def _top_k(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    indices = np.argsort(-x, -1, kind="stable")[..., :k]
    return np.take_along_axis(x, indices, -1), indices


def _item(x: np.ndarray, key: object) -> np.ndarray:
    return x[key]  # type: ignore[index]


KEYS = [
    1,
    -1,
    slice(1, None),
    slice(None, None, -2),
    (slice(None), 2),
    (Ellipsis, 1),
    (0, Ellipsis, None),
    (slice(0, 2), slice(None), slice(1, -1, 2)),
    (Ellipsis, slice(None, None, -1), 0),
    np.array([0, 2, -1], "int32"),
    (slice(None), np.array([[0, 2], [1, 1]], "int32")),
    (np.array([0, 2], "int32"), slice(None), np.array([[1], [2]], "int32")),
    (slice(None), np.array([0, 2], "int32"), np.array([1, 2], "int32")),
    (None, np.array([0, 2], "int32"), 1),
]

ROWS = [
    row("take", CUBE, np.array([[0, -1], [2, 1]], "int32"), 1, reference=np.take, dtypes=SOME, differentiable=True),
    row("take", X, np.array([0, 7, -1], "int32"), reference=np.take),
    row("take", X, 2, axis=0, reference=np.take),
    row(
        "take_along_axis",
        X,
        integers(-4, 4, 2, 5),
        0,
        reference=np.take_along_axis,
        dtypes=SOME,
        differentiable=True,
        unknown=False,
    ),
    row("take_along_axis", X, integers(0, 5, 4, 2), -1, reference=np.take_along_axis),
    row("take_along_axis", CUBE, integers(0, 4, 3, 2, 1), 1, reference=np.take_along_axis),
    *(row("get_item", CUBE, key, reference=_item, differentiable=True) for key in KEYS),
    row("get_item", X, booleans(4, 5), reference=_item, symbolic=False, compiled=False, differentiable=True),
    row("get_item", CUBE, (slice(None), booleans(4)), reference=_item, symbolic=False, compiled=False),
    row("scatter", PLACES, normal(3), (4, 5), reference=_scatter, dtypes=("float32", "int32"), differentiable=True),
    row("scatter", PLACES[:, :1], normal(3, 5), (4, 5), reference=_scatter, differentiable=True),
    row("scatter_update", X, UNIQUE, normal(3), reference=_update, dtypes=SOME, differentiable=True),
    row("scatter_update", X, UNIQUE[:, :1], normal(3, 5), reference=_update, differentiable=True, unknown=False),
    *(
        row("scatter_update", X, PLACES, normal(3), reduction=r, reference=_update, dtypes=("float32", "int32"))
        for r in ("add", "max", "min", "mul")
    ),
    row("scatter_update", X, PLACES, normal(3), reduction="add", reference=_update, differentiable=True),
    row("slice", X, (1, 2), (2, 3), reference=lambda x, *_: x[1:3, 2:5], dtypes=SOME, differentiable=True),
    row("slice", X, np.array([1, 2], "int32"), (2, 3), reference=lambda x, *_: x[1:3, 2:5]),
    row("slice", X, (1, 2), (-1, 2), reference=lambda x, *_: x[1:, 2:4], unknown=False),
    row("slice_update", X, (1, 2), normal(2, 2), reference=_slice_update, dtypes=SOME, differentiable=True),
    row("slice_update", X, np.array([1, 2], "int32"), normal(2, 2), reference=_slice_update),
    row("sort", X, reference=np.sort, dtypes=(*FLOATS, "int32", "int8", "bool"), differentiable=True),
    row("sort", CUBE, 1, reference=np.sort, differentiable=True),
    row(
        "argsort",
        np.trunc(X) + 0.0,
        reference=lambda x: np.argsort(x, kind="stable"),
        dtypes=(*FLOATS, "int32", "int8", "bool"),
    ),
    row("sort", np.array([[1.0, np.nan, np.inf, -np.inf, np.nan, 0.0]]), reference=np.sort, dtypes=FLOATS),
    row(
        "argsort",
        np.array([[1.0, np.nan, np.inf, -0.0, -2.0, -np.inf, -np.nan, 0.0]]),
        reference=lambda x: np.argsort(x, kind="stable"),
        dtypes=FLOATS,
    ),
    row("argsort", CUBE, 0, reference=np.argsort),
    row("top_k", np.trunc(X) + 0.0, 3, reference=_top_k, dtypes=("float32", "int32", "bfloat16"), differentiable=True),
    row("searchsorted", np.sort(normal(7)), X, reference=np.searchsorted, unknown=False),
    row(
        "searchsorted",
        np.array([1, 2, 2, 3]),
        integers(0, 5, 6),
        side="right",
        reference=np.searchsorted,
        unknown=False,
    ),
]
