"""Portable random words, in JAX; XLA fuses the hash with whatever uses its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from triceras.core.counter_hash import M1, M2, A, B, C


def _finalise(h: Any, inner: Any) -> Any:
    h = (h ^ (h >> 16)) * jnp.uint32(M1) + inner
    h = (h ^ (h >> 15)) * jnp.uint32(M2)
    return h ^ (h >> 16)


def random_words(key: jax.Array, shape: Sequence[int]) -> jax.Array:
    """See ``triceras.random.words``."""
    key = key.astype(jnp.uint32)
    a, b, c = (jnp.asarray(lane, jnp.uint32) for lane in (A, B, C))
    p, q = _finalise(key[0] * a + key[1] * b + c, jnp.uint32(0))
    x = jax.lax.iota(jnp.uint32, math.prod(shape)) * ((p + q) | 1) + q
    words = x + _finalise(x, p)
    return jax.lax.bitcast_convert_type(words, jnp.int32).reshape(shape)


TABLE = {"random_words": random_words}
