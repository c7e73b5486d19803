"""What layers with a kernel and a bias compute, where a framework has a kernel of its own for it."""

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
    return add_bias(matmul(x, kernel), bias)


@composite("join")
def add_bias(x: TensorLike, bias: TensorLike) -> Tensor:
    """``x + bias`` over the last axis.

    Args:
        x: ``(..., features)``.
        bias: ``(features,)``.

    Returns:
        ``(..., features)``, of the joined dtype.

    Example:
        >>> from triceras.ops.affine import add_bias
        >>> convert_to_numpy(add_bias([[1.0, 2.0]], [10.0, 20.0])).tolist()
        [[11.0, 22.0]]
    """
    return add(x, bias)
