"""Linear algebra, in JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


def _matmul(x1: jax.Array, x2: jax.Array) -> jax.Array:
    # The keyword alone takes a third of a small product's time.
    return jnp.matmul(x1, x2, preferred_element_type=jnp.int32) if x1.dtype == jnp.int8 else jnp.matmul(x1, x2)


def _contract(x: jax.Array, kernel: jax.Array, bias: jax.Array | None, summed: int) -> Any:
    # One product over several axes: XLA makes copies of what is flattened before it.
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return NotImplemented
    outputs = jnp.tensordot(x, kernel, summed)
    return outputs if bias is None else outputs + bias


def _einsum(operands: Sequence[jax.Array], subscripts: str) -> jax.Array:
    return jnp.einsum(subscripts, *operands)


TABLE = {"matmul": _matmul, "contract": _contract, "tensordot": jnp.tensordot, "einsum_of": _einsum}
