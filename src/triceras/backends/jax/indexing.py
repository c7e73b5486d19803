"""Positions, in JAX."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from triceras.backends.jax.varying import varying_alike

_SCATTER = {None: "set", "add": "add", "max": "max", "min": "min"}


@functools.partial(jax.jit, static_argnums=3)
def _scatter_into(inputs: jax.Array, indices: jax.Array, updates: jax.Array, reduction: str | None = None) -> jax.Array:
    if reduction == "mul":
        return _multiplied(*varying_alike((inputs, indices, updates)))
    return getattr(inputs.at[_places(indices)], _SCATTER[reduction])(updates)


def _scatter(indices: jax.Array, values: jax.Array, shape: Sequence[int]) -> jax.Array:
    return _scattered(indices, values, tuple(shape))


@functools.partial(jax.jit, static_argnums=2)
def _scattered(indices: jax.Array, values: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return _scatter_into(jnp.zeros(shape, values.dtype), indices, values, "add")


def _places(indices: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(jnp.moveaxis(indices, -1, 0))


@jax.custom_vjp
def _multiplied(inputs: jax.Array, indices: jax.Array, updates: jax.Array) -> jax.Array:
    return inputs.at[_places(indices)].multiply(updates)


def _multiplied_forward(inputs: jax.Array, indices: jax.Array, updates: jax.Array) -> Any:
    return _multiplied(inputs, indices, updates), (inputs, indices, updates)


def _multiplied_backward(residuals: Any, upstream: jax.Array) -> Any:
    """JAX (0.10) differentiates products of updates to one place only where there is no more than one."""
    inputs, indices, updates = residuals
    pullback = jax.vjp(lambda x, u: _multiplied_in_order(x, indices, u), inputs, updates)[1]
    d_inputs, d_updates = pullback(upstream)
    return d_inputs, None, d_updates


def _multiplied_in_order(inputs: jax.Array, indices: jax.Array, updates: jax.Array) -> jax.Array:
    """Running products over the updates in the order of their places, the last one of each place taken."""
    depth = indices.shape[-1]
    sizes, tail = inputs.shape[:depth], inputs.shape[depth:]
    places = jnp.ravel_multi_index(
        [p % d for p, d in zip(_places(indices), sizes, strict=True)], sizes, mode="clip"
    ).ravel()
    order = jnp.argsort(places)
    rows = jnp.broadcast_to(updates, (*indices.shape[:-1], *tail)).reshape(places.size, -1)[order]
    places = places[order]

    def joined(first: Any, second: Any) -> Any:
        return second[0], jnp.where(first[0] == second[0], first[1] * second[1], second[1])

    keys = jnp.broadcast_to(places[:, None], rows.shape)
    products = jax.lax.associative_scan(joined, (keys, rows))[1]
    is_last = jnp.append(places[1:] != places[:-1], True)[: places.size]
    count = math.prod(sizes)
    factors = jnp.ones((count, rows.shape[-1]), inputs.dtype)
    factors = factors.at[jnp.where(is_last, places, count)].set(products, mode="drop")
    return inputs * factors.reshape(inputs.shape)


_multiplied.defvjp(_multiplied_forward, _multiplied_backward)


def _slice(inputs: jax.Array, start_indices: Any, shape: Any) -> jax.Array:
    if -1 in shape:
        shape = [d - int(s) if n == -1 else n for d, s, n in zip(inputs.shape, start_indices, shape, strict=True)]
    return jax.lax.dynamic_slice(inputs, list(start_indices), shape, allow_negative_indices=False)


def _slice_update(inputs: jax.Array, start_indices: Any, updates: jax.Array) -> jax.Array:
    return _updated(inputs, tuple(start_indices), updates)


@jax.jit
def _updated(inputs: jax.Array, starts: tuple[Any, ...], updates: jax.Array) -> jax.Array:
    return jax.lax.dynamic_update_slice(inputs, updates.astype(inputs.dtype), starts, allow_negative_indices=False)


def _int32(x: jax.Array) -> jax.Array:
    """Positions as int32: they are mostly, and finding that a cast does nothing takes JAX 10 microseconds."""
    return x if x.dtype == jnp.int32 else x.astype(jnp.int32)


def _top_k(x: jax.Array, k: int, sorted: bool = True) -> tuple[jax.Array, jax.Array]:
    values, indices = jax.lax.top_k(x, k)
    return values, _int32(indices)


def _searchsorted(sorted_sequence: jax.Array, values: jax.Array, side: str = "left") -> jax.Array:
    return _int32(jnp.searchsorted(sorted_sequence, values, side))


def _get_item(x: jax.Array, key: Any) -> jax.Array:
    return x[jnp.asarray(key) if isinstance(key, list) else key]


TABLE = {
    "take": jnp.take,
    "take_along_axis": jnp.take_along_axis,
    "get_item": _get_item,
    "scatter_into": _scatter_into,
    "slice": _slice,
    "scatter": _scatter,
    "slice_update": _slice_update,
    "sort": jnp.sort,
    "argsort": lambda x, axis=-1: _int32(jnp.argsort(x, axis)),
    "top_k": _top_k,
    "searchsorted": _searchsorted,
}
