"""The map that dense layers compute."""

from __future__ import annotations

from triceras.backends.base import Tensor
from triceras.ops.dispatch import TensorLike, composite
from triceras.ops.elementwise import add
from triceras.ops.products import matmul


@composite("join")
def affine(x: TensorLike, kernel: TensorLike, bias: TensorLike) -> Tensor:
    """``x @ kernel + bias``, one kernel where a framework has one.

    Args:
        x: ``(..., features)``.
        kernel: ``(features, units)``.
        bias: ``(units,)``.

    Returns:
        ``(..., units)``, of the joined dtype.

    Example:
        >>> from triceras.ops.affine import affine
        >>> convert_to_numpy(affine([[1.0, 2.0]], [[3.0], [4.0]], [5.0])).tolist()
        [[16.0]]
    """
    return add(matmul(x, kernel), bias)
