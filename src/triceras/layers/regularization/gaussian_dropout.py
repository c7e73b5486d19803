"""Multiplicative normal noise."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops, random
from triceras.backends.base import Tensor
from triceras.layers.regularization.noise import Noise


class GaussianDropout(Noise):
    """Multiplies with normal numbers of mean one and variance ``rate / (1 - rate)`` in training (Srivastava et al. 2014).

    Args:
        rate: the rate of the dropout with the same variance, from 0 to below 1.
        seed: an integer, or None for one of its own.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> shape(GaussianDropout(0.5)(ones((2, 3)), training=True))
        (2, 3)
    """

    rate: float

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        if rate == 1:
            raise ValueError(
                f"Layer {self.name!r}: rate lies below 1, where the noise has no finite variance; received 1."
            )

    def disturb(self, inputs: Tensor) -> Tensor:
        stddev = math.sqrt(self.rate / (1 - self.rate))
        shape, dtype = ops.shape(inputs), self.compute_dtype
        return inputs * random.normal(shape, mean=1.0, stddev=stddev, dtype=dtype, seed=self.seed_generator)
