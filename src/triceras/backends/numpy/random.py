"""Portable random words, in NumPy: block by block, so that the passes stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
    out = np.empty(math.prod(shape), np.int32)
    for first, words in _blocks(key, out.size):
        out[first : first + len(words)] = words.view(np.int32)
    return out.reshape(shape)


def _blocks(key: Any, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Where each block begins, and its words."""
    stride, offset, inner = schedule(int(key[0]), int(key[1]))
    counter = np.arange(min(count, _BLOCK), dtype=np.uint32)
    for first in range(0, count, _BLOCK):
        start = (offset + first * stride) & MASK
        yield first, _words(counter[: count - first], stride, start, inner)


def random_unit(key: Any, shape: Sequence[int]) -> np.ndarray:
    """See ``triceras.random.words``."""
    out = np.empty(math.prod(shape), np.float32)
    for first, words in _blocks(key, out.size):
        _as_unit(words, out[first : first + len(words)])
    return out.reshape(shape)


def _as_unit(words: np.ndarray, out: np.ndarray) -> None:
    """Write the numbers of words, which are overwritten."""
    words >>= 8
    np.add(words.view(np.int32), np.float32(0.5), out=out, casting="unsafe", dtype=np.float32)
    out *= np.float32(2.0**-24)


def random_below(key: Any, shape: Sequence[int], span: int) -> np.ndarray:
    """See ``triceras.random.distributions``."""
    out = np.empty(math.prod(shape), np.int32)
    for first, words in _blocks(key, out.size):
        wide = words.astype(np.uint64)
        wide *= np.uint64(span)
        wide >>= np.uint64(32)
        out[first : first + len(words)] = wide
    return out.reshape(shape)


def words_at(positions: Any, key: Any) -> np.ndarray:
    """See ``triceras.random.words``."""
    positions = np.asarray(positions)
    words = _words(positions.ravel().astype(np.int32).view(np.uint32), *schedule(int(key[0]), int(key[1])))
    return words.view(np.int32).reshape(positions.shape)


def unit_at(positions: Any, key: Any) -> np.ndarray:
    """See ``triceras.random.words``."""
    flat = np.asarray(positions).reshape(-1).astype(np.int32, copy=False).view(np.uint32)
    parts, out = schedule(int(key[0]), int(key[1])), np.empty(flat.shape, np.float32)
    for first in range(0, flat.size, _BLOCK):
        _as_unit(_words(flat[first : first + _BLOCK], *parts), out[first : first + _BLOCK])
    return out.reshape(np.shape(positions))


TABLE = {
    "unit_at": unit_at,
    "random_words": random_words,
    "random_unit": random_unit,
    "random_below": random_below,
    "words_at": words_at,
}
