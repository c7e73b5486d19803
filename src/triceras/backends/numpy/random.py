"""Portable random words, in NumPy: block by block, so that the passes stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.core.counter_hash import M1, M2, MASK, schedule

_BLOCK = 1 << 14


def _words(counter: np.ndarray, stride: int, offset: int, inner: int) -> np.ndarray:
    x = counter * np.uint32(stride) + np.uint32(offset)
    h = x ^ (x >> 16)
    h *= np.uint32(M1)
    h += np.uint32(inner)
    h ^= h >> 15
    h *= np.uint32(M2)
    h ^= h >> 16
    h += x
    return h


def random_words(key: Any, shape: Sequence[int]) -> np.ndarray:
    """See ``triceras.random.words``."""
    stride, offset, inner = schedule(int(key[0]), int(key[1]))
    count = math.prod(shape)
    out = np.empty(count, np.uint32)
    counter = np.arange(min(count, _BLOCK), dtype=np.uint32)
    for first in range(0, count, _BLOCK):
        block = out[first : first + _BLOCK]
        block[:] = _words(counter[: len(block)], stride, (offset + first * stride) & MASK, inner)
    return out.view(np.int32).reshape(shape)


TABLE = {"random_words": random_words}
