"""The activations as plain functions over ops; the ops of the same names say more about each."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))``."""
    return ops.celu(x, alpha)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere."""
    return ops.elu(x, alpha)


def exponential(x: Any) -> Tensor:
    """``exp(x)``."""
    return ops.exp(x)


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """``x * P(X <= x)`` of a standard normal X; with ``approximate`` by a tanh."""
    return ops.gelu(x, approximate)


def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second."""
    return ops.glu(x, axis)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x``, with values of at most ``threshold`` in magnitude set to zero."""
    return ops.hard_shrink(x, threshold)


def hard_sigmoid(x: Any) -> Tensor:
    """A piecewise linear sigmoid, ``relu6(x + 3) / 6``."""
    return ops.hard_sigmoid(x)


def hard_silu(x: Any) -> Tensor:
    """``x * hard_sigmoid(x)``, also known as hard swish."""
    return ops.hard_silu(x)


def hard_tanh(x: Any) -> Tensor:
    """``x`` clipped to -1 … 1."""
    return ops.hard_tanh(x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """``x`` where positive, ``negative_slope * x`` elsewhere."""
    return ops.leaky_relu(x, negative_slope)


def linear(x: Any) -> Any:
    """``x`` itself."""
    return x


def log_sigmoid(x: Any) -> Tensor:
    """The logarithm of the sigmoid."""
    return ops.log_sigmoid(x)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """The logarithm of the softmax over an axis."""
    return ops.log_softmax(x, axis)


def mish(x: Any) -> Tensor:
    """``x * tanh(softplus(x))`` (Misra, 2019)."""
    return x * ops.tanh(ops.softplus(x))


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """The rectified linear unit ``max(x, 0)`` and its variations.

    Args:
        x: any tensor.
        negative_slope: the slope below the threshold.
        max_value: the largest value of the result; None for none.
        threshold: values of at most this become ``negative_slope * (x - threshold)``.

    Example:
        >>> convert_to_numpy(relu(convert_to_tensor([-2.0, 1.0, 9.0]), 0.5, 6.0)).tolist()
        [-1.0, 1.0, 6.0]
    """
    if threshold == 0 and (max_value is None or (max_value == 6 and negative_slope == 0)):
        if negative_slope:
            return ops.leaky_relu(x, negative_slope)
        return ops.relu(x) if max_value is None else ops.relu6(x)
    y = x if max_value is None else ops.minimum(x, max_value)
    below = ops.multiply(ops.subtract(x, threshold), negative_slope) if negative_slope else 0
    return ops.where(ops.greater(x, threshold), y, below)


def relu6(x: Any) -> Tensor:
    """``min(max(x, 0), 6)``."""
    return ops.relu6(x)


def selu(x: Any) -> Tensor:
    """The scaled ``elu`` that keeps mean 0 and variance 1; with the initializer ``lecun_normal``."""
    return ops.selu(x)


def sigmoid(x: Any) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return ops.sigmoid(x)


def silu(x: Any) -> Tensor:
    """``x * sigmoid(x)``, also known as swish."""
    return ops.silu(x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` moved towards zero by ``threshold``, and zero within it."""
    return ops.soft_shrink(x, threshold)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """``exp(x) / sum(exp(x))`` over an axis."""
    return ops.softmax(x, axis)


def softplus(x: Any) -> Tensor:
    """``log(1 + exp(x))``."""
    return ops.softplus(x)


def softsign(x: Any) -> Tensor:
    """``x / (1 + |x|)``."""
    return ops.softsign(x)


def sparse_plus(x: Any) -> Tensor:
    """0 below -1, ``x`` above 1, ``(x + 1)**2 / 4`` between."""
    return ops.sparse_plus(x)


def sparse_sigmoid(x: Any) -> Tensor:
    """``(x + 1) / 2`` clipped to 0 … 1."""
    return ops.sparse_sigmoid(x)


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The point of the probability simplex nearest to ``x``."""
    return ops.sparsemax(x, axis)


def squareplus(x: Any, b: float = 4) -> Tensor:
    """``(x + sqrt(x**2 + b)) / 2``."""
    return ops.squareplus(x, b)


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(x)


def tanh_shrink(x: Any) -> Tensor:
    """``x - tanh(x)``."""
    return ops.tanh_shrink(x)


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """``x`` where it is above ``threshold``, ``default_value`` elsewhere."""
    return ops.threshold(x, threshold, default_value)
