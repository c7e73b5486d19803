"""Rows for factorizations and solvers."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from tests.ops.table import Row, normal, row

_M = normal(2, 4, 4)
POSITIVE = _M @ np.swapaxes(_M, -1, -2) + 3 * np.eye(4)
SQUARE = normal(2, 4, 4, seed=1) + 4 * np.eye(4)
TALL = normal(5, 3)
LOWER = np.tril(normal(4, 4)) + 3 * np.eye(4)


def solver(op: str, *args: object, **options: object) -> Row:
    known = {"reference": getattr(np.linalg, op, None), "differentiable": True, "tolerance": 1e-5, "unknown": False}
    return row(op, *args, **known | options)


ROWS = [
    solver("cholesky", POSITIVE),
    solver("cholesky", POSITIVE, upper=True, reference=lambda x, upper: np.linalg.cholesky(x, upper=upper)),
    solver("cholesky_inverse", LOWER, reference=lambda x: np.linalg.inv(x @ x.T)),
    solver("cholesky_inverse", LOWER.T.copy(), upper=True, reference=lambda x, upper: np.linalg.inv(x.T @ x)),
    solver("inv", SQUARE),
    # TensorFlow's XLA has no LU factorization, and determinants rest on it.
    solver("det", SQUARE, tolerance=2e-5, compiled=False),
    solver("slogdet", SQUARE, compiled=False, reference=lambda x: tuple(np.linalg.slogdet(x))),
    solver("logdet", POSITIVE, reference=lambda x: np.linalg.slogdet(x)[1]),
    # Columns may have either sign: what they make up is compared below, and the size here.
    solver("svd", TALL, compute_uv=False, reference=lambda x, compute_uv: np.linalg.svd(x, compute_uv=False)),
    solver(
        "svd", normal(2, 3, 4), compute_uv=False, reference=lambda x, compute_uv: np.linalg.svd(x, compute_uv=False)
    ),
    solver("lu_factor", SQUARE[0], reference=linalg.lu_factor, compiled=False),
    solver("solve", SQUARE[0], normal(4), reference=np.linalg.solve),
    solver("solve", SQUARE, normal(2, 4, 3), reference=np.linalg.solve),
    solver("solve_triangular", LOWER, normal(4, 2), lower=True, reference=linalg.solve_triangular),
    solver("solve_triangular", LOWER.T.copy(), normal(4), reference=linalg.solve_triangular),
    solver("pinv", TALL),
    solver("lstsq", TALL, normal(5), reference=lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0]),
    solver("matrix_rank", np.outer(normal(4), normal(4)), differentiable=False),
    solver("norm", TALL, 2, reference=np.linalg.norm),
    solver("norm", TALL, "nuc", reference=np.linalg.norm, axis=(0, 1), keepdims=True),
]
