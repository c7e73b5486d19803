"""Activations: nonlinear functions between layers."""

from __future__ import annotations

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import Shape
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.creation import arange
from triceras.ops.dispatch import TensorLike, composite, primitive
from triceras.ops.elementwise import abs as absolute
from triceras.ops.elementwise import clip, maximum, minimum, sign, sqrt
from triceras.ops.indexing import sort
from triceras.ops.logic import where
from triceras.ops.reduce import cumsum
from triceras.ops.reduce import sum as reduce_sum
from triceras.ops.shape import flip, moveaxis, split
from triceras.ops.specs import elementwise, same
from triceras.ops.transcendental import expm1, tanh


@elementwise("number")
def relu(x: TensorLike) -> Tensor:
    """The rectified linear unit ``max(x, 0)``.

    Example:
        >>> convert_to_numpy(relu([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """


@elementwise("number")
def relu6(x: TensorLike) -> Tensor:
    """``min(max(x, 0), 6)``.

    Example:
        >>> convert_to_numpy(relu6([-1.0, 2.0, 8.0])).tolist()
        [0.0, 2.0, 6.0]
    """


@elementwise("float")
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """``x`` where it is positive, ``negative_slope * x`` elsewhere.

    Example:
        >>> convert_to_numpy(leaky_relu([-1.0, 2.0], 0.5)).tolist()
        [-0.5, 2.0]
    """


@elementwise("float")
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """The exponential linear unit: ``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., 2015).

    Example:
        >>> convert_to_numpy(elu([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """


@elementwise("float")
def selu(x: TensorLike) -> Tensor:
    """The scaled ``elu`` that keeps mean 0 and variance 1 (Klambauer et al., 2017).

    Example:
        >>> convert_to_numpy(selu([0.0])).tolist()
        [0.0]
    """


@composite("float", spec=same)
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """The continuously differentiable ``elu``: ``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`` (Barron, 2017).

    Example:
        >>> convert_to_numpy(celu([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return where(x > 0, x, alpha * expm1(minimum(x, 0) / alpha))


@elementwise("float")
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """The Gaussian error linear unit ``x * P(X <= x)`` of a standard normal X (Hendrycks & Gimpel, 2016).

    Args:
        x: any tensor.
        approximate: whether the distribution function is approximated by a tanh.

    Example:
        >>> convert_to_numpy(gelu([0.0])).tolist()
        [0.0]
    """


@elementwise("float")
def sigmoid(x: TensorLike) -> Tensor:
    """The logistic function ``1 / (1 + exp(-x))``.

    Example:
        >>> convert_to_numpy(sigmoid([0.0])).tolist()
        [0.5]
    """


@elementwise("float")
def log_sigmoid(x: TensorLike) -> Tensor:
    """The logarithm of ``sigmoid``, ``-softplus(-x)``.

    Example:
        >>> convert_to_numpy(log_sigmoid([0.0])).round(3).tolist()
        [-0.6930000185966492]
    """


@elementwise("float")
def silu(x: TensorLike) -> Tensor:
    """``x * sigmoid(x)``, also known as swish (Ramachandran et al., 2017).

    Example:
        >>> convert_to_numpy(silu([0.0])).tolist()
        [0.0]
    """


swish = silu


@elementwise("float")
def softplus(x: TensorLike) -> Tensor:
    """``log(1 + exp(x))``, computed without overflow.

    Example:
        >>> convert_to_numpy(softplus([100.0])).tolist()
        [100.0]
    """


@elementwise("float")
def softsign(x: TensorLike) -> Tensor:
    """``x / (1 + |x|)``.

    Example:
        >>> convert_to_numpy(softsign([1.0])).tolist()
        [0.5]
    """


@composite("float", spec=same)
def hard_sigmoid(x: TensorLike) -> Tensor:
    """A piecewise linear ``sigmoid``: ``relu6(x + 3) / 6``.

    Example:
        >>> convert_to_numpy(hard_sigmoid([-4.0, 0.0, 4.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return relu6(x + 3) / 6


@composite("float", spec=same)
def hard_silu(x: TensorLike) -> Tensor:
    """``x * hard_sigmoid(x)``, also known as hard swish (Howard et al., 2019).

    Example:
        >>> convert_to_numpy(hard_silu([0.0, 4.0])).tolist()
        [0.0, 4.0]
    """
    return x * hard_sigmoid(x)


hard_swish = hard_silu


@composite("float", spec=same)
def hard_tanh(x: TensorLike) -> Tensor:
    """``x`` clipped to -1 … 1.

    Example:
        >>> convert_to_numpy(hard_tanh([-4.0, 0.5])).tolist()
        [-1.0, 0.5]
    """
    return clip(x, -1, 1)


@composite("float", spec=same)
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """``x``, with values of at most ``threshold`` in magnitude set to zero.

    Example:
        >>> convert_to_numpy(hard_shrink([-0.25, 1.0])).tolist()
        [0.0, 1.0]
    """
    return where(absolute(x) > threshold, x, 0)


@composite("float", spec=same)
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """``x`` moved towards zero by ``threshold``, and zero within it.

    Example:
        >>> convert_to_numpy(soft_shrink([-0.25, 1.0])).tolist()
        [0.0, 0.5]
    """
    return where(absolute(x) > threshold, x - sign(x) * threshold, 0)


@composite("float", spec=same)
def tanh_shrink(x: TensorLike) -> Tensor:
    """``x - tanh(x)``.

    Example:
        >>> convert_to_numpy(tanh_shrink([0.0])).tolist()
        [0.0]
    """
    return x - tanh(x)


@composite("float", spec=same)
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """``x`` where it is above ``threshold``, ``default_value`` elsewhere.

    Example:
        >>> convert_to_numpy(threshold([0.0, 2.0], 1, -1)).tolist()
        [-1.0, 2.0]
    """
    return where(x > threshold, x, default_value)


@composite("float", spec=same)
def sparse_plus(x: TensorLike) -> Tensor:
    """A ``softplus`` that is exactly 0 below -1 and ``x`` above 1, with ``(x + 1)**2 / 4`` between.

    Example:
        >>> convert_to_numpy(sparse_plus([-2.0, 0.0, 2.0])).tolist()
        [0.0, 0.25, 2.0]
    """
    inner = clip(x, -1, 1) + 1
    return where(x >= 1, x, inner * inner * 0.25)


@composite("float", spec=same)
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """``(x + 1) / 2`` clipped to 0 … 1, the derivative of ``sparse_plus``.

    Example:
        >>> convert_to_numpy(sparse_sigmoid([-2.0, 0.0, 2.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return clip(0.5 * (x + 1), 0, 1)


@composite("float", spec=same)
def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """``(x + sqrt(x**2 + b)) / 2``, a smooth ``relu`` without exponentials (Barron, 2021).

    Example:
        >>> convert_to_numpy(squareplus([0.0])).tolist()
        [1.0]
    """
    return (x + sqrt(x * x + b)) / 2


def _halved(shape: Shape, axis: int) -> Shape:
    sizes = list(shape)
    if sizes[axis] is not None:
        if sizes[axis] % 2:  # type: ignore[operator]
            raise ValueError(f"glu() needs an even size along axis {axis}, received the shape {tuple(shape)}.")
        sizes[axis] = sizes[axis] // 2  # type: ignore[operator]
    return tuple(sizes)


def _glu_spec(x: Spec, axis: int = -1) -> Spec:
    return Spec(_halved(x.shape, axis), x.dtype)


@composite("float", spec=_glu_spec)
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The gated linear unit: the first half along an axis times the ``sigmoid`` of the second (Dauphin et al., 2016).

    Raises:
        ValueError: the size along the axis is odd.

    Example:
        >>> convert_to_numpy(glu([2.0, 0.0])).tolist()
        [1.0]
    """
    _halved(x.shape, axis)
    value, gate = split(x, 2, axis)
    return value * sigmoid(gate)


@primitive("float", spec=same)
def softmax(x: TensorLike, axis: int | tuple[int, ...] | None = -1) -> Tensor:
    """``exp(x) / sum(exp(x))`` over an axis (or several, or all for None), computed without overflow.

    Example:
        >>> convert_to_numpy(softmax([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """


@primitive("float", spec=same)
def log_softmax(x: TensorLike, axis: int | tuple[int, ...] | None = -1) -> Tensor:
    """The logarithm of ``softmax``, computed without overflow.

    Example:
        >>> convert_to_numpy(log_softmax([0.0])).tolist()
        [0.0]
    """


@composite("float", spec=same)
def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The point of the probability simplex nearest to ``x``; many entries are exactly zero (Martins & Astudillo, 2016).

    Example:
        >>> convert_to_numpy(sparsemax([2.0, 0.0])).tolist()
        [1.0, 0.0]
    """
    logits = moveaxis(x, axis, -1)
    descending = flip(sort(logits, -1), -1)
    sums = cumsum(descending, -1)
    rank = cast(arange(1, x.shape[axis] + 1), dtype_of(x))
    supported = 1 + rank * descending > sums
    count = reduce_sum(cast(supported, dtype_of(x)), -1, keepdims=True)
    excess = (reduce_sum(where(supported, descending, 0), -1, keepdims=True) - 1) / count
    return moveaxis(maximum(logits - excess, 0), -1, axis)
