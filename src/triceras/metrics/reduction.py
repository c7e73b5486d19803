"""Metrics that reduce values: sum, mean, and the mean of a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import masks, objects
from triceras.core.masks import get_mask
from triceras.losses.loss import as_tensor, squeeze_or_expand_to_same_rank
from triceras.metrics.metric import Metric


def weighted(
    values: Any, sample_weight: Any, dtype: str, reduce: Callable[..., Tensor] = ops.mean
) -> tuple[Tensor, Tensor | None]:
    """Values and their weights in one dtype and shape, the values' mask among the weights.

    Axes of the values that the weights don't have are reduced.
    """
    weight = masked_weight(get_mask(values), sample_weight, dtype)
    values = as_tensor(values, dtype)
    if weight is None:
        return values, None
    if len(weight.shape) == len(values.shape) + 1 and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    if len(weight.shape) < len(values.shape):
        spare = tuple(range(len(weight.shape), len(values.shape)))
        values = reduce(values, axis=spare)
    return values, ops.broadcast_to(weight, ops.shape(values)) if weight.shape != values.shape else weight


def masked_weight(mask: Any, sample_weight: Any, dtype: str) -> Tensor | None:
    """Weights in some dtype that are zero where a mask is; None where there are neither weights nor a mask."""
    weight = None if sample_weight is None else as_tensor(sample_weight, dtype)
    if mask is None:
        return weight
    mask = ops.cast(mask, dtype)
    if weight is None:
        return mask
    if len(weight.shape) == len(mask.shape) + 1 and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    return front_aligned(weight, mask) * front_aligned(mask, weight)


def front_aligned(x: Tensor, like: Tensor) -> Tensor:
    """A tensor with axes of size one added behind, up to the rank of another."""
    while len(x.shape) < len(like.shape):
        x = ops.expand_dims(x, -1)
    return x


class Sum(Metric):
    """The weighted sum of all values.

    Args:
        name: its name.
        dtype: the dtype of its state.
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weight = weighted(values, sample_weight, self.dtype, ops.sum)
        self.total.assign(self.total.value + ops.sum(values if weight is None else values * weight))

    def result(self) -> Tensor:
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values.

    Args:
        name: its name.
        dtype: the dtype of its state.

    Example:
        >>> float(Mean()([1.0, 3.0]))
        2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weight = weighted(values, sample_weight, self.dtype)
        if weight is None:
            count: Any = 1
            for size in ops.shape(values):
                count = count * size
            count = float(count) if isinstance(count, int) else ops.cast(count, self.dtype)
            self.total.assign(self.total.value + ops.sum(values))
            self.count.assign(self.count.value + count)
        else:
            self.total.assign(self.total.value + ops.sum(values * weight))
            self.count.assign(self.count.value + ops.sum(weight))

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The weighted mean of a function of targets and predictions.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)``, a value per sample.
        name: its name.
        dtype: the dtype of its state.
        kwargs: passed on to the function.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name or getattr(fn, "__name__", None), dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        mask = get_mask(y_pred)
        y_pred = as_tensor(y_pred, self.dtype)
        y_true = as_tensor(y_true, None if getattr(self._fn, "takes_indices", False) else self.dtype)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        with masks.table():
            values = self._fn(y_true, y_pred, **self._fn_kwargs)
            super().update_state(values, masked_weight(mask, sample_weight, self.dtype))

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "dtype": self.dtype} | objects.serialize_keras_object(self._fn_kwargs)
        if type(self) is MeanMetricWrapper:
            config["fn"] = objects.serialize_keras_object(self._fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        if "fn" in config:
            config = objects.deserialize_keras_object(config)
        return cls(**config)
