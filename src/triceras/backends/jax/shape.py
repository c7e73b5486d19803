"""Rearrangements, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triceras.core.dtypes import numpy_dtype


def _tuple(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _unstack(x: jax.Array, num: int | None = None, axis: int = 0) -> list[jax.Array]:
    return list(jnp.moveaxis(x, axis, 0))


def _split(x: jax.Array, indices_or_sections: Any, axis: int = 0) -> list[jax.Array]:
    return jnp.split(x, _tuple(indices_or_sections), axis)


def _repeat(x: jax.Array, repeats: Any, axis: int | None = None) -> jax.Array:
    if isinstance(repeats, int | jax.Array):
        return jnp.repeat(x, repeats, axis)
    return jnp.repeat(x, np.asarray(repeats, np.int32), axis)


def _padded(x: jax.Array, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> jax.Array:
    if mode == "constant":
        return jnp.pad(x, pad_width, constant_values=constant_values or 0)
    return jnp.pad(x, pad_width, mode)


TABLE = {
    "reshape": jnp.reshape,
    "squeeze": lambda x, axis=None: jnp.squeeze(x, _tuple(axis)),
    "concatenate": jnp.concatenate,
    "transpose": jnp.transpose,
    "expand_dims": lambda x, axis: jnp.expand_dims(x, _tuple(axis)),
    "stack": jnp.stack,
    "unstack": _unstack,
    "split": _split,
    "repeat": _repeat,
    "tile": lambda x, repeats: jnp.tile(x, _tuple(repeats)),
    "padded": _padded,
    "flip": lambda x, axis=None: jnp.flip(x, _tuple(axis)),
    "roll": lambda x, shift, axis=None: jnp.roll(x, _tuple(shift), _tuple(axis)),
    "broadcast_to": lambda x, shape: jnp.broadcast_to(x, tuple(shape)),
    "bits_as": lambda x, dtype: x.view(numpy_dtype(dtype)),
}
