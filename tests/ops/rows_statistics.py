"""Rows for quantiles, counts, differences and reductions without NaN."""

from __future__ import annotations

import warnings

import numpy as np

from tests.ops.table import FLOATS, integers, normal, row, uniform

X = normal(3, 4, 5)
HOLES = np.where(integers(0, 4, 3, 4) == 0, np.nan, normal(3, 4))
HOLES[2, :] = [1.0, 2.0, np.nan, -3.0]

EMPTY = np.where(np.arange(3)[:, None] == 1, np.nan, HOLES)

NAN_REDUCTIONS = "nansum nanprod nanmax nanmin nanmean nanvar nanstd".split()


def _nanquantile(*args: object, **kwargs: object) -> np.ndarray:
    with warnings.catch_warnings(action="ignore"):  # of slices without numbers
        return np.nanquantile(*args, **kwargs)  # type: ignore[call-overload]


ROWS = [
    row("median", X, reference=np.median, dtypes=(*FLOATS, "int32"), differentiable=True),
    row("median", X, 1, reference=np.median, differentiable=True),
    row("median", X, (0, 2), keepdims=True, reference=np.median),
    row("median", HOLES, -1, reference=np.median),
    *(
        row(
            "quantile",
            X,
            np.array([0.1, 0.5, 0.9]),
            1,
            method=method,
            reference=np.quantile,
            tolerance=5e-6,
            unknown=False,
        )
        for method in ("linear", "lower", "higher", "midpoint", "nearest")
    ),
    row("quantile", X, 0.3, (0, 1), keepdims=True, reference=np.quantile, differentiable=True, tolerance=5e-6),
    row("percentile", X, 30, -1, reference=np.percentile, tolerance=5e-6, differentiable=True),
    row("nanmedian", HOLES, reference=np.nanmedian, dtypes=FLOATS, unknown=False),
    row("nanmedian", HOLES, 1, keepdims=True, reference=np.nanmedian, differentiable=True),
    row("nanmedian", integers(0, 9, 3, 4), 0, reference=np.nanmedian),
    *(
        row(
            "nanquantile",
            HOLES,
            np.array([0.1, 0.5, 0.9]),
            1,
            method=method,
            reference=np.nanquantile,
            tolerance=5e-6,
            unknown=False,
        )
        for method in ("linear", "lower", "higher", "midpoint", "nearest")
    ),
    row("nanquantile", EMPTY, 0.3, 1, reference=_nanquantile, tolerance=5e-6),
    row("nanquantile", EMPTY, 0.3, (0, 1), keepdims=True, reference=np.nanquantile, tolerance=5e-6),
    row("nanquantile", X, 0.7, (0, 2), reference=np.nanquantile, differentiable=True, tolerance=5e-6),
    row("nanpercentile", HOLES, 30, -1, reference=np.nanpercentile, tolerance=5e-6, differentiable=True),
    *(row(op, HOLES, reference=getattr(np, op), tolerance=3e-6, differentiable=True) for op in NAN_REDUCTIONS),
    *(row(op, HOLES, -1, keepdims=True, reference=getattr(np, op), tolerance=3e-6) for op in NAN_REDUCTIONS),
    row("nansum", integers(0, 5, 3, 4), 0, reference=np.nansum),
    row("nanmax", integers(0, 5, 3, 4), 0, reference=np.nanmax),
    *(
        row(op, HOLES, axis, reference=getattr(np, op), differentiable=True)
        for op in ("nancumsum", "nancumprod")
        for axis in (None, 1)
    ),
    *(row(op, HOLES, axis, reference=getattr(np, op)) for op in ("nanargmax", "nanargmin") for axis in (None, 1)),
    row("diff", X, reference=np.diff, dtypes=("float32", "int32", "bool"), differentiable=True),
    row("diff", X, 2, 1, reference=np.diff, differentiable=True),
    row("trapezoid", X, reference=np.trapezoid, differentiable=True, tolerance=2e-6),
    row("trapezoid", X, np.sort(normal(4)), axis=1, reference=np.trapezoid, tolerance=3e-6, unknown=False),
    row("vander", normal(4), reference=np.vander, unknown=False, tolerance=3e-6, differentiable=True),
    row("vander", integers(1, 4, 3), 4, increasing=True, reference=np.vander, unknown=False),
    row("bincount", integers(0, 6, 9), minlength=7, reference=np.bincount),
    row("bincount", integers(0, 6, 9), reference=np.bincount, symbolic=False, compiled=False),
    row("bincount", integers(0, 6, 9), normal(9), minlength=6, reference=np.bincount, differentiable=True),
    row("digitize", X, np.array([-1.0, 0.0, 0.5]), reference=np.digitize, unknown=False),
    row("histogram", X, 7, reference=np.histogram, tolerance=5e-6, unknown=False),
    row("histogram", X, 5, (-1.0, 1.5), reference=np.histogram, tolerance=5e-6, unknown=False),
    row("corrcoef", normal(3, 9), reference=np.corrcoef, tolerance=5e-6, unknown=False, differentiable=True),
    row("average", np.abs(HOLES) > 0, reference=np.average),
    row("ptp", uniform(0, 1, 5), reference=np.ptp),
]
