"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import check_attention
from triceras.ops.activation import softmax
from triceras.ops.core import cast, shape
from triceras.ops.core import dtype as dtype_of
from triceras.ops.creation import arange
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.logic import logical_and, where
from triceras.ops.products import matmul
from triceras.ops.shape import expand_dims, repeat, transpose
from triceras.ops.transcendental import tanh

#: What a masked logit becomes: finite, so that a row that is masked throughout has no NaN, and within bfloat16 and float16
#: once logits are computed in float32.
MASKED = -1e30


def _attention_spec(query: Spec, key: Spec, value: Spec, *args: Any, **kwargs: Any) -> Spec:
    check_attention(query.shape, key.shape, value.shape)
    return Spec((*query.shape[:-1], value.shape[-1]), query.dtype)


@composite("float", spec=_attention_spec, fused=True)
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: Index | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """``softmax(query @ key * scale + bias) @ value`` for each head (Vaswani et al., 2017).

    Args:
        query: ``(batch, length, heads, size)``.
        key, value: ``(batch, other_length, heads, size)``; with fewer heads than the query's, each serves a group of them
            (Ainslie et al., 2023).
        bias: added to the logits, broadcast to ``(batch, heads, length, other_length)``.
        mask: booleans of that shape, False where a position isn't looked at.
        scale: of the logits, ``1 / sqrt(size)`` by default.
        is_causal: whether a position looks at itself and those before it alone.
        flash_attention: whether fused kernels are used; None where there are ones that fit.
        attn_logits_soft_cap: the logits become ``cap * tanh(logits / cap)``; no fused kernel does this.

    Returns:
        A tensor in the query's shape, with the value's size last.

    Example:
        >>> shape(dot_product_attention(*(ones((1, 4, 2, 8)),) * 3))
        (1, 4, 2, 8)
    """
    check_attention(*(tuple(x.shape) for x in (query, key, value)))
    if flash_attention and attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention() has no fused kernel with attn_logits_soft_cap: drop flash_attention.")
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        key, value = repeat(key, groups, 2), repeat(value, groups, 2)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = matmul(transpose(query, (0, 2, 1, 3)), transpose(key, (0, 2, 3, 1)))
    wide = "float32" if dtype_of(logits) in ("float16", "bfloat16") else dtype_of(logits)
    logits = cast(logits, wide) * scale
    if attn_logits_soft_cap is not None:
        logits = tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
    logits = logits if bias is None else logits + bias
    if is_causal:
        rows, columns = arange(shape(query)[1]), arange(shape(key)[1])
        causal = expand_dims(rows, 1) >= columns
        mask = causal if mask is None else logical_and(mask, causal)
    logits = logits if mask is None else where(mask, logits, MASKED)
    weights = cast(softmax(logits, -1), dtype_of(value))
    return transpose(matmul(weights, transpose(value, (0, 2, 1, 3))), (0, 2, 1, 3))
