"""The one source of randomness: the same 32-bit words on every backend. README.md says which hash, and what it passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops.dispatch import Index, primitive


def _words_spec(key: Spec, shape: Sequence[int]) -> Spec:
    return Spec(tuple(shape), "int32")


@primitive(spec=_words_spec)
def random_words(key: Index, shape: Sequence[Any]) -> Tensor:
    """Random 32-bit words: word i (in row-major order) is a hash of i and the key.

    Args:
        key: two words: a seed and the number of the draw.
        shape: the shape of the result.

    Returns:
        An int32 tensor, each word's bits read as a signed integer.
    """
