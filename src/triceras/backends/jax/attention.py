"""Attention, by cuDNN's fused kernel through JAX on GPUs; elsewhere the definition runs, which XLA compiles."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from triceras.core.shapes import check_attention

#: What the kernel computes in, and the size of a head that it takes at most.
_DTYPES = (jnp.float16, jnp.bfloat16)
_LARGEST_HEAD = 128


def _fits(query: jax.Array, key: jax.Array, value: jax.Array) -> bool:
    if jax.default_backend() != "gpu" or query.dtype not in _DTYPES or key.shape != value.shape:
        return False
    return query.shape[-1] % 8 == 0 and query.shape[-1] <= _LARGEST_HEAD


def _four_axes(x: Any) -> Any:
    return None if x is None else x.reshape((1,) * (4 - x.ndim) + x.shape)


def _dot_product_attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    if flash_attention is False or attn_logits_soft_cap is not None or not _fits(query, key, value):
        return NotImplemented
    check_attention(query.shape, key.shape, value.shape)
    mask = None if mask is None else jnp.asarray(mask, bool)
    return jax.nn.dot_product_attention(
        query,
        key,
        value,
        _four_axes(bias),
        _four_axes(mask),
        scale=scale,
        is_causal=is_causal,
        implementation="cudnn",
    )


TABLE = {"dot_product_attention": _dot_product_attention}
