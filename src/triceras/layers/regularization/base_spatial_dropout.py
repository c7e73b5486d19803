"""Dropout of whole channels."""

from __future__ import annotations

from typing import Any

from triceras import dtype_policies
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.input_spec import InputSpec
from triceras.layers.regularization.dropout import Dropout


class BaseSpatialDropout(Dropout):
    """Drops whole channels of each sample in training, and scales the others by ``1 / (1 - rate)`` (Tompson et al. 2015).

    Args:
        rank: the number of spatial axes.
        rate: the share dropped, from 0 to 1.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        seed: an integer, or None for one of its own.
    """

    def __init__(self, rank: int, rate: float, data_format: str | None, seed: Any, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.noise_shape = (
            (None, *(1,) * rank, None) if self.data_format == "channels_last" else (None, None, *(1,) * rank)
        )
        self.input_spec = InputSpec(ndim=rank + 2)

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        return super().call(inputs, training)

    def get_config(self) -> dict[str, Any]:
        dtype = dtype_policies.serialize(self._dtype_policy)
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": dtype}
        return {**config, "data_format": self.data_format}
