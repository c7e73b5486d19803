"""Rows for choices, membership, segments and windows."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from tests.ops.table import Row, booleans, integers, normal, row

X = normal(3, 4)
IDS = np.array([0, 2, 0, 3, 2], "int32")

TARGETS = np.array([0, 3, 1, 2, 4, -1], "int32")
PREDICTIONS = np.where(integers(0, 5, 6, 4) == 0, np.nan, integers(0, 3, 6, 4, seed=1))


def _in_top_k(targets: np.ndarray, predictions: np.ndarray, k: int) -> np.ndarray:
    """A row at a time: how many predictions are above the target's."""

    def one(target: int, row: np.ndarray) -> bool:
        return 0 <= target < len(row) and not np.isnan(row[target]) and np.sum(row > row[target]) < k

    return np.array([one(*pair) for pair in zip(targets, predictions, strict=True)])


def window(op: str, *args: object) -> Row:
    return row(op, *args, reference=getattr(np, op), symbolic=False, compiled=False)


def _segments(start: float, function: np.ufunc) -> object:
    def reference(data: np.ndarray, ids: np.ndarray, num_segments: int) -> np.ndarray:
        result = np.full((num_segments, *data.shape[1:]), start, data.dtype)
        function.at(result, ids, data)
        return result

    return reference


ROWS = [
    row("array", X, reference=np.array, differentiable=True),
    row("copy", X, reference=np.copy, dtypes=("float32", "bool", "int32"), differentiable=True),
    row("saturate_cast", X * 300, "uint8", reference=lambda x, d: np.clip(x, 0, 255).astype(d)),
    row("saturate_cast", integers(-999, 999, 9), "int8", reference=lambda x, d: np.clip(x, -128, 127).astype(d)),
    row("saturate_cast", np.array([1e30, -1e30]), "float16", reference=lambda x, d: np.clip(x, -65504, 65504)),
    row("allclose", X, X, reference=np.allclose),
    row("allclose", X, X + 1, reference=np.allclose),
    row("select", [booleans(3, 4), booleans(3, 4, seed=1)], [X, X + 1], 9.0, reference=np.select, differentiable=True),
    row("isin", integers(0, 9, 3, 4), integers(0, 9, 4), reference=np.isin),
    row("isin", integers(0, 9, 3, 4), integers(0, 9, 4), invert=True, reference=np.isin),
    *(row("in_top_k", TARGETS, PREDICTIONS, k, reference=_in_top_k) for k in (1, 2, 4)),
    row("in_top_k", TARGETS, normal(6, 4), 2, reference=_in_top_k, dtypes=("float32", "bfloat16")),
    row("unravel_index", integers(0, 24, 5), (2, 3, 4), reference=np.unravel_index),
    row("argpartition", X, 2, reference=lambda x, k: np.argsort(x)),
    row("segment_sum", normal(5, 2), IDS, num_segments=5, reference=_segments(0, np.add), differentiable=True),
    row("segment_prod", normal(5, 2), IDS, num_segments=5, reference=_segments(1, np.multiply), differentiable=True),
    row("segment_max", normal(5, 2), IDS, num_segments=5, reference=_segments(-np.inf, np.maximum)),
    row("segment_min", normal(5, 2), IDS, num_segments=5, reference=_segments(np.inf, np.minimum)),
    window("bartlett", 7),
    window("hanning", 7),
    window("hamming", 7),
    window("blackman", 7),
    window("blackman", 1),
    row("kaiser", 7, 3.0, reference=np.kaiser, symbolic=False, compiled=False, tolerance=3e-6),
    row("geomspace", 1.0, 100.0, 5, reference=np.geomspace, symbolic=False, compiled=False, tolerance=3e-6),
    row(
        "geomspace",
        np.array([-1.0, 2.0]),
        np.array([-9.0, 5.0]),
        4,
        reference=np.geomspace,
        tolerance=3e-6,
        differentiable=True,
    ),
    *(
        row(
            "correlate",
            normal(m),
            normal(n),
            mode,
            reference=np.correlate,
            unknown=False,
            tolerance=3e-6,
            differentiable=True,
        )
        for m, n in ((7, 3), (3, 6))
        for mode in ("valid", "same", "full")
    ),
    row("cdist", X, normal(2, 4), reference=cdist, differentiable=True, tolerance=3e-6, unknown=False),
    row("cdist", X, X, reference=cdist, differentiable=True, tolerance=3e-6, unknown=False),
]
