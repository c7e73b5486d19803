"""Cross-entropies and encodings of labels."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes, settings
from triceras.core.shapes import broadcast_shapes
from triceras.ops.dispatch import Index, TensorLike, composite, primitive
from triceras.ops.elementwise import clip, sign
from triceras.ops.indexing import take_along_axis
from triceras.ops.logic import where
from triceras.ops.reduce import max as reduce_max
from triceras.ops.reduce import sum as reduce_sum
from triceras.ops.shape import expand_dims, moveaxis, squeeze
from triceras.ops.transcendental import log


def _one_hot_spec(x: Spec, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Spec:
    shape = list(x.shape)
    shape.insert(axis if axis >= 0 else len(shape) + 1 + axis, num_classes)
    return Spec(tuple(shape), dtypes.standardize_dtype(dtype), bool(sparse))


@primitive(spec=_one_hot_spec)
def one_hot(x: Index, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """A one at each index of a new axis, zeros elsewhere; an index out of range gives zeros alone.

    Args:
        x: integers of any shape.
        num_classes: the size of the new axis.
        axis: where the new axis stands.
        dtype: the result's dtype, ``config.floatx()`` by default.
        sparse: whether the result is a sparse tensor.

    Example:
        >>> convert_to_numpy(one_hot([0, 2], 3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """


def _multi_hot_spec(
    inputs: Spec, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Spec:
    hot = _one_hot_spec(inputs, kwargs.get("num_tokens", num_classes), axis, dtype)
    merged = 1 if len(inputs.shape) > 1 else 0
    return Spec(hot.shape[:merged] + hot.shape[merged + 1 :], hot.dtype, bool(sparse))


@composite(spec=_multi_hot_spec)
def multi_hot(
    inputs: Index,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """A one at each index that a row holds, zeros elsewhere.

    Args:
        inputs: integers, ``(n,)`` or ``(batch, n, ...)``; the axis of size n is merged.
        num_classes: the size of the new axis.
        axis, dtype, sparse: as in ``one_hot``.

    Example:
        >>> convert_to_numpy(multi_hot([[0, 2]], 3)).tolist()
        [[1.0, 0.0, 1.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs or num_classes is None:
        raise ValueError(f"multi_hot() needs num_classes; received num_classes={num_classes} and {sorted(kwargs)}.")
    hot = one_hot(inputs, num_classes, axis, dtype, sparse)
    merged = 1 if len(inputs.shape) > 1 else 0
    return sign(reduce_sum(hot, merged)) if sparse else reduce_max(hot, merged)


# ---- from logits -----------------------------------------------------------------------------------------------------


def _broadcast_spec(target: Spec, logits: Spec) -> Spec:
    return Spec(broadcast_shapes(target.shape, logits.shape), logits.dtype)


def _per_row_spec(target: Spec, logits: Spec) -> Spec:
    return Spec(logits.shape[:-1], logits.dtype)


@primitive("float", spec=_broadcast_spec)
def sigmoid_crossentropy(target: TensorLike, logits: TensorLike) -> Tensor:
    """``-target * log(p) - (1 - target) * log(1 - p)`` with ``p = sigmoid(logits)``, without overflow."""


@primitive("float", spec=_per_row_spec)
def softmax_crossentropy(target: TensorLike, logits: TensorLike) -> Tensor:
    """``-sum(target * log_softmax(logits))`` over the last axis."""


@primitive("float", spec=_per_row_spec)
def sparse_softmax_crossentropy(target: Index, logits: TensorLike) -> Tensor:
    """``-log_softmax(logits)[target]`` over the last axis; zero for the label -1."""


# ---- the public ones -------------------------------------------------------------------------------------------------


def _same_shape(name: str, target: Any, output: Any) -> None:
    """Raises where the shapes of labels and outputs can't belong together."""
    if len(target.shape) != len(output.shape) or any(
        a != b for a, b in zip(target.shape, output.shape, strict=True) if a is not None and b is not None
    ):
        raise ValueError(
            f"{name}() needs target and output of one shape, received {tuple(target.shape)} and {tuple(output.shape)}."
        )


def _clipped(probabilities: Tensor) -> Tensor:
    return clip(probabilities, settings.epsilon(), 1 - settings.epsilon())


def _binary_spec(target: Spec, output: Spec, from_logits: bool = False) -> Spec:
    _same_shape("binary_crossentropy", target, output)
    return output


@composite("float", spec=_binary_spec)
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """``-target * log(output) - (1 - target) * log(1 - output)``, element by element.

    Args:
        target: labels, 0 … 1, in the shape of ``output``.
        output: probabilities, clipped to ``config.epsilon()`` from both ends, or logits.
        from_logits: whether ``output`` is logits.

    Example:
        >>> convert_to_numpy(binary_crossentropy([1.0], [0.5])).round(4).tolist()
        [0.6930999755859375]
    """
    _same_shape("binary_crossentropy", target, output)
    if from_logits:
        return sigmoid_crossentropy(target, output)
    output = _clipped(output)
    return -(target * log(output) + (1 - target) * log(1 - output))


def _categorical_spec(target: Spec, output: Spec, from_logits: bool = False, axis: int = -1) -> Spec:
    _same_shape("categorical_crossentropy", target, output)
    shape = list(output.shape)
    del shape[axis]
    return Spec(tuple(shape), output.dtype)


@composite("float", spec=_categorical_spec)
def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """``-sum(target * log(output))`` over the classes.

    Args:
        target: the probability of each class, in the shape of ``output``.
        output: probabilities, scaled to sum to one and clipped to ``config.epsilon()`` from both ends, or logits.
        from_logits: whether ``output`` is logits.
        axis: the axis of the classes.

    Returns:
        The loss, without that axis.

    Example:
        >>> convert_to_numpy(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])).round(4).tolist()
        [0.6930999755859375]
    """
    _same_shape("categorical_crossentropy", target, output)
    if from_logits:
        last = axis in (-1, len(output.shape) - 1)
        return softmax_crossentropy(*((target, output) if last else (moveaxis(v, axis, -1) for v in (target, output))))
    output = _clipped(output / reduce_sum(output, axis, keepdims=True))
    return -reduce_sum(target * log(output), axis)


def _labels_are_a_column(target: Any, output: Any) -> bool:
    """Whether integer labels come with a last axis of size 1 in place of the classes."""
    return len(target.shape) == len(output.shape) and target.shape[-1] == 1


def _sparse_spec(target: Spec, output: Spec, from_logits: bool = False, axis: int = -1) -> Spec:
    shape = list(output.shape)
    del shape[axis]
    labels = target.shape[:-1] if _labels_are_a_column(target, output) else target.shape
    if len(labels) != len(shape) or any(a != b for a, b in zip(labels, shape, strict=True) if None not in (a, b)):
        raise ValueError(
            "sparse_categorical_crossentropy() needs a target of output's shape without the classes (or with 1 there), "
            f"received {target.shape} for output {output.shape} and axis {axis}."
        )
    return Spec(tuple(shape), output.dtype)


@composite("float", spec=_sparse_spec)
def sparse_categorical_crossentropy(
    target: Index, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """``-log(output[target])`` over the classes.

    Args:
        target: integer classes in the shape of ``output`` without the axis of the classes, or with size 1 in the last
            place. The label -1 has no loss.
        output: probabilities, scaled to sum to one and clipped to ``config.epsilon()`` from both ends, or logits.
        from_logits: whether ``output`` is logits.
        axis: the axis of the classes.

    Returns:
        The loss, without that axis.

    Example:
        >>> convert_to_numpy(sparse_categorical_crossentropy([1], [[0.5, 0.5]])).round(4).tolist()
        [0.6930999755859375]
    """
    if axis not in (-1, len(output.shape) - 1):
        output = moveaxis(output, axis, -1)
    _sparse_spec(target, output, from_logits)
    if _labels_are_a_column(target, output):
        target = squeeze(target, -1)
    if from_logits:
        return sparse_softmax_crossentropy(target, output)
    output = _clipped(output / reduce_sum(output, -1, keepdims=True))
    valid = target >= 0
    labels = expand_dims(where(valid, target, 0), -1)
    return where(valid, -log(squeeze(take_along_axis(output, labels, -1), -1)), 0)
