"""Factorizations, in TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from triceras.backends.base import Tensor


def _cholesky(x: Tensor, upper: bool = False) -> Tensor:
    factor = tf.linalg.cholesky(x)
    return tf.linalg.adjoint(factor) if upper else factor


def _solve(a: Tensor, b: Tensor) -> Tensor:
    if b.shape.rank == a.shape.rank - 1:
        return tf.linalg.solve(a, b[..., None])[..., 0]
    return tf.linalg.solve(a, b)


def _solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Tensor:
    if b.shape.rank == a.shape.rank - 1:
        return tf.linalg.triangular_solve(a, b[..., None], lower=lower)[..., 0]
    return tf.linalg.triangular_solve(a, b, lower=lower)


def _svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return tf.linalg.svd(x, compute_uv=False)
    values, u, v = tf.linalg.svd(x, full_matrices)
    return u, values, tf.linalg.adjoint(v)


def _slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    sign, size = tf.linalg.slogdet(x)
    return sign, tf.math.real(size)


@tf.custom_gradient
def _lu(x: Tensor) -> Any:
    """Factors and permutation. TensorFlow (2.21) has no gradient of them; with ``x[p] = L U`` it is
    ``L^-H (tril(L^H dL, -1) + triu(dU U^H)) U^-H``, its rows put back.
    """
    lu, permutation = tf.linalg.lu(x)

    def backward(d_lu: Tensor, _: Any) -> Tensor:
        lower = tf.linalg.set_diag(tf.linalg.band_part(lu, -1, 0), tf.ones_like(lu[..., 0]))
        upper = tf.linalg.band_part(lu, 0, -1)
        d_upper = tf.linalg.band_part(d_lu, 0, -1)
        below = tf.linalg.matmul(lower, d_lu - d_upper, adjoint_a=True)
        above = tf.linalg.matmul(d_upper, upper, adjoint_b=True)
        inner = below - tf.linalg.band_part(below, 0, -1) + tf.linalg.band_part(above, 0, -1)
        left = tf.linalg.triangular_solve(lower, inner, lower=True, adjoint=True)
        rows = tf.linalg.adjoint(tf.linalg.triangular_solve(upper, tf.linalg.adjoint(left), lower=False))
        return tf.gather(rows, tf.argsort(permutation), axis=-2, batch_dims=permutation.shape.rank - 1)

    return (lu, permutation), backward


def _lu_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """TensorFlow gives the permutation; the exchanges that lead to it are what the others return."""
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"lu_factor() takes square matrices on tensorflow, received the shape {x.shape}.")
    lu, permutation = _lu(x)
    size = x.shape[-1]
    order: Any = tf.zeros_like(permutation) + tf.range(size)
    pivots = []
    for i in range(size):
        place: Any = tf.cast(tf.argmax(tf.cast(order == permutation[..., i : i + 1], tf.int32), -1), tf.int32)
        pivots.append(place)
        at_place = tf.range(size) == place[..., None]
        order = tf.where(at_place, order[..., i : i + 1], order)
        order = tf.where(tf.range(size) == i, permutation[..., i : i + 1], order)
    return lu, tf.stack(pivots, -1)


TABLE = {
    "cholesky": _cholesky,
    "inv": tf.linalg.inv,
    "det": tf.linalg.det,
    "slogdet": _slogdet,
    "qr": lambda x, mode="reduced": tuple(tf.linalg.qr(x, mode == "complete")),
    "svd": _svd,
    "eigh": lambda x: tuple(tf.linalg.eigh(x)),
    "eig": lambda x: tuple(tf.linalg.eig(x)),
    "lu_factor": _lu_factor,
    "solve": _solve,
    "solve_triangular": _solve_triangular,
}
