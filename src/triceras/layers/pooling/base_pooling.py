"""What pooling layers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.windows import per_axis, window_shape


class BasePooling(Layer):
    """One number for each window of each channel.

    Args:
        rank: the number of spatial axes.
        pool_size, strides: a number or one for each axis; strides are the size by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """

    #: The op that does it.
    pool: Callable[..., Tensor]

    def __init__(
        self, rank: int, pool_size: Any, strides: Any, padding: str, data_format: str | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.pool_size = per_axis("pool_size", pool_size, rank)
        self.strides = self.pool_size if strides is None else per_axis("strides", strides, rank)
        self.padding = padding.lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"Layer {self.name!r}: padding is 'valid' or 'same', received {padding!r}.")
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).pool(
            inputs, self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return window_shape(input_shape, self.pool_size, self.strides, self.padding, self.data_format, where=self.path)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class BaseGlobalPooling(Layer):
    """One number for each channel.

    Args:
        rank: the number of spatial axes.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        keepdims: whether the spatial axes stay, with size one.
    """

    #: The reduction that does it.
    reduce: Callable[..., Tensor]

    def __init__(self, rank: int, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.data_format = settings.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=rank + 2)

    @property
    def _spatial_axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).reduce(inputs, axis=self._spatial_axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        axes = self._spatial_axes
        if self.keepdims:
            return tuple(1 if i in axes else d for i, d in enumerate(input_shape))
        return tuple(d for i, d in enumerate(input_shape) if i not in axes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}
