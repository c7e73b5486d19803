"""The exponential linear unit as a layer."""

from __future__ import annotations

from typing import Any

from triceras import activations
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class ELU(Layer):
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016).

    Args:
        alpha: minus the limit for small inputs.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(ELU()(convert_to_tensor([0.0, 2.0]))).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if alpha is None:
            raise ValueError(f"Layer {self.name!r}: alpha is a number, received None.")
        self.alpha = alpha
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.elu(inputs, alpha=self.alpha)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}
