"""Rows for creation, rearrangement and layout."""

from __future__ import annotations

import numpy as np

from tests.ops.table import Row, integers, normal, row

X = normal(3, 4)
CUBE = normal(2, 3, 4)
V = normal(4)
SOME = ("float32", "int32", "bool", "bfloat16")


def plain(op: str, *args: object, **options: object) -> Row:
    return row(op, *args, **{"reference": getattr(np, op, None), "differentiable": True} | options)


def made(op: str, *args: object, **options: object) -> Row:
    """A tensor out of nothing: nothing symbolic, nothing to compile."""
    known = {"reference": getattr(np, op, None), "symbolic": False, "compiled": False}
    return row(op, *args, **known | options)


def _split(x: np.ndarray, *args: object, **kwargs: object) -> list[np.ndarray]:
    return np.split(x, *args, **kwargs)  # type: ignore[call-overload]


ROWS = [
    made("zeros", (2, 3)),
    made("zeros", 3, dtype="int32"),
    made("ones", (2, 3), dtype="bfloat16", reference=lambda shape, dtype: np.ones(shape)),
    made("empty", (2, 0)),
    made("full", (2, 3), 7, dtype="int8"),
    row("full", (2, 4), V, reference=np.full, differentiable=True),
    plain("zeros_like", X, dtypes=SOME, differentiable=False),
    plain("ones_like", X, dtype="int32", differentiable=False),
    plain("empty_like", np.zeros((2, 0)), differentiable=False, unknown=False),
    plain("full_like", X, 2.5, dtypes=("float32", "bfloat16"), differentiable=False),
    row("full_like", integers(0, 3, 3), 2.5, dtype="float32", reference=np.full_like),
    made("arange", 5),
    made("arange", 1, 9, 2),
    made("arange", 0.5, 2.5, 0.5),
    made("arange", 5, dtype="bfloat16", reference=lambda stop, dtype: np.arange(stop)),
    made("linspace", 0, 1, 7),
    made("linspace", 0, 5, 5, endpoint=False),
    made("linspace", 0, 5, 6, retstep=True),
    row("linspace", V, V + 2, 5, axis=-1, reference=np.linspace, differentiable=True),
    made("logspace", 0, 2, 4, tolerance=5e-6),
    made("eye", 3),
    made("eye", 2, 4, 1, dtype="int32"),
    made("identity", 3),
    made("tri", 3),
    made("tri", 3, 4, -1),
    plain("reshape", CUBE, (6, 4), dtypes=SOME, unknown=False),
    plain("reshape", CUBE, (-1, 2, 2)),
    plain("reshape", CUBE, -1),
    plain("squeeze", normal(3, 1, 4, 1)),
    plain("squeeze", normal(3, 1, 4, 1), -1),
    plain("squeeze", normal(3, 1, 4, 1), (1, 3)),
    plain("transpose", CUBE, dtypes=SOME),
    plain("transpose", CUBE, (1, -1, 0)),
    plain("expand_dims", X, -1),
    plain("expand_dims", X, (0, 2)),
    plain("concatenate", [X, normal(3, 2)], 1, dtypes=SOME),
    row("concatenate", [X, integers(0, 3, 2, 4)], reference=np.concatenate),
    plain("stack", [X, X + 1], dtypes=SOME),
    plain("stack", [X, X + 1, X], -1),
    row("unstack", CUBE, reference=list, differentiable=True, unknown=False),
    row("unstack", CUBE, axis=-1, reference=lambda x, axis: list(np.moveaxis(x, axis, 0))),
    row("split", X, 2, -1, reference=_split, differentiable=True),
    row("split", X, [1, 3], 1, reference=_split, differentiable=True),
    row("split", normal(6), [0, 2, 2], reference=_split),
    row("array_split", normal(7), 3, reference=np.array_split, unknown=False),
    row("array_split", normal(7), [2, 3], reference=np.array_split, differentiable=True),
    row("hsplit", X, 2, reference=np.hsplit, differentiable=True),
    row("vsplit", X, 3, reference=np.vsplit, differentiable=True),
    row("dsplit", CUBE, 2, reference=np.dsplit, differentiable=True),
    plain("repeat", X, 2, dtypes=SOME),
    plain("repeat", X, 2, 1),
    plain("repeat", X, [1, 0, 2], 0, unknown=False),
    plain("tile", X, 2, dtypes=SOME),
    plain("tile", X, (2, 1, 3)),
    plain("pad", X, ((1, 0), (0, 2)), dtypes=SOME, reference=np.pad),
    plain("pad", X, (1, 2)),
    plain("pad", X, 1, constant_values=3.5),
    plain("pad", X, ((2, 1), (0, 3)), mode="reflect", unknown=False),
    plain("pad", X, ((2, 1), (0, 3)), mode="symmetric", unknown=False),
    plain("pad", normal(2), ((5, 4),), mode="reflect", unknown=False),
    plain("flip", X, dtypes=SOME),
    plain("flip", CUBE, (0, -1)),
    plain("roll", X, 1, dtypes=SOME),
    plain("roll", CUBE, (1, -2), (0, 2)),
    plain("roll", X, 5, -1),
    plain("broadcast_to", normal(3, 1), (2, 3, 4)),
    plain("moveaxis", CUBE, 0, -1),
    plain("moveaxis", CUBE, (0, 1), (-1, 0)),
    plain("swapaxes", CUBE, 0, -1),
    plain("ravel", CUBE),
    # ---- layout
    plain("tril", CUBE, dtypes=SOME),
    plain("tril", X, 1),
    plain("triu", X, -1),
    plain("triu", normal(3), unknown=False),
    plain("diagonal", X, 1),
    plain("diagonal", CUBE, -1, 1, 2, unknown=False),
    plain("diag", V, unknown=False),
    plain("diag", V, -2, dtypes=("float32", "int32"), unknown=False),
    plain("diag", X, 1),
    plain("diagflat", X, 1, unknown=False),
    row("meshgrid", V, normal(3), reference=np.meshgrid, differentiable=True, unknown=False),
    row("meshgrid", V, normal(3), normal(2), indexing="ij", reference=np.meshgrid, unknown=False),
    plain("hstack", [X, normal(3, 2)]),
    plain("hstack", [V, normal(3)]),
    plain("vstack", [X, V], unknown=False),
    plain("dstack", [X, X + 1]),
    plain("append", X, V),
    plain("append", X, X, axis=1),
    plain("fliplr", X),
    plain("flipud", X),
    *(plain("rot90", CUBE, k) for k in (0, 1, 2, 3, -1)),
    plain("rot90", CUBE, 1, (2, 0)),
]
