"""Gradients kept short."""

from __future__ import annotations

from triceras import ops
from triceras.backends.base import Tensor


def clip_by_norm(gradient: Tensor, limit: float) -> Tensor:
    """A gradient scaled so that its norm is at most the limit."""
    squares = ops.sum(ops.square(gradient))
    return gradient * (limit / ops.maximum(ops.sqrt(squares), limit))


def clip_by_global_norm(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """Gradients scaled so that the norm of all of them together is at most the limit."""
    squares = ops.sum(ops.stack([ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients]))
    scale = limit / ops.maximum(ops.sqrt(squares), limit)
    return [g * ops.cast(scale, ops.dtype(g)) for g in gradients]
