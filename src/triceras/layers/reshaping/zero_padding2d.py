"""Zeros around images."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.graph.symbol import KerasTensor
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer


def pairs_per_axis(name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """A number, one for each axis, or a pair for each axis, as a tuple of pairs.

    Raises:
        ValueError: it is none of these.
    """
    values = (value,) * rank if isinstance(value, int) else tuple(value) if hasattr(value, "__iter__") else ()
    pairs: tuple[Any, ...] = tuple(
        (v, v) if isinstance(v, int) else tuple(v) if hasattr(v, "__iter__") else () for v in values
    )
    if len(pairs) != rank or any(len(p) != 2 or any(not isinstance(n, int) or n < 0 for n in p) for p in pairs):
        raise ValueError(
            f"{name} is an integer of at least 0, {rank} of them, or {rank} pairs of them, received {value!r}."
        )
    return pairs


class ZeroPadding2D(Layer):
    """Adds rows and columns of zeros around images.

    Args:
        padding: a number for all sides, ``(height, width)``, or ``((top, bottom), (left, right))``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with height and width grown

    Example:
        >>> shape(ZeroPadding2D(1)(ones((1, 2, 2, 3))))
        (1, 4, 4, 3)
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.padding = pairs_per_axis("padding", padding, 2)
        self.input_spec = InputSpec(ndim=4)

    def _widths(self) -> tuple[tuple[int, int], ...]:
        none = (0, 0)
        return (none, *self.padding, none) if self.data_format == "channels_last" else (none, none, *self.padding)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.pad(inputs, self._widths())

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(None if d is None else d + sum(w) for d, w in zip(input_shape, self._widths(), strict=True))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}
