"""Fourier transforms, in JAX."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp


@functools.partial(jax.jit, static_argnums=(2, 3))
def _transform(real: jax.Array, imaginary: jax.Array, axes: int, inverse: bool) -> tuple[jax.Array, jax.Array]:
    function = jnp.fft.ifftn if inverse else jnp.fft.fftn
    result = function(jax.lax.complex(real, imaginary), axes=tuple(range(-axes, 0)))
    return result.real, result.imag


@functools.partial(jax.jit, static_argnums=1)
def _of_real(x: jax.Array, length: int) -> tuple[jax.Array, jax.Array]:
    result = jnp.fft.rfft(x, length)
    return result.real, result.imag


@functools.partial(jax.jit, static_argnums=2)
def _to_real(real: jax.Array, imaginary: jax.Array, length: int) -> jax.Array:
    return jnp.fft.irfft(jax.lax.complex(real, imaginary), length)


TABLE = {"fourier_transform": _transform, "half_spectrum": _of_real, "from_half_spectrum": _to_real}
