"""The one source of randomness: the same 32-bit words on every backend. README.md says which hash, and what it passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Spec, Tensor
from triceras.ops.dispatch import Index, composite, primitive
from triceras.ops.specs import same


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


@primitive(spec=lambda positions, key: same(positions))
def words_at(positions: Index, key: Index) -> Tensor:
    """The words at some positions of a draw: ``random_words(key, (n,))[i]`` for each position i, modulo 2**32.

    Args:
        positions: int32, of any shape.
        key: as for ``random_words``.
    """


def as_unit(words: Tensor) -> Tensor:
    """Words as float32 numbers on (0, 1): the centres of 2**24 equal cells (rounded), so 0 is never drawn."""
    high = ops.bitwise_and(ops.bitwise_right_shift(words, 8), 0xFFFFFF)
    return (ops.cast(high, "float32") + 0.5) * (1.0 / (1 << 24))


@composite(spec=lambda positions, key: Spec(positions.shape, "float32"))
def unit_at(positions: Index, key: Index) -> Tensor:
    """``words_at`` as float32 numbers on (0, 1); arguments as there."""
    return as_unit(words_at(positions, key))


@composite(spec=lambda key, shape: Spec(tuple(shape), "float32"), fused=True)
def random_unit(key: Index, shape: tuple[Any, ...]) -> Tensor:
    """``random_words`` as float32 numbers on (0, 1); arguments as there."""
    return as_unit(random_words(key, shape))
