"""Modules of Flax for tests; apart, for they can't be defined without it."""

from __future__ import annotations

from typing import Any

from flax import linen, nnx


class LinenNet(linen.Module):
    rate: float = 0.0

    @linen.compact
    def __call__(self, x: Any, training: bool) -> Any:
        x = linen.Dense(4)(x)
        x = linen.BatchNorm(use_running_average=not training, momentum=0.9)(x)
        x = linen.Dropout(self.rate, deterministic=not training)(x)
        return linen.Dense(2)(x)


class NnxNet(nnx.Module):
    def __init__(self, rate: float, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.second = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.second(self.dropout(self.norm(self.first(x))))
