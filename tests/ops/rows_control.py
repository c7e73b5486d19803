"""Rows for control flow: the functions are arguments, so what can't be compiled as an op says so."""

from __future__ import annotations

import numpy as np

from tests.ops.table import normal, row
from triceras import ops

X = normal(5, 3)


def _pair(a: tuple, b: tuple) -> tuple:
    """The composition of two linear recurrences."""
    return a[0] * b[0], b[0] * a[1] + b[1]


def _recurrence(decay: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    out, total = [], np.zeros_like(x[0])
    for d, v in zip(decay, x, strict=True):
        total = d * total + v
        out.append(total)
    return [np.cumprod(decay, 0), np.stack(out)]


def _doubled(f: object, carry: np.ndarray, xs: None, length: int) -> list[np.ndarray]:
    return [carry * 2.0**length, carry * 2.0 ** np.arange(length)[:, None]]


def _from_the_end(f: object, x: np.ndarray, *_: object) -> np.ndarray:
    return np.cumsum(x[:, ::-1], 1)[:, ::-1]


ROWS = [
    row("cond", np.array(True), lambda: ops.ones(()), lambda: ops.zeros(()), reference=lambda *_: 1.0, compiled=False),
    row("map", lambda x: x * x, X, reference=lambda f, x: x * x, differentiable=True),
    row("vectorized_map", lambda x: x * x + 1, X, reference=lambda f, x: x * x + 1, differentiable=True),
    row("scan", lambda c, x: (c + x, c * x), X[0], X, differentiable=True, unknown=False),
    row("scan", lambda c, x: (c + x, c * x), X[0], X, reverse=True, differentiable=True, unknown=False),
    row("scan", lambda c, _: (c * 2, c), X[0], None, 4, reference=_doubled),
    row("fori_loop", 1, 4, lambda i, x: x * 2, X, reference=lambda a, b, f, x: x * 8, differentiable=True),
    row(
        "while_loop",
        lambda i, x: i < 3,
        lambda i, x: (i + 1, x * 2),
        (np.array(0, "int32"), X),
        reference=lambda c, b, v: (3, v[1] * 8),
        compiled=False,
    ),
    row(
        "while_loop",
        lambda x: x < 1e9,
        lambda x: x * 2,
        np.array(1.0),
        3,
        reference=lambda *_: 8.0,
        compiled=False,
    ),
    row(
        "switch",
        np.array(1, "int32"),
        [lambda x: x + 1, lambda x: x * 10],
        X,
        reference=lambda i, b, x: x * 10,
        differentiable=True,
        compiled=False,
    ),
    row("associative_scan", lambda a, b: a + b, X, reference=lambda f, x: np.cumsum(x, 0), differentiable=True),
    row("associative_scan", lambda a, b: a + b, X, True, 1, reference=_from_the_end),
    row("associative_scan", _pair, (X * 0.5, X), reference=lambda f, x: _recurrence(*x), differentiable=True),
]
