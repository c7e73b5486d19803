"""Portable random words, in torch.

torch has no arithmetic on uint32: int32 wraps alike, and a right shift only has to lose the sign. Constants are
zero-dimensional tensors: a call with one costs a third of a call with a Python number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from triceras.backends.numpy import random as on_host
from triceras.backends.torch.immediate import immediate
from triceras.core.counter_hash import M1, M2, TINY, A, B, C


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _constants(*values: int) -> torch.Tensor:
    return torch.tensor([_signed(v) for v in values], dtype=torch.int32)


_M1, _M2 = _constants(M1, M2).unbind()
_LANES = [_constants(*lane) for lane in (A, B, C)]
_SHIFTS = {by: _constants(by, (1 << 32 - by) - 1).unbind() for by in (15, 16)}


def _shift(h: torch.Tensor, by: int) -> torch.Tensor:
    count, mask = _SHIFTS[by]
    return (h >> count).bitwise_and_(mask)


def _finalise(h: torch.Tensor, inner: Any) -> torch.Tensor:
    h = (h ^ _shift(h, 16)).mul_(_M1).add_(inner)
    h = h.bitwise_xor_(_shift(h, 15)).mul_(_M2)
    return h.bitwise_xor_(_shift(h, 16))


def random_words(key: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """See ``triceras.random.words``."""
    if immediate(key):
        # One core that works block by block in its cache is as fast as two that pass 16 times over memory.
        return torch.from_numpy(on_host.random_words(key.numpy(), shape))
    counter = torch.arange(math.prod(shape), dtype=torch.int32, device=key.device)
    return _hashed(counter, key).reshape(tuple(shape))


def _hashed(counter: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """The words of positions, which are overwritten."""
    key = key.to(torch.int32)
    a, b, c = (lane.to(key.device) for lane in _LANES)
    p, q = _finalise(key[0] * a + key[1] * b + c, 0).unbind()
    x = counter.mul_((p + q) | 1).add_(q)
    return _finalise(x, p).add_(x)


def words_at(positions: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """See ``triceras.random.words``."""
    return _hashed(positions.to(torch.int32, copy=True), key)


def _random_unit(key: torch.Tensor, shape: Sequence[int]) -> Any:
    if not immediate(key):
        return NotImplemented
    return torch.from_numpy(on_host.random_unit(key.numpy(), shape))


def _unit_at(positions: torch.Tensor, key: torch.Tensor) -> Any:
    if not immediate(key) or not immediate(positions):
        return NotImplemented
    return torch.from_numpy(on_host.unit_at(positions.numpy(), key.numpy()))


def _random_below(key: torch.Tensor, shape: Sequence[Any], span: int) -> Any:
    if not immediate(key):
        return NotImplemented
    return torch.from_numpy(on_host.random_below(key.numpy(), shape, span))


def _log_gamma_slope(alpha: torch.Tensor, log_sample: torch.Tensor) -> torch.Tensor:
    """See ``triceras.random.gamma_family``."""
    sample = torch.exp(log_sample)
    tiny = sample < TINY
    near_zero = (torch.digamma(alpha + 1) - log_sample) / alpha
    safe = torch.where(tiny, 1.0, sample)
    return torch.where(tiny, near_zero, torch._standard_gamma_grad(alpha, safe) / safe)


TABLE = {
    "random_words": random_words,
    "random_unit": _random_unit,
    "random_below": _random_below,
    "unit_at": _unit_at,
    "words_at": words_at,
    "log_gamma_slope": _log_gamma_slope,
}
