"""Factorizations, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import linalg as scipy_linalg


def _solve(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else jnp.linalg.solve(a, b)


def _solve_triangular(a: jax.Array, b: jax.Array, lower: bool = False) -> jax.Array:
    if b.ndim == a.ndim - 1:
        return jax.lax.linalg.triangular_solve(a, b[..., None], left_side=True, lower=lower)[..., 0]
    return jax.lax.linalg.triangular_solve(a, b, left_side=True, lower=lower)


def _svd(x: jax.Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    result = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


TABLE = {
    "cholesky": lambda x, upper=False: jnp.linalg.cholesky(x, upper=upper),
    "inv": jnp.linalg.inv,
    "det": jnp.linalg.det,
    "slogdet": lambda x: tuple(jnp.linalg.slogdet(x)),
    "qr": lambda x, mode="reduced": tuple(jnp.linalg.qr(x, mode)),
    "svd": _svd,
    "eigh": lambda x: tuple(jnp.linalg.eigh(x)),
    "eig": lambda x: tuple(jnp.linalg.eig(x)),
    "lu_factor": scipy_linalg.lu_factor,
    "solve": _solve,
    "solve_triangular": _solve_triangular,
}
