"""Additive normal noise."""

from __future__ import annotations

from typing import Any

from triceras import ops, random
from triceras.backends.base import Tensor
from triceras.layers.regularization.noise import Noise


class GaussianNoise(Noise):
    """Adds normal numbers of mean zero in training (Bishop 1995).

    Args:
        stddev: their standard deviation, from 0 to 1.
        seed: an integer, or None for one of its own.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> shape(GaussianNoise(0.1)(ones((2, 3)), training=True))
        (2, 3)
    """

    amount_name = "stddev"
    stddev: float

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(stddev, seed, **kwargs)

    def disturb(self, inputs: Tensor) -> Tensor:
        noise = random.normal(ops.shape(inputs), stddev=self.stddev, dtype=self.compute_dtype, seed=self.seed_generator)
        return inputs + noise
