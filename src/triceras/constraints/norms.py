"""Constraints by sign and by norm."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings


class Constraint:
    """A projection: called with a weight's value, returns the value it is to have."""

    def __call__(self, w: Tensor) -> Tensor:
        """The projected value, of the same shape."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Make one from ``get_config``'s result."""
        return cls(**config)


def _norm(w: Tensor, axis: Any) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Scales what is longer than ``max_value`` down to it, norms taken over ``axis``.

    Args:
        max_value: the greatest norm.
        axis: the axis or axes of one vector.
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        norms = _norm(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (norms + settings.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class MinMaxNorm(Constraint):
    """Brings norms between two values: at once with ``rate=1``, by a share of the way otherwise.

    Args:
        min_value, max_value: the least and the greatest norm.
        rate: the share.
        axis: the axis or axes of one vector.
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        norms = _norm(w, self.axis)
        wanted = ops.clip(norms, self.min_value, self.max_value) * self.rate + norms * (1 - self.rate)
        return w * (wanted / (norms + settings.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


class NonNeg(Constraint):
    """Sets negative values to zero."""

    def __call__(self, w: Tensor) -> Tensor:
        return ops.relu(w)


class UnitNorm(Constraint):
    """Scales every vector along ``axis`` to norm one."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        return w / (_norm(w, self.axis) + settings.epsilon())

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}
