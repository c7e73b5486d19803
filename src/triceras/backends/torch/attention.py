"""Attention, by torch's fused kernels."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from triceras.backends.torch.control import is_mapped
from triceras.core.shapes import check_attention

#: See ``ops/attention.py``; here it is added, and the sum of two of them must be finite in any dtype.
_MASKED = {torch.float16: -3e4}


def _bias(query: torch.Tensor, other_length: int, bias: Any, mask: Any, is_causal: bool) -> torch.Tensor:
    """Bias, mask and causality as one tensor to be added; the kernels take one."""
    if is_causal:
        length = query.shape[1]
        causal = torch.ones((length, other_length), dtype=torch.bool, device=query.device).tril()
        mask = causal if mask is None else mask.bool() & causal
    if mask is None:
        return bias
    masked = _MASKED.get(query.dtype, -1e30)
    if bias is None:
        return torch.zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill(~mask.bool(), masked)
    return torch.where(mask.bool(), bias, masked)


def dot_product_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> torch.Tensor:
    """See ``ops/attention.py``."""
    check_attention(*(tuple(x.shape) for x in (query, key, value)))
    if flash_attention and attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention() has no fused kernel with attn_logits_soft_cap: drop flash_attention.")
    grouped = query.shape[2] != key.shape[2]
    alone = bias is None and mask is None
    added = None if alone else _bias(query, key.shape[1], bias, mask, is_causal)
    q, k, v = (x.transpose(1, 2) for x in (query, key, value))
    if attn_logits_soft_cap is not None:
        return _soft_capped(q, k, v, added, scale, is_causal and alone, attn_logits_soft_cap)
    if added is not None and added.ndim < 4:
        added = added.reshape((1,) * (4 - added.ndim) + tuple(added.shape))
    causal = is_causal and alone

    def attend() -> torch.Tensor:
        y = F.scaled_dot_product_attention(q, k, v, added, 0.0, causal, scale=scale, enable_gqa=grouped)
        return y.transpose(1, 2)

    if flash_attention is None and not is_mapped(q, k, v, added):
        return attend()
    # The fused kernels run once an element inside of vmap (torch 2.13).
    wanted = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION] if flash_attention else [SDPBackend.MATH]
    with sdpa_kernel(wanted):
        return attend()


def _soft_capped(q: Any, k: Any, v: Any, added: Any, scale: float | None, is_causal: bool, cap: float) -> torch.Tensor:
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    logits = q @ k.transpose(-1, -2)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) * (
        1 / math.sqrt(q.shape[-1]) if scale is None else scale
    )
    logits = torch.tanh(logits / cap) * cap
    logits = logits if added is None else logits + added
    if is_causal:
        future = torch.ones(logits.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        logits = logits.masked_fill(future, -1e30)
    return (torch.softmax(logits, -1).to(v.dtype) @ v).transpose(1, 2)


TABLE = {"dot_product_attention": dot_product_attention}
