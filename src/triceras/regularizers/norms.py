"""Penalties by the norms of a tensor."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor


class Regularizer:
    """A penalty: called with a tensor, returns a scalar to be added to the loss."""

    def __call__(self, x: Tensor) -> Tensor:
        """The penalty on a tensor, a scalar."""
        return ops.zeros((), dtype=ops.dtype(x))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Make one from ``get_config``'s result."""
        return cls(**config)


def _factor(name: str, value: Any) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"A regularizer's {name} is a finite number of at least 0, received {value!r}.")
    return float(value)


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x**2)``.

    Args:
        l1, l2: the two factors.

    Example:
        >>> float(L1L2(l1=1.0, l2=2.0)(convert_to_tensor([1.0, -3.0])))
        24.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", l1)
        self.l2 = _factor("l2", l2)

    def __call__(self, x: Tensor) -> Tensor:
        penalty = super().__call__(x)
        if self.l1:
            penalty = penalty + ops.sum(ops.abs(x)) * self.l1
        return penalty + ops.sum(ops.square(x)) * self.l2 if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """``l1 * sum(|x|)``."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.sum(ops.abs(x)) * self.l1

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x**2)``."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.sum(ops.square(x)) * self.l2

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Keeps the rows (or columns) of a matrix at right angles: half the mean of the pairs' absolute cosines, scaled.

    Args:
        factor: the scale.
        mode: ``"rows"`` or ``"columns"``.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(f"mode is 'rows' or 'columns', received {mode!r}.")
        self.mode = mode

    def __call__(self, x: Tensor) -> Tensor:
        if len(x.shape) != 2:
            raise ValueError(f"The orthogonal regularizer needs a matrix, received a tensor of shape {tuple(x.shape)}.")
        x = x if self.mode == "rows" else ops.transpose(x)
        x = x / ops.maximum(ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True)), 1e-12)
        size = x.shape[0]
        cosines = ops.abs(ops.matmul(x, ops.transpose(x)))
        pairs = max(size * (size - 1) / 2.0, 1.0)
        return (ops.sum(cosines) - ops.trace(cosines)) * (self.factor * 0.5 / pairs)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}
