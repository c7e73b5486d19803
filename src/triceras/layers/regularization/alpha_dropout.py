"""Dropout that keeps mean and variance of what a SELU gives."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops, random
from triceras.backends.base import Tensor
from triceras.layers.regularization.noise import Noise

#: What a SELU tends to for small inputs: minus its scale times its alpha (Klambauer et al. 2017, equation 14).
_SATURATED = -1.0507009873554805 * 1.6732632423543772


class AlphaDropout(Noise):
    """Sets a share of its inputs to a SELU's lower limit in training and corrects mean and variance (Klambauer et al. 2017).

    Args:
        rate: the share, from 0 to 1.
        noise_shape: the shape of the mask, None for the inputs' size of an axis; masks are broadcast over the inputs.
        seed: an integer, or None for one of its own.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> shape(AlphaDropout(0.5)(ones((2, 3)), training=True))
        (2, 3)
    """

    rate: float

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def disturb(self, inputs: Tensor) -> Tensor:
        wanted = self.noise_shape or (None,) * len(inputs.shape)
        sizes = tuple(size if given is None else given for size, given in zip(ops.shape(inputs), wanted, strict=True))
        kept = random.uniform(sizes, dtype="float32", seed=self.seed_generator) >= self.rate
        variance = (1 - self.rate) * (1 + self.rate * _SATURATED**2)
        scale = 1 / math.sqrt(variance) if variance > 0 else 0.0
        return scale * ops.where(kept, inputs, _SATURATED) - scale * _SATURATED * self.rate

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "noise_shape": self.noise_shape}
