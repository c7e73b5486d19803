"""Inputs brought to mean zero and variance one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.layer import Layer


class Normalization(Layer):
    """``(inputs - mean) / sqrt(variance)``, with statistics that ``adapt`` takes from data or that are given.

    Args:
        axis: the axis or axes that have statistics of their own; None for one mean and one variance of all.
        mean, variance: the statistics, where they are known.
        invert: whether to undo the normalization instead.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(Normalization(mean=1.0, variance=4.0)(convert_to_tensor([[3.0]]))).tolist()
        [[1.0]]
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.axis = axes
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True
        self._axis_argument = axis
        self.mean: Any = None
        self.variance: Any = None
        if (mean is None) != (variance is None):
            raise ValueError(f"Layer {self.name!r}: pass mean and variance or neither, received {mean} and {variance}.")

    def build(self, input_shape: Any) -> None:
        if input_shape is None:
            return
        rank = len(input_shape)
        kept = sorted(a % rank for a in self.axis)
        if any(input_shape[a] is None for a in kept):
            raise ValueError(
                f"Layer {self.path!r}: the sizes of axes {self.axis} must be known, received {input_shape}."
            )
        self._kept = kept
        self._reduced = tuple(a for a in range(rank) if a not in kept)
        self._broadcast = tuple(input_shape[a] if a in kept else 1 for a in range(rank))
        shape = tuple(input_shape[a] for a in kept)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(
                shape=shape, initializer="zeros", trainable=False, autocast=False, name="mean"
            )
            self.adapt_variance = self.add_weight(
                shape=shape, initializer="ones", trainable=False, autocast=False, name="variance"
            )
            self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="count")
            self.finalize_state()
        else:
            size = math.prod(shape) if shape else 1
            self.mean, self.variance = (
                np.broadcast_to(np.asarray(v, "float32"), shape if size > 1 or shape else ()).reshape(self._broadcast)
                for v in (self.input_mean, self.input_variance)
            )

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data.

        Args:
            data: an array, a tensor or a nested list of numbers; or batches of such, in a list or anything iterable. Of a
                batch ``(x, y)`` the first part counts.

        Raises:
            ValueError: there is no data, its batches differ in the axes kept, or mean and variance were given.
        """
        if self.input_mean is not None:
            raise ValueError(f"Layer {self.name!r} was given its mean and variance; adapt() would have nothing to do.")
        count, mean, second = 0, 0.0, 0.0
        for batch in self._batches(data):
            x = ops.convert_to_numpy(batch).astype("float64")
            if not self.built:
                self.build(tuple(x.shape))
            self._check_batch(x)
            size = math.prod(x.shape[a] for a in self._reduced)
            batch_mean, batch_variance = x.mean(self._reduced), x.var(self._reduced)
            # Chan, Golub & LeVeque 1983: statistics of two parts joined without going over the data again.
            total = count + size
            delta = batch_mean - mean
            mean = mean + delta * size / total
            second = second + batch_variance * size + delta**2 * count * size / total
            count = total
        if not count:
            raise ValueError(f"Layer {self.name!r}: adapt() was given no data.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(second / count)
        self.finalize_state()

    def _batches(self, data: Any) -> Iterator[Any]:
        if hasattr(data, "shape") or (isinstance(data, list | tuple) and not any(hasattr(x, "shape") for x in data)):
            yield data
            return
        if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
            raise ValueError(
                f"Layer {self.name!r}: adapt() takes an array or an iterable of batches, received {type(data).__name__}."
            )
        batches = data if hasattr(data, "__iter__") else (data[i] for i in range(len(data)))
        for batch in batches:
            yield batch[0] if isinstance(batch, list | tuple) and batch and hasattr(batch[0], "shape") else batch

    def _check_batch(self, x: np.ndarray) -> None:
        kept = tuple(x.shape[a] for a in self._kept) if x.ndim == len(self._broadcast) else None
        wanted = tuple(self._broadcast[a] for a in self._kept)
        if kept != wanted:
            raise ValueError(
                f"Layer {self.name!r}: adapt() received a batch of shape {x.shape}, expected {len(self._broadcast)} axes with "
                f"sizes {wanted} in axes {tuple(self._kept)}. Give batches of one form, or make a new layer."
            )

    def finalize_state(self) -> None:
        """Use the statistics that are stored."""
        if self.input_mean is None and self.built is not None and hasattr(self, "adapt_mean"):
            self.mean = self.adapt_mean.numpy().reshape(self._broadcast)
            self.variance = self.adapt_variance.numpy().reshape(self._broadcast)

    def convert_weight(self, weight: Any) -> Any:
        """A statistic as ``call`` uses it: as it is, since a layer's state is its backend's."""
        return weight

    def call(self, inputs: Tensor) -> Tensor:
        inputs = ops.cast(inputs, self.compute_dtype)
        mean, variance = self.mean, self.variance
        if self.input_mean is None:  # from the variables: a compiled step must see what a later adapt() stores
            mean, variance = (ops.reshape(v, self._broadcast) for v in (self.adapt_mean, self.adapt_variance))
        deviation = ops.maximum(ops.sqrt(ops.convert_to_tensor(variance)), settings.epsilon())
        mean, deviation = (ops.cast(ops.convert_to_tensor(v), self.compute_dtype) for v in (mean, deviation))
        return inputs * deviation + mean if self.invert else (inputs - mean) / deviation

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self.finalize_state()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": list(self.axis),
            "invert": self.invert,
            "mean": None if self.input_mean is None else np.asarray(self.input_mean).tolist(),
            "variance": None if self.input_variance is None else np.asarray(self.input_variance).tolist(),
        }
