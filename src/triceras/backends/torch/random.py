"""Portable random words, in torch.

torch has no arithmetic on uint32: int32 wraps alike, and a right shift only has to lose the sign. Constants are
zero-dimensional tensors: a call with one costs a third of a call with a Python number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from triceras.core.counter_hash import M1, M2, A, B, C


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
    key = key.to(torch.int32)
    a, b, c = (lane.to(key.device) for lane in _LANES)
    p, q = _finalise(key[0] * a + key[1] * b + c, 0).unbind()
    counter = torch.arange(math.prod(shape), dtype=torch.int32, device=key.device)
    x = counter.mul_((p + q) | 1).add_(q)
    return _finalise(x, p).add_(x).reshape(tuple(shape))


TABLE = {"random_words": random_words}
