"""New arrays, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triceras.backends import registry
from triceras.core import dtypes, settings


def native(dtype: Any) -> np.dtype:
    """The dtype that JAX, as it is set up, has for one that was asked for."""
    return dtypes.numpy_dtype(registry.get_backend("jax").canonical(dtypes.standardize_dtype(dtype)))


def _like(x: jax.Array, dtype: Any) -> Any:
    return x.dtype if dtype is None else native(dtype)


def _arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> jax.Array:
    given = [v for v in (start, stop, step) if v is not None]
    if dtype is None and not any(hasattr(v, "dtype") for v in given):
        dtype = settings.floatx() if any(isinstance(v, float) for v in given) else "int32"
    return jnp.arange(start, stop, step, None if dtype is None else native(dtype))


TABLE = {
    "zeros": lambda shape, dtype=None: jnp.zeros(shape, native(dtype)),
    "ones": lambda shape, dtype=None: jnp.ones(shape, native(dtype)),
    "empty": lambda shape, dtype=None: jnp.empty(shape, native(dtype)),
    "filled": lambda fill_value, shape, dtype=None: jnp.full(shape, fill_value, native(dtype)),
    "zeros_like": lambda x, dtype=None: jnp.zeros_like(x, _like(x, dtype)),
    "ones_like": lambda x, dtype=None: jnp.ones_like(x, _like(x, dtype)),
    "full_like": lambda x, fill_value, dtype=None: jnp.full_like(x, fill_value, _like(x, dtype)),
    "arange": _arange,
}
