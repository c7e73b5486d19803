"""What layers with a kernel and a bias compute, where a framework has a kernel of its own for it."""

from __future__ import annotations

import math

from triceras.backends.base import Tensor
from triceras.ops.core import shape
from triceras.ops.dispatch import TensorLike, composite
from triceras.ops.elementwise import add
from triceras.ops.products import matmul
from triceras.ops.shape import reshape


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
def contract(x: TensorLike, kernel: TensorLike, bias: TensorLike | None, summed: int) -> Tensor:
    """The sum over the last axes of ``x`` and the first ones of ``kernel``, plus ``bias``: a dense layer over several axes.

    Args:
        x: ``(..., *features)``.
        kernel: ``(*features, *units)``.
        bias: ``units``, or None.
        summed: the number of axes of features.

    Returns:
        ``(..., *units)``, of the joined dtype.

    Example:
        >>> from triceras.ops.affine import contract
        >>> shape(contract(ones((5, 2, 3)), ones((2, 3, 4, 7)), None, 2))
        (5, 4, 7)
    """
    batch, units = shape(x)[:-summed], kernel.shape[summed:]
    features = math.prod(kernel.shape[:summed])
    rows = x if summed == 1 else reshape(x, (*batch, features))
    kernel = reshape(kernel, (features, math.prod(units)))
    outputs = matmul(rows, kernel) if bias is None else affine(rows, kernel, reshape(bias, (-1,)))
    return outputs if len(units) == 1 else reshape(outputs, (*batch, *units))


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
