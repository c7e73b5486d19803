"""What layers over spatial axes without weights have in common: pooling, cropping, padding, upsampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import dtypes, settings
from triceras.graph.symbol import KerasTensor
from triceras.layers.arguments import serialized
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.windows import check_rank


class SpatialLayer(Layer):
    """A layer over the axes between batch and channels.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
    """

    #: The number of spatial axes.
    rank: int
    #: What a config holds.
    _arguments: tuple[str, ...] = ("data_format",)
    #: Whether integers come out as they went in; what averages gives them in the compute dtype.
    keeps_integers = True

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _spatial_axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def _averageable(self, inputs: Tensor) -> Tensor:
        """Inputs that can be averaged, unless integers are kept."""
        if self.keeps_integers or dtypes.is_float_dtype(ops.dtype(inputs)):
            return inputs
        return ops.cast(inputs, self.compute_dtype)

    def _with_sizes(self, input_shape: Any, change: Callable[[int, int], int]) -> tuple[int | None, ...]:
        """A shape whose spatial sizes are ``change(place, size)`` where they are known."""
        check_rank(input_shape, self.rank, self.path)
        sizes = list(input_shape)
        for place, axis in enumerate(self._spatial_axes):
            sizes[axis] = None if sizes[axis] is None else change(place, sizes[axis])
        return tuple(sizes)

    def compute_output_spec(self, inputs: KerasTensor, *args: Any, **kwargs: Any) -> KerasTensor:
        dtype = self._dtype_of(inputs)
        if not (self.keeps_integers or dtypes.is_float_dtype(dtype)):
            dtype = self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialized(self, self._arguments)}
