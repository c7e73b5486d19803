"""What layers that disturb their inputs in training have in common."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Tensor
from triceras.layers.layer import Layer
from triceras.random.seed import SeedGenerator


class Noise(Layer):
    """Its inputs as they are in inference, disturbed in training.

    Args:
        amount: how much, under the name ``amount_name``; nothing at 0.
        seed: an integer, or None for one of its own.
    """

    #: The name of the argument that says how much.
    amount_name: str = "rate"

    def __init__(self, amount: Any, seed: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= 1:
            raise ValueError(f"Layer {self.name!r}: {self.amount_name} lies between 0 and 1, received {amount!r}.")
        setattr(self, self.amount_name, amount)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if amount > 0 else None
        self.supports_masking = True
        self.built = True

    def disturb(self, inputs: Tensor) -> Tensor:
        """The inputs as training sees them."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define disturb().")

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        return self.disturb(inputs) if training and self.seed_generator is not None else inputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), self.amount_name: getattr(self, self.amount_name), "seed": self.seed}
