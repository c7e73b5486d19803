"""Rows for bits and pairs read as other dtypes, patterns of axes, and distinct elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.table import Row, integers, normal, row

X = normal(2, 6, 4)
LETTERS = integers(0, 4, 3, 5)
PAIRS = integers(0, 2, 7, 2)
REPEATED = np.array([[2.0, 0.5, 2.0], [0.5, -1.0, 9.0]])


def _view(x: np.ndarray, dtype: str | None = None) -> np.ndarray:
    """Floats come as float64 and are float32 in the test."""
    x = x.astype("float32") if x.dtype == "float64" else x
    return x.view(dtype or x.dtype)


def pattern(text: str, reference: Any, x: np.ndarray = X, **lengths: int) -> Row:
    return row("rearrange", x, text, reference=lambda x, *_, **__: reference(x), differentiable=True, **lengths)


def _unique(x: np.ndarray, axis: int | None = None, **options: Any) -> Any:
    options.pop("sorted", None)
    found = np.unique(x, axis=axis, **options)
    if "return_inverse" not in options:
        return found
    values, index, inverse, counts = found
    return values, index, inverse.reshape(x.shape if axis is None else (-1,)), counts


def _padded(x: np.ndarray, size: int, fill_value: float | None = None, **_: Any) -> list[np.ndarray]:
    values, index, inverse, counts = np.unique(x, True, True, True)
    missing = max(0, size - len(values))
    return [
        np.pad(values[:size], (0, missing), constant_values=fill_value or 0),
        np.pad(index[:size], (0, missing), constant_values=index[0]),
        inverse.reshape(x.shape),
        np.pad(counts[:size], (0, missing)),
    ]


ALL = {"return_index": True, "return_inverse": True, "return_counts": True}
#: How many there are depends on the values.
EAGER = {"compiled": False, "symbolic": False}

ROWS = [
    *(row("view", X, dtype, reference=_view) for dtype in (None, "int32", "uint32", "int16", "uint8")),
    row("view", LETTERS[:, :4].astype("int16").copy(), "int32", reference=_view),
    row("view", LETTERS[:, :4].astype("uint8").copy(), "float16", reference=_view),
    row("view", integers(0, 2, 3, 4).astype("int8"), "bool", reference=_view),
    row("view", integers(0, 2, 3, 4).astype("bool"), "uint8", reference=_view),
    row("view", np.array(1.5), "int32", reference=_view),
    row("view_as_complex", normal(3, 4, 2), reference=lambda x: x[..., 0] + 1j * x[..., 1]),
    row("view_as_complex", integers(0, 9, 3, 2), reference=lambda x: x[..., 0] + 1j * x[..., 1]),
    row("view_as_real", normal(3, 4) + 1j * normal(3, 4, seed=1), reference=lambda x: np.stack([x.real, x.imag], -1)),
    row("view_as_real", normal(3, 4), reference=lambda x: np.stack([x, 0 * x], -1), differentiable=True),
    pattern("b (h w) c -> b c h w", lambda x: x.reshape(2, 2, 3, 4).transpose(0, 3, 1, 2), h=2),
    pattern("b (h w) c -> (w b) h c", lambda x: x.reshape(2, 2, 3, 4).transpose(2, 0, 1, 3).reshape(6, 2, 4), w=3),
    pattern("a b c->c a b", lambda x: x.transpose(2, 0, 1)),
    pattern("a b c -> a b c", lambda x: x),
    pattern("... c -> c ...", lambda x: x.transpose(2, 0, 1)),
    pattern("a ... -> (a ...)", np.ravel),
    pattern("a ... (c d) -> d a (...) c 1", lambda x: x.reshape(2, 6, 2, 2).transpose(3, 0, 1, 2)[..., None], d=2),
    pattern("a b c -> a 1 (b c) ()", lambda x: x.reshape(2, 1, 24, 1)),
    pattern("a 1 b -> b a", lambda x: x[:, 0].T, normal(3, 1, 2)),
    pattern("(a b c) -> c (a b)", lambda x: x.reshape(6, 4).T, normal(24), b=3, c=4),
    row("unique", LETTERS, reference=_unique, **EAGER),
    row("unique", REPEATED, reference=_unique, dtypes=("float32", "bfloat16", "float16"), **EAGER),
    row("unique", LETTERS, reference=_unique, **ALL, **EAGER),
    row("unique", REPEATED, sorted=False, reference=_unique, **ALL, **EAGER),
    row("unique", integers(0, 2, 5).astype(bool), reference=_unique, **ALL, **EAGER),
    row("unique", np.array([1.0, np.nan, 1.0, np.nan]), reference=lambda x: np.unique(x, equal_nan=False), **EAGER),
    *(row("unique", PAIRS, axis=axis, reference=_unique, **ALL, **EAGER) for axis in (0, 1, -1)),
    row("unique", normal(3, 2, 4)[[0, 1, 0, 2]], axis=0, reference=_unique, **ALL, **EAGER),
    *(row("unique", LETTERS, size=size, reference=_padded, **ALL) for size in (2, 4, 6)),
    row("unique", REPEATED, size=7, fill_value=9.0, reference=_padded, **ALL),
    row("unique", PAIRS, axis=0, size=6, reference=None, **ALL),
]
