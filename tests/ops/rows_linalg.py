"""Rows for products and norms."""

from __future__ import annotations

import math

import numpy as np

from tests.ops.table import Row, booleans, integers, normal, row

A = normal(3, 4)
B = normal(4, 5)
V = normal(4)
BATCH = normal(2, 1, 3, 4)
BATCH_B = normal(5, 4, 2)
SOME = ("float32", "int32", "bfloat16")


def product(op: str, *args: object, **options: object) -> Row:
    known = {"reference": getattr(np, op, None), "differentiable": True, "tolerance": 2e-6, "unknown": False}
    return row(op, *args, **known | options)


ROWS = [
    product("matmul", A, B, dtypes=(*SOME, "uint8"), unknown=True),
    row(
        "matmul",
        integers(-99, 99, 3, 4, dtype="int8"),
        integers(-99, 99, 4, 2, dtype="int8"),
        unknown=False,
        reference=lambda a, b: a.astype(int) @ b.astype(int),
    ),
    product("matmul", booleans(3, 4), booleans(4, 2), differentiable=False),
    product("matmul", BATCH, BATCH_B),
    product("matmul", A, V, unknown=False),
    product("matmul", V, B),
    product("matmul", V, V),
    product("dot", A, B, dtypes=SOME),
    product("dot", BATCH, BATCH_B),
    product("dot", V, V),
    product("dot", A, 2.0),
    product("inner", A, normal(2, 4)),
    product("outer", A, V),
    product("vdot", A, A + 1, tolerance=3e-6),
    product("vdot", normal(3) + 1j * normal(3, seed=1), normal(3) - 1j, differentiable=False),
    product("tensordot", normal(2, 3, 4), normal(3, 4, 5), dtypes=SOME),
    product("tensordot", normal(2, 3, 4), normal(4, 3, 5), axes=((1, 2), (1, 0))),
    product("tensordot", A, V, axes=0),
    product("einsum", "ij,jk->ik", A, B, dtypes=SOME),
    product("einsum", "...ij,...jk->...ik", BATCH, BATCH_B),
    product("einsum", "ij->", A),
    product("einsum", "bij,bjk,kl->bl", normal(2, 3, 4), normal(2, 4, 5), normal(5, 2), tolerance=5e-6),
    product("trace", A, 1),
    product("trace", normal(2, 3, 4), 0, 1, 2, dtypes=("float32", "int32")),
    product("kron", A, normal(2, 2)),
    product("kron", V, normal(2, 3)),
    product("cross", normal(5, 3), normal(5, 3, seed=1)),
    product("cross", normal(3, 5), normal(3, 5, seed=1), axis=0),
    product("norm", A, reference=np.linalg.norm),
    product("norm", A, axis=1, reference=np.linalg.norm, dtypes=("float32", "int32")),
    product("norm", A, axis=(0, 1), keepdims=True, reference=np.linalg.norm),
    product("norm", A, 0, -1, reference=np.linalg.norm, differentiable=False),
    *(product("norm", A, order, -1, reference=np.linalg.norm) for order in (1, 2, 3, math.inf, -math.inf)),
    *(product("norm", A, order, (0, 1), reference=np.linalg.norm) for order in ("fro", 1, -1, math.inf, -math.inf)),
    product("norm", normal(2, 3, 4), 1, (2, 0), keepdims=True, reference=np.linalg.norm),
    product("norm", np.zeros((2, 3)), axis=1, reference=np.linalg.norm),
]
