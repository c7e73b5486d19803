"""Portable random words, in JAX; XLA fuses the hash with whatever uses its words."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special

from triceras.core.counter_hash import M1, M2, TINY, A, B, C


def _finalise(h: Any, inner: Any) -> Any:
    h = (h ^ (h >> 16)) * jnp.uint32(M1) + inner
    h = (h ^ (h >> 15)) * jnp.uint32(M2)
    return h ^ (h >> 16)


def _hashed(counter: jax.Array, key: jax.Array) -> jax.Array:
    key = key.astype(jnp.uint32)
    a, b, c = (jnp.asarray(lane, jnp.uint32) for lane in (A, B, C))
    p, q = _finalise(key[0] * a + key[1] * b + c, jnp.uint32(0))
    x = counter * ((p + q) | 1) + q
    return jax.lax.bitcast_convert_type(x + _finalise(x, p), jnp.int32)


def random_words(key: jax.Array, shape: Sequence[int]) -> jax.Array:
    """See ``triceras.random.words``."""
    return _random_words(key, tuple(shape))


@functools.partial(jax.jit, static_argnums=1)
def _random_words(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return _hashed(jax.lax.iota(jnp.uint32, math.prod(shape)), key).reshape(shape)


@jax.jit
def words_at(positions: jax.Array, key: jax.Array) -> jax.Array:
    """See ``triceras.random.words``."""
    return _hashed(positions.astype(jnp.uint32), key)


def _log_gamma_slope(alpha: jax.Array, log_sample: jax.Array) -> jax.Array:
    """See ``triceras.random.gamma_family``."""
    sample = jnp.exp(log_sample)
    tiny = sample < TINY
    near_zero = (special.digamma(alpha + 1) - log_sample) / alpha
    safe = jnp.where(tiny, 1.0, sample)
    slope: Any = jax.lax.random_gamma_grad(alpha, safe)  # pyright: ignore[reportCallIssue]  # its dtype has a default
    return jnp.where(tiny, near_zero, slope / safe)


TABLE = {"random_words": random_words, "words_at": words_at, "log_gamma_slope": _log_gamma_slope}
