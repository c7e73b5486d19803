"""Larger images."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.windows import per_axis

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling2D(Layer):
    """Repeats or interpolates rows and columns.

    Args:
        size: the factors of height and width, a number or two.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with height and width multiplied

    Example:
        >>> shape(UpSampling2D(2)(ones((1, 2, 2, 3))))
        (1, 4, 4, 3)
    """

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.size = per_axis("size", size, 2)
        self.interpolation = interpolation.lower()
        if self.interpolation not in _INTERPOLATIONS:
            raise ValueError(
                f"Layer {self.name!r}: interpolation is one of {', '.join(_INTERPOLATIONS)}, received {interpolation!r}."
            )
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        first = 1 if self.data_format == "channels_last" else 2
        if self.interpolation == "nearest":
            return ops.repeat(ops.repeat(inputs, self.size[0], axis=first), self.size[1], axis=first + 1)
        height, width = ops.shape(inputs)[first : first + 2]
        target = (height * self.size[0], width * self.size[1])
        return ops.image.resize(inputs, target, interpolation=self.interpolation, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        sizes = list(input_shape)
        for axis, factor in zip((first, first + 1), self.size, strict=True):
            sizes[axis] = None if sizes[axis] is None else sizes[axis] * factor
        return tuple(sizes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }
