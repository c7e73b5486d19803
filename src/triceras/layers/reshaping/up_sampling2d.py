"""Larger images."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.reshaping.base_up_sampling import BaseUpSampling
from triceras.layers.windows import per_axis

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling2D(BaseUpSampling):
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

    rank = 2
    _arguments = ("size", "data_format", "interpolation")

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self._factors = per_axis("size", size, 2, where=self.path)
        self.interpolation = str(interpolation).lower()
        if self.interpolation not in _INTERPOLATIONS:
            raise ValueError(
                f"Layer {self.path!r}: interpolation is one of {', '.join(_INTERPOLATIONS)}, received {interpolation!r}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        first = self._spatial_axes[0]
        height, width = ops.shape(inputs)[first : first + 2]
        target = (height * self.size[0], width * self.size[1])
        return ops.image.resize(inputs, target, interpolation=self.interpolation, data_format=self.data_format)
