"""Positions, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

_SCATTER = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


def _scatter_into(inputs: jax.Array, indices: jax.Array, updates: jax.Array, reduction: str | None = None) -> jax.Array:
    at = inputs.at[tuple(jnp.moveaxis(indices, -1, 0))]
    return getattr(at, _SCATTER[reduction])(updates)


def _slice(inputs: jax.Array, start_indices: Any, shape: Any) -> jax.Array:
    if -1 in shape:
        shape = [d - int(s) if n == -1 else n for d, s, n in zip(inputs.shape, start_indices, shape, strict=True)]
    return jax.lax.dynamic_slice(inputs, list(start_indices), shape)


def _top_k(x: jax.Array, k: int, sorted: bool = True) -> tuple[jax.Array, jax.Array]:
    values, indices = jax.lax.top_k(x, k)
    return values, indices.astype(jnp.int32)


def _searchsorted(sorted_sequence: jax.Array, values: jax.Array, side: str = "left") -> jax.Array:
    return jnp.searchsorted(sorted_sequence, values, side).astype(jnp.int32)


def _get_item(x: jax.Array, key: Any) -> jax.Array:
    return x[jnp.asarray(key) if isinstance(key, list) else key]


TABLE = {
    "take": jnp.take,
    "take_along_axis": jnp.take_along_axis,
    "get_item": _get_item,
    "scatter_into": _scatter_into,
    "slice": _slice,
    "slice_update": lambda inputs, start_indices, updates: jax.lax.dynamic_update_slice(
        inputs, updates.astype(inputs.dtype), list(start_indices)
    ),
    "sort": jnp.sort,
    "argsort": lambda x, axis=-1: jnp.argsort(x, axis).astype(jnp.int32),
    "top_k": _top_k,
    "searchsorted": _searchsorted,
}
