"""Reductions, in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from triceras.backends.jax.creation import native


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _sum(x: jax.Array, axis: Any = None, keepdims: bool = False) -> jax.Array:
    return jnp.sum(x, _axes(axis), dtype=x.dtype, keepdims=keepdims)


def _prod(x: jax.Array, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> jax.Array:
    return jnp.prod(x, _axes(axis), dtype=x.dtype if dtype is None else native(dtype), keepdims=keepdims)


def _mean(x: jax.Array, axis: Any = None, keepdims: bool = False) -> jax.Array:
    return jnp.mean(x, _axes(axis), keepdims=keepdims)


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: jax.Array, axis: Any = None, keepdims: bool = False, initial: Any = None) -> jax.Array:
        return function(x, axis=_axes(axis), keepdims=keepdims, initial=initial)

    return body


def _position(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: function(x, axis, keepdims=keepdims).astype(jnp.int32)


def _cumulative(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: jax.Array, axis: int | None = None, dtype: Any = None) -> jax.Array:
        return function(x, axis, dtype=x.dtype if dtype is None else native(dtype))

    return body


TABLE = {
    "sum": _sum,
    "prod": _prod,
    "mean": _mean,
    "max": _extreme(jnp.max),
    "min": _extreme(jnp.min),
    "any": lambda x, axis=None, keepdims=False: jnp.any(x, _axes(axis), keepdims=keepdims),
    "all": lambda x, axis=None, keepdims=False: jnp.all(x, _axes(axis), keepdims=keepdims),
    "argmax": _position(jnp.argmax),
    "argmin": _position(jnp.argmin),
    "logsumexp": lambda x, axis=None, keepdims=False: jax.nn.logsumexp(x, _axes(axis), keepdims=keepdims),
    "cumsum": _cumulative(jnp.cumsum),
    "cumprod": _cumulative(jnp.cumprod),
}
