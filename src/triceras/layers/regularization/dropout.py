"""Dropout."""

from __future__ import annotations

from typing import Any

from triceras import random
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer
from triceras.random.seed import SeedGenerator


class Dropout(Layer):
    """Sets a share of its inputs to zero in training and scales the others by ``1 / (1 - rate)`` (Srivastava et al. 2014).

    Args:
        rate: the share, from 0 to 1.
        noise_shape: the shape of the mask, None for the inputs' size of an axis; masks are broadcast over the inputs.
        seed: an integer, or None for one of its own.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> shape(Dropout(0.5)(ones((2, 3)), training=True))
        (2, 3)
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(f"Layer {self.name!r}: rate lies between 0 and 1, received {rate!r}.")
        self.rate = rate
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed_generator = SeedGenerator(seed) if rate > 0 else None
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
