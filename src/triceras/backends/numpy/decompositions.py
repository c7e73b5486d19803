"""Factorizations, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.backends.numpy.elementwise import in_float32


def _cholesky(x: np.ndarray, upper: bool = False) -> np.ndarray:
    factor = np.linalg.cholesky(x)
    return np.swapaxes(factor, -1, -2).conj() if upper else factor


def _solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else np.linalg.solve(a, b)


def _solve_triangular(a: np.ndarray, b: np.ndarray, lower: bool = False) -> np.ndarray:
    return _solve(np.tril(a) if lower else np.triu(a), b)


def _eig(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eig(x)
    dtype = np.complex128 if x.dtype in (np.float64, np.complex128) else np.complex64
    return values.astype(dtype), vectors.astype(dtype)


def _lu_factor(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's elimination with the largest element of each column as its pivot."""
    lu = np.array(x)
    count = min(x.shape[-2:])
    pivots = np.zeros((*x.shape[:-2], count), np.int32)
    for index in np.ndindex(x.shape[:-2]):
        matrix = lu[index]
        for i in range(count):
            pivot = i + int(np.argmax(np.abs(matrix[i:, i])))
            pivots[(*index, i)] = pivot
            matrix[[i, pivot]] = matrix[[pivot, i]]
            if matrix[i, i] != 0:
                matrix[i + 1 :, i] /= matrix[i, i]
                matrix[i + 1 :, i + 1 :] -= np.outer(matrix[i + 1 :, i], matrix[i, i + 1 :])
    return lu, pivots


def _svd(x: np.ndarray, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    result = np.linalg.svd(x, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def _qr(x: np.ndarray, mode: Any = "reduced") -> tuple[np.ndarray, ...]:
    return tuple(np.linalg.qr(x, mode))


TABLE = {
    "cholesky": in_float32(_cholesky),
    "inv": in_float32(np.linalg.inv),
    "det": in_float32(np.linalg.det),
    "slogdet": lambda x: tuple(np.linalg.slogdet(x)),
    "qr": _qr,
    "svd": _svd,
    "eigh": lambda x: tuple(np.linalg.eigh(x)),
    "eig": _eig,
    "lu_factor": _lu_factor,
    "solve": in_float32(_solve),
    "solve_triangular": in_float32(_solve_triangular),
}
