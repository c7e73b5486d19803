"""What losses have in common: dtype, masks, sample weights and the reduction to a scalar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import dtype_policies, ops, tree
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.core import dtypes, masks, naming, objects, settings
from triceras.core.autograph import left_alone
from triceras.core.masks import get_mask

REDUCTIONS = (None, "none", "sum", "sum_over_batch_size", "mean", "mean_with_sample_weight")


@left_alone
class Loss:
    """A scalar, or a value per sample, for targets and predictions.

    A subclass defines ``call(self, y_true, y_pred)``, which returns a value per sample.

    Args:
        name: its name.
        reduction: ``"sum_over_batch_size"`` or ``"mean"`` (the mean of all values), ``"sum"``,
            ``"mean_with_sample_weight"`` (the sum divided by the sum of the weights), ``"none"`` or None (no reduction).
        dtype: the dtype or dtype policy it computes in; ``config.floatx()`` by default, whatever the global policy.
    """

    #: Whether targets are cast to its dtype; class indices stay as they are.
    casts_targets = True

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(f"Unknown reduction {reduction!r}. Expected one of: {', '.join(map(repr, REDUCTIONS))}.")
        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = reduction
        self._given_dtype = dtype
        self._dtype_policy = dtype_policies.get(dtype or settings.floatx())

    @property
    def dtype(self) -> str:
        """The dtype it computes in."""
        return self._dtype_policy.compute_dtype

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """A value per sample: the predictions' shape without its last axis."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define call().")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The reduced loss.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: weights whose shape is a beginning of the values' shape, or broadcasts with it.

        Returns:
            A scalar, or the values where nothing is reduced.
        """
        mask = get_mask(y_pred)
        y_pred = _map(y_pred, self.dtype)
        with registry.use(_backend_of(y_pred)), masks.table():
            y_true = _map(y_true, self.dtype if self.casts_targets else None)
            values = self.call(y_true, y_pred)
            mask = _both(mask, get_mask(values))
            return reduce_weighted(values, sample_weight, mask, self.reduction, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        if self._given_dtype is not None:
            config["dtype"] = self._dtype_policy.name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make one from ``get_config``'s result."""
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A function of targets and predictions as a loss.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)``, a value per sample.
        reduction, name, dtype: as for ``Loss``.
        kwargs: passed on to the function, and attributes of this object.
    """

    def __init__(
        self,
        fn: Callable[..., Tensor],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self.casts_targets = not getattr(fn, "takes_indices", False)
        self._fn_kwargs = kwargs
        for key, value in kwargs.items():
            setattr(self, key, value)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | objects.serialize_keras_object(self._fn_kwargs)
        if type(self) is LossFunctionWrapper:
            config["fn"] = objects.serialize_keras_object(self.fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        if "fn" in config:
            config = objects.deserialize_keras_object(config)
        return cls(**config)


def as_tensor(x: Any, dtype: str | None) -> Any:
    """A tensor of some dtype, or of its own; None stays."""
    if x is None:
        return None
    if registry.owner_of(x) is None:
        x = ops.convert_to_tensor(x)
    return x if dtype is None or ops.dtype(x) == dtype else ops.cast(x, dtype)


def _map(x: Any, dtype: str | None) -> Any:
    """A structure's arrays as tensors; nested lists of numbers are one tensor."""
    if not tree.is_nested(x) or not any(hasattr(leaf, "shape") for leaf in tree.flatten(x)):
        return as_tensor(x, dtype)
    return tree.map_structure(lambda leaf: as_tensor(leaf, dtype), x)


def _backend_of(y_pred: Any) -> registry.Backend:
    """The backend of the first prediction, else the active one."""
    leaf = y_pred if not tree.is_nested(y_pred) else next(iter(tree.flatten(y_pred)), None)
    return registry.owner_of(leaf) or registry.active()


def as_pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions as tensors of the predictions' floating dtype and of the same rank."""
    y_pred = as_tensor(y_pred, None)
    with registry.use(_backend_of(y_pred)):
        dtype = ops.dtype(y_pred)
        if dtype not in dtypes.FLOATS:
            dtype = settings.floatx()
            y_pred = ops.cast(y_pred, dtype)
        return squeeze_or_expand_to_same_rank(as_tensor(y_true, dtype), y_pred)


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Two tensors whose ranks differ by a last axis of size one, brought to the same rank."""
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2:
        return x1, x2
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, ops.squeeze(x2, -1)
    return x1, x2


def _both(mask: Any, other: Any) -> Any:
    """Where both of two masks hold; None is a mask that holds everywhere."""
    if mask is None or other is None:
        return other if mask is None else mask
    return ops.logical_and(_align(mask, other), other)


def reduce_values(values: Tensor, reduction: str | None) -> Tensor:
    """Values reduced to a scalar, or left."""
    if reduction in (None, "none") or not len(values.shape):
        return values
    return ops.sum(values) if reduction == "sum" else ops.mean(values)


def reduce_weighted(values: Any, sample_weight: Any, mask: Any, reduction: str | None, dtype: str) -> Tensor:
    """Values weighted, masked and reduced; masked values count neither above nor below the fraction line."""
    values = as_tensor(values, dtype)
    weight = None if sample_weight is None else as_tensor(sample_weight, dtype)
    if mask is not None:
        mask = ops.cast(mask, dtype)
        weight = mask if weight is None else _align(weight, mask) * mask
    if weight is None:
        return reduce_values(values, reduction)
    weight = _align(weight, values)
    if len(weight.shape) > len(values.shape) and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    weighted = values * weight
    if reduction in (None, "none"):
        return weighted
    total = ops.sum(weighted)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight":
        return ops.divide_no_nan(total, ops.sum(ops.broadcast_to(weight, ops.shape(weighted))))
    if mask is not None:
        counted = ops.sum(ops.broadcast_to(_align(mask, weighted), ops.shape(weighted)))
        return ops.divide_no_nan(total, counted)
    return ops.mean(weighted)


def _align(x: Any, like: Any) -> Any:
    """A tensor of lower rank with axes of size one added behind, so that it broadcasts from the front."""
    if len(x.shape) == len(like.shape) + 1 and x.shape[-1] == 1:
        return ops.squeeze(x, -1)
    while len(x.shape) < len(like.shape):
        x = ops.expand_dims(x, -1)
    return x
