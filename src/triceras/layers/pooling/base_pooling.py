"""What pooling layers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.backends.base import Tensor
from triceras.layers.spatial import SpatialLayer
from triceras.layers.windows import fits, least_sizes, per_axis, window_shape


class BasePooling(SpatialLayer):
    """One number for each window of each channel.

    Args:
        pool_size, strides: a number or one for each axis; strides are the size by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
    """

    _arguments = ("pool_size", "padding", "strides", "data_format")
    #: The op that does it.
    pool: Callable[..., Tensor]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, name=name, **kwargs)
        self.pool_size = per_axis("pool_size", pool_size, self.rank, where=self.path)
        steps = self.pool_size if strides is None else strides
        self.strides = per_axis("strides", steps, self.rank, where=self.path)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"Layer {self.path!r}: padding is 'valid' or 'same', received {padding!r}.")
        self._least_sizes = least_sizes(self.pool_size, self.padding, self.data_format)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        if not fits(inputs.shape, self._least_sizes):
            self.compute_output_shape(inputs.shape)
        return type(self).pool(
            self._averageable(inputs), self.pool_size, self.strides, padding=self.padding, data_format=self.data_format
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return window_shape(input_shape, self.pool_size, self.strides, self.padding, self.data_format, where=self.path)
