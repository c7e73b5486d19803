"""Gamma, beta and binomial numbers over the portable words.

Each number takes a fixed count of words, so that shapes are known to compilers and all backends stay in step: where a method
proposes until it accepts, a few proposals are made at once and the first accepted one is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras import ops
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.random.distributions import float_dtype, standard_normal, unit
from triceras.random.seed import draw_key
from triceras.random.words import random_words

#: Each is refused with a probability below 0.05, all of them with one below 2e-8, less than the step of a 24-bit uniform.
_PROPOSALS = 6
#: The same for an alpha of 8 or more, where each is refused with a probability below 0.004.
_PROPOSALS_FOR_LARGE = 3
#: Up to here a binomial number is a count of single trials; above, halvings come first.
_TRIALS = 16
#: So often at most: counts are whole numbers that float32 holds, below 2**24, and 2**24 / 2**20 is 16.
_HALVINGS = 20


def _parameter(x: Any) -> Tensor:
    return ops.cast(ops.convert_to_tensor(x) if registry.owner_of(x) is None else x, "float32")


def _log_gamma_draw(key: Any, shape: tuple[Any, ...], alpha: Tensor, proposals: int = _PROPOSALS) -> Tensor:
    """Logarithms of gamma numbers, by Marsaglia & Tsang, "A Simple Method for Generating Gamma Variables" (2000).

    Below ``alpha = 1`` a number for ``alpha + 1`` is multiplied with ``u ** (1 / alpha)``, in logarithms, as it may be tiny.
    """
    uniform = unit(key, (2 * proposals + 1, *shape))
    small = ops.less(alpha, 1.0)
    d = ops.where(small, alpha + 1.0, alpha) - 1.0 / 3.0
    x = standard_normal(uniform[:proposals])
    root = 1.0 + x / ops.sqrt(9.0 * d)
    log_v = 3.0 * ops.log(ops.maximum(root, 1e-30))
    limit = 0.5 * x * x + d * (1.0 - ops.exp(log_v) + log_v)
    accepted = ops.logical_and(root > 0.0, ops.log(uniform[proposals : 2 * proposals]) < limit)
    first = ops.expand_dims(ops.argmax(ops.cast(accepted, "int32"), 0), 0)
    chosen = ops.take_along_axis(log_v, first, 0)[0]
    power = ops.log(uniform[2 * proposals]) / ops.where(small, alpha, 1.0)
    return ops.log(d) + chosen + ops.where(small, power, 0.0)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers with the density ``x ** (alpha - 1) * exp(-x) / Gamma(alpha)`` (Marsaglia & Tsang 2000).

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
    parameter = ops.broadcast_to(_parameter(alpha), shape)
    return ops.cast(ops.exp(_log_gamma_draw(draw_key(seed), shape, parameter)), dtype)


def _beta_draw(key: Any, shape: tuple[Any, ...], alpha: Any, beta: Any, proposals: int = _PROPOSALS) -> Tensor:
    """``a / (a + b)`` of two gamma numbers, from their logarithms: both may be too small to be added."""
    parameters = ops.stack([ops.broadcast_to(p, shape) for p in (alpha, beta)])
    a, b = ops.unstack(_log_gamma_draw(key, (2, *shape), parameters, proposals), 2)
    return ops.sigmoid(a - b)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers in ``[0, 1]`` with a density proportional to ``x ** (alpha - 1) * (1 - x) ** (beta - 1)``.

    Args:
        shape: the shape of the result.
        alpha, beta: the parameters, above 0; numbers or tensors that broadcast to ``shape``.
        dtype: a floating dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Example:
        >>> shape(beta((2, 3), 2.0, 5.0, seed=1))
        (2, 3)
    """
    dtype = float_dtype(dtype)
    return ops.cast(_beta_draw(draw_key(seed), tuple(shape), _parameter(alpha), _parameter(beta)), dtype)


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """How many of ``counts`` trials succeed.

    Few trials are made one by one. Of many, the middle one in the order of their uniform numbers is drawn first, a beta
    number: it says how many lie on its one side, and half of them are left (Relles, "A Simple Algorithm for Generating
    Binomial Random Variables when N is Large", 1972).

    Args:
        shape: the shape of the result.
        counts: whole numbers from 0 to below 2**24; a number or a tensor that broadcasts to ``shape``. Those of a number or
            an array are known beforehand, which is quicker.
        probabilities: of a success, from 0 to 1; a number or a tensor that broadcasts to ``shape``.
        dtype: the floating dtype of the result.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Raises:
        ValueError: more trials than can be counted.

    Example:
        >>> convert_to_numpy(binomial((2,), 10, 1.0, seed=1)).tolist()
        [10.0, 10.0]
    """
    dtype, shape = float_dtype(dtype), tuple(shape)
    most = _most(counts)
    # A key for each halving and one for the single trials, so that a draw is the same whether its counts are known or not.
    keys = ops.cast(random_words(draw_key(seed), (_HALVINGS + 1, 2)), registry.active().seed_dtype)
    left, rate = (ops.broadcast_to(_parameter(p), shape) for p in (counts, probabilities))
    state = (left, rate, left * 0.0)
    halvings = max(0, math.ceil(math.log2((most + 1) / (_TRIALS + 1))))
    if halvings:
        state, _ = ops.scan(lambda s, key: (_halved(s, key, shape), ()), state, keys[:halvings])
    left, rate, found = state
    trials = min(most, _TRIALS)
    number = ops.reshape(ops.arange(trials, dtype="float32"), (-1, *(1,) * len(shape)))
    success = ops.logical_and(unit(keys[_HALVINGS], (trials, *shape)) < rate, number < left)
    return ops.cast(found + ops.sum(ops.cast(success, "float32"), 0), dtype)


def _most(counts: Any) -> int:
    """The largest number of trials there can be."""
    if registry.owner_of(counts) is not None and not isinstance(counts, np.ndarray):
        return (1 << 24) - 1
    most = int(np.max(counts, initial=0))
    if most >= 1 << 24:
        raise ValueError(f"binomial() counts up to 2**24 - 1 trials, received counts={most}.")
    return most


def _halved(state: Any, key: Tensor, shape: tuple[Any, ...]) -> Any:
    """What is left once the middle one of the remaining trials is drawn; few trials are left as they are."""
    left, rate, found = state
    many = left > float(_TRIALS)
    trials = ops.where(many, left, _TRIALS + 1.0)
    middle = ops.floor((trials + 1.0) / 2.0)
    place = _beta_draw(key, shape, middle, trials + 1.0 - middle, _PROPOSALS_FOR_LARGE)
    below = place <= rate  # the middle one and all before it succeed
    new = (
        ops.where(below, left - middle, middle - 1.0),
        ops.where(below, (rate - place) / (1.0 - place), rate / place),
        ops.where(below, found + middle, found),
    )
    return tuple(ops.where(many, a, b) for a, b in zip(new, state, strict=True))
