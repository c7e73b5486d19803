"""Gamma and beta numbers over the portable words, with gradients for their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.random.distributions import float_dtype, standard_normal
from triceras.random.rejection import first_accepted, uniform_at, where_needed
from triceras.random.seed import draw_key

#: Each is refused with a probability below 0.05, all of them with one below 2e-8, less than the step of a 24-bit uniform.
_PROPOSALS = 6


def parameter(x: Any) -> Tensor:
    """A parameter of a distribution as a tensor in float32."""
    return ops.cast(ops.convert_to_tensor(x) if registry.owner_of(x) is None else x, "float32")


@composite(fused=True)
def log_gamma_draw(alpha: TensorLike, key: Index) -> Tensor:
    """Logarithms of gamma numbers, by Marsaglia & Tsang, "A Simple Method for Generating Gamma Variables" (2000).

    Below ``alpha = 1`` a number for ``alpha + 1`` is multiplied with ``u ** (1 / alpha)``, in logarithms, as it may be tiny.

    Args:
        alpha: a vector.
        key: of the draw.
    """
    count = ops.shape(alpha)[0]
    positions = ops.arange(count, dtype="int32")
    small = ops.less(alpha, 1.0)
    d = ops.where(small, alpha + 1.0, alpha) - 1.0 / 3.0

    def propose(number: Any, positions: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        x = standard_normal(uniform_at(key, positions, 2 * number, count))
        u = uniform_at(key, positions, 2 * number + 1, count)
        root = ops.maximum(1.0 + x / ops.sqrt(9.0 * d), 1e-10)
        squeezed = u < 1.0 - 0.0331 * ops.square(x * x)
        return root, where_needed(_is_below, ops.logical_not(squeezed), squeezed, u, x, root, d)

    def power(positions: Tensor, alpha: Tensor) -> Tensor:
        return ops.log(uniform_at(key, positions, 2 * _PROPOSALS, count)) / alpha

    root = first_accepted(propose, positions, (d,), _PROPOSALS)
    power_of_small = where_needed(power, small, alpha * 0.0, positions, ops.where(small, alpha, 1.0))
    return ops.log(d) + 3.0 * ops.log(root) + power_of_small


def _is_below(u: Tensor, x: Tensor, root: Tensor, d: Tensor) -> Tensor:
    """Whether a proposal is accepted, which the squeeze of the paper mostly settles without logarithms."""
    log_v = 3.0 * ops.log(root)
    return ops.logical_and(root > 1e-10, ops.log(u) < 0.5 * x * x + d * (1.0 - ops.exp(log_v) + log_v))


@ops.custom_gradient
def _with_gradient(alpha: Tensor, log_sample: Tensor) -> Any:
    """The logarithm of a gamma number as a function of alpha, at the place it has in the distribution.

    With ``F(x, alpha)`` held fixed, ``dx / dalpha = -(dF / dalpha) / (dF / dx)`` (Figurnov, Mohamed & Mnih, "Implicit
    Reparameterization Gradients", 2018). Near zero ``F`` is ``x ** alpha / Gamma(alpha + 1)``.
    """

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        slope = registry.active().table["log_gamma_slope"](alpha, log_sample)
        return upstream * slope, upstream * 0.0

    return log_sample * 1.0, gradient


def _log_gamma(alpha: Tensor, key: Any) -> Tensor:
    """Logarithms of gamma numbers in alpha's shape, with their gradient."""
    flat = ops.reshape(alpha, (-1,))
    drawn = ops.stop_gradient(log_gamma_draw(ops.stop_gradient(flat), key))
    return ops.reshape(_with_gradient(flat, drawn) if registry.active().trains else drawn, ops.shape(alpha))


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers with the density ``x ** (alpha - 1) * exp(-x) / Gamma(alpha)`` (Marsaglia & Tsang 2000).

    They have a gradient with respect to alpha (Figurnov, Mohamed & Mnih 2018).

    Args:
        shape: the shape of the result.
        alpha: the shape parameter, above 0; a number or a tensor that broadcasts to ``shape``.
        dtype: a floating dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Example:
        >>> shape(gamma((2, 3), 1.5, seed=1))
        (2, 3)
    """
    dtype, shape = float_dtype(dtype), tuple(shape)
    return ops.cast(ops.exp(_log_gamma(ops.broadcast_to(parameter(alpha), shape), draw_key(seed))), dtype)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers in ``[0, 1]`` with a density proportional to ``x ** (alpha - 1) * (1 - x) ** (beta - 1)``.

    They are ``a / (a + b)`` of two gamma numbers, whose gradients they have with respect to alpha and beta.

    Args:
        shape: the shape of the result.
        alpha, beta: the parameters, above 0; numbers or tensors that broadcast to ``shape``.
        dtype: a floating dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Example:
        >>> shape(beta((2, 3), 2.0, 5.0, seed=1))
        (2, 3)
    """
    dtype, shape = float_dtype(dtype), tuple(shape)
    parameters = ops.stack([ops.broadcast_to(parameter(p), shape) for p in (alpha, beta)])
    # From their logarithms: both may be too small to be added.
    a, b = ops.unstack(_log_gamma(parameters, draw_key(seed)), 2)
    return ops.cast(ops.sigmoid(a - b), dtype)
