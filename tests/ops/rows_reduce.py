"""Rows for reductions and running sums."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.ops.table import FLOATS, INTEGERS, Row, booleans, integers, normal, row, uniform

X = normal(3, 4, 5)
POSITIVE = uniform(0.5, 1.5, 3, 4)
ALL = (*FLOATS, *INTEGERS, "bool")


def accumulated(function: object) -> object:
    """NumPy's reduction in float64 or int64, where booleans count as numbers."""
    return lambda x, *args, **kwargs: function(x if x.dtype.kind == "f" else x.astype(np.int64), *args, **kwargs)  # type: ignore[operator]


def reduction(op: str, x: np.ndarray = X, dtypes: tuple[str, ...] = ALL, **options: object) -> list[Row]:
    """Over all axes, one, several, a negative one, with keepdims."""
    function = options.pop("reference", None) or accumulated(getattr(np, op))
    given = {"reference": function, "dtypes": dtypes, "differentiable": True, "tolerance": 2e-6} | options
    return [
        row(op, x, **given),
        row(op, x, axis=-1, **given),
        row(op, x, axis=(0, -1), keepdims=True, **given | {"dtypes": ("float32",), "differentiable": False}),
    ]


def _average(x: np.ndarray, axis: int | None = None, weights: np.ndarray | None = None) -> np.ndarray:
    return np.average(x, axis, weights)


ROWS = [
    *reduction("sum"),
    row("sum", np.zeros((0, 3)), 0, reference=np.sum),
    row("sum", np.array(2.0), reference=np.sum),
    *reduction("mean"),
    *reduction("max"),
    *reduction("min"),
    row("max", np.zeros((0, 3)), 0, initial=-1.0, reference=np.max, unknown=False),
    row("max", X, 1, initial=0.5, reference=np.max),
    row("min", X, 1, initial=0.5, reference=np.min),
    *reduction("amax", dtypes=("float32",)),
    *reduction("amin", dtypes=("float32",)),
    *reduction("ptp", dtypes=("float32", "int32")),
    *reduction("prod", POSITIVE, dtypes=("float32", "int32", "uint8")),
    row("prod", POSITIVE, 1, dtype="float32", reference=lambda x, axis, dtype: np.prod(x, axis), differentiable=True),
    *reduction("var", dtypes=("float32", "int32", "bool")),
    *reduction("std", dtypes=("float32", "int32")),
    *(row(op, np.trunc(X), axis, reference=getattr(np, op), dtypes=ALL) for op in ("any", "all") for axis in (None, 1)),
    *(
        row(op, X, reference=getattr(np, op), dtypes=("float32", "int32", "bool"), **options)
        for op in ("argmax", "argmin")
        for options in ({}, {"axis": -1}, {"axis": 0, "keepdims": True}, {"keepdims": True})
    ),
    *reduction("logsumexp", X * 30, ("float32",), reference=special.logsumexp),
    row("logsumexp", np.full((2, 3), -np.inf), -1, reference=special.logsumexp),
    row("count_nonzero", np.trunc(X), 1, reference=np.count_nonzero, dtypes=("float32", "int32")),
    row("count_nonzero", booleans(4), reference=np.count_nonzero),
    *(
        row(op, POSITIVE, axis, reference=getattr(np, op), dtypes=("float32", "int32"), differentiable=True)
        for op in ("cumsum", "cumprod")
        for axis in (None, 0, -1)
    ),
    row("cumsum", booleans(6), reference=np.cumsum),
    row("cumsum", integers(0, 5, 6, dtype="int8"), dtype="float32", reference=lambda x, dtype: np.cumsum(x)),
    row("average", X, reference=_average, dtypes=("float32", "int32"), differentiable=True, tolerance=2e-6),
    row(
        "average",
        X,
        1,
        weights=uniform(0, 1, 4),
        reference=_average,
        differentiable=True,
        tolerance=2e-6,
        unknown=False,
    ),
    row("average", X, (0, 2), weights=uniform(0, 1, 3, 4, 5), reference=_average, unknown=False, tolerance=2e-6),
    row("moments", X, 0, reference=lambda x, a: (x.mean(a), x.var(a)), dtypes=FLOATS, differentiable=True),
    row(
        "moments",
        X,
        (0, 2),
        keepdims=True,
        reference=lambda x, a, keepdims: (x.mean(a, keepdims=True), x.var(a, keepdims=True)),
    ),
    row("var", normal(2, 3), axis=(), reference=np.var),
    row("std", normal(2, 3), axis=(), reference=np.std),
    row("logsumexp", normal(2, 3), axis=(), reference=lambda x, axis: x),
]
