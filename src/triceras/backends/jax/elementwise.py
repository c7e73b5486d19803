"""Element by element, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special


def _clip(x: jax.Array, x_min: Any, x_max: Any) -> jax.Array:
    return jnp.clip(x, x_min, x_max)


def _divide_no_nan(x1: jax.Array, x2: jax.Array) -> jax.Array:
    safe = jnp.where(x2 == 0, 1, x2)
    return jnp.where(x2 == 0, 0, x1 / safe)


def _round(x: jax.Array, decimals: int = 0) -> jax.Array:
    if not jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.round(x, decimals)
    if decimals >= 0:
        return x
    scale = 10**-decimals
    quotient, twice = x // scale, x % scale * 2
    up = (twice > scale) | ((twice == scale) & (quotient % 2 == 1))
    return (quotient + up.astype(x.dtype)) * scale


def _nan_to_num(x: jax.Array, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> jax.Array:
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def _power(x1: Any, x2: Any) -> jax.Array:
    """JAX (0.10) looks at no more than the lowest six bits of an integer exponent in a tensor."""
    dtype = jnp.result_type(x1, x2)
    if not (isinstance(x2, jax.Array) and jnp.issubdtype(dtype, jnp.integer)):
        return jnp.power(x1, x2)
    base, exponent = jnp.broadcast_arrays(jnp.asarray(x1, dtype), x2.astype(dtype))
    vanishes = (exponent < 0) & (jnp.abs(base) != 1)
    start = jnp.ones_like(base), base, jnp.where(exponent < 0, exponent & 1, exponent)

    def square(state: Any) -> Any:
        result, factor, left = state
        return jnp.where(left & 1 == 1, result * factor, result), factor * factor, left >> 1

    result = jax.lax.while_loop(lambda state: jnp.any(state[2] > 0), square, start)[0]
    return jnp.where(vanishes, 0, result)


def _select(condition: jax.Array, x1: jax.Array, x2: jax.Array) -> jax.Array:
    return jnp.where(condition if condition.dtype == jnp.bool_ else condition != 0, x1, x2)


#: What carries the same name in ``jax.numpy``.
_NAMES = """
add subtract multiply divide floor_divide mod fmod negative abs fabs sign square sqrt cbrt reciprocal floor ceil
trunc maximum minimum fmax fmin heaviside hypot nextafter gcd lcm real imag conj angle exp exp2 expm1 log log1p log2
log10 logaddexp sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh arctan2 i0 sinc equal
not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not isnan isinf isfinite
isposinf isneginf signbit isreal bitwise_and bitwise_or bitwise_xor bitwise_not nonzero
""".split()

TABLE = {name: getattr(jnp, name) for name in _NAMES} | {
    "stop_gradient": jax.lax.stop_gradient,
    "rsqrt": jax.lax.rsqrt,
    "power": _power,
    "divide_no_nan": _divide_no_nan,
    "clip": _clip,
    "nan_to_num": _nan_to_num,
    "round": _round,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "bitwise_left_shift": jnp.left_shift,
    "bitwise_right_shift": jnp.right_shift,
    "select_where": _select,
}
