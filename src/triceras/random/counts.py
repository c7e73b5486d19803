"""Binomial numbers over the portable words."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras import ops
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.random.distributions import float_dtype
from triceras.random.gamma_family import parameter
from triceras.random.rejection import first_accepted, uniform_at, where_needed
from triceras.random.seed import draw_key
from triceras.random.words import random_unit

#: Up to this mean the distribution function is inverted step by step; above, the method of rejection is defined.
_SMALL_MEAN = 10.0
#: Of a mean of 10 what lies further up has a probability below 2**-24, the step of a uniform number.
_STEPS = 40
#: A proposal is refused with a probability below 0.35, all of them with one below 1e-9.
_PROPOSALS = 20


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """How many of ``counts`` trials succeed.

    Small means by the inverse of the distribution function, the others by transformed rejection: BTRS of Hoermann, "The
    Generation of Binomial Random Variates" (1993).

    Args:
        shape: the shape of the result.
        counts: whole numbers from 0 to below 2**24; a number or a tensor that broadcasts to ``shape``.
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
    _check(counts)
    if all(isinstance(x, int | float) for x in (counts, probabilities)):
        return ops.cast(_of_numbers(int(counts), float(probabilities), draw_key(seed), shape), dtype)
    n, p = (ops.reshape(ops.broadcast_to(parameter(x), shape), (-1,)) for x in (counts, probabilities))
    n, p = ops.stop_gradient(n), ops.stop_gradient(p)
    return ops.cast(ops.reshape(successes(n, p, draw_key(seed)), shape), dtype)


def _check(counts: Any) -> None:
    known = registry.owner_of(counts) is None or isinstance(counts, np.ndarray)
    if known and np.max(counts, initial=0) >= 1 << 24:
        raise ValueError(f"binomial() counts up to 2**24 - 1 trials, received counts={int(np.max(counts))}.")


def _of_numbers(count: int, probability: float, key: Any, shape: tuple[Any, ...]) -> Tensor:
    """The same where all draws are from one distribution."""
    # In float32, as tensors are, so that both choose one method.
    rare = min(np.float32(probability), np.float32(1) - np.float32(probability))
    if np.float32(count) * rare < _SMALL_MEAN:
        return looked_up(key, shape, count, probability)
    return single(key, shape, count, probability)


@composite(fused=True)
def looked_up(key: Index, shape: tuple[Any, ...], count: int, probability: float) -> Tensor:
    """Numbers of one distribution with a small mean, by its table."""
    rare = min(probability, 1 - probability)
    weights = [(1 - rare) ** count]
    for k in range(min(count, _STEPS) - 1):
        weights.append(weights[-1] * rare / (1 - rare) * (count - k) / (k + 1))
    table = np.cumsum(weights[:count]).astype(np.float32)
    found = (
        ops.cast(ops.searchsorted(table, random_unit(key, shape)), "float32")
        if count
        else random_unit(key, shape) * 0.0
    )
    return count - found if probability > 0.5 else found


@composite(fused=True)
def single(key: Index, shape: tuple[Any, ...], count: int, probability: float) -> Tensor:
    """Numbers of one distribution with a large mean."""
    size = math.prod(shape)
    n, p = parameter(count), parameter(probability)
    found = _transformed(key, size, ops.arange(size, dtype="int32"), n, ops.minimum(p, 1.0 - p))
    return ops.reshape(n - found if probability > 0.5 else found, shape)


@composite(fused=True)
def successes(counts: TensorLike, probabilities: TensorLike, key: Index) -> Tensor:
    """``binomial`` of vectors.

    Args:
        counts, probabilities: vectors in float32.
        key: of the draw.
    """
    size = ops.shape(counts)[0]
    positions = ops.arange(size, dtype="int32")
    rare = ops.minimum(probabilities, 1.0 - probabilities)
    small = counts * rare < _SMALL_MEAN
    found = _transformed(key, size, positions, ops.where(small, 4 * _SMALL_MEAN, counts), ops.where(small, 0.5, rare))
    invert = functools.partial(_inverted, key, size)
    found = where_needed(invert, small, found, positions, counts, ops.where(small, rare, 0.0))
    return ops.where(probabilities > 0.5, counts - found, found)


def _inverted(key: Tensor, size: Any, positions: Tensor, n: Tensor, p: Tensor) -> Tensor:
    """How often the next probability can be taken from a uniform number before it is used up."""
    left = uniform_at(key, positions, 0, size)
    odds = p / (1.0 - p)
    weight = ops.exp(n * ops.log1p(-p))

    def step(number: Any, state: Any) -> Any:
        left, weight, found = state
        left = left - weight
        further = left > 0.0
        k = ops.cast(number, "float32")
        weight = ops.where(further, weight * odds * (n - k) / (k + 1.0), 2.0)  # once used up, it stays so
        return left, weight, found + ops.cast(further, "float32")

    found = ops.fori_loop(0, _STEPS, step, (left, weight, left * 0.0))[2]
    return ops.minimum(found, n)


def _transformed(key: Tensor, size: Any, positions: Tensor, n: Tensor, p: Tensor) -> Tensor:
    """BTRS. Most proposals are accepted before their probability is known."""
    deviation = ops.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    height = _log_probability(ops.floor((n + 1.0) * p), n, p) + ops.log((2.83 + 5.1 / b) * deviation)
    # Of a single distribution they are numbers; else each place has its own.
    single = len(n.shape) == 0
    numbers = n, p, a, b, height

    def likely(k: Tensor, v: Tensor, us: Tensor, *parameters: Tensor) -> Tensor:
        n, p, a, b, height = parameters or numbers
        return ops.log(v / (a / (us * us) + b)) + height <= _log_probability(k, n, p)

    def propose(number: Any, positions: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        n, p, a, b, _ = parameters or numbers
        v = uniform_at(key, positions, 2 * number + 1, size)
        u = uniform_at(key, positions, 2 * number, size) - 0.5
        us = 0.5 - ops.abs(u)
        k = ops.floor((2.0 * a / us + b) * u + (n * p + 0.5))
        inside = ops.logical_and(k >= 0.0, k <= n)
        k = ops.minimum(ops.maximum(k, 0.0), n)
        simple = ops.logical_and(us >= 0.07, v <= 0.92 - 4.2 / b)
        undecided = ops.logical_and(inside, ops.logical_not(simple))
        return k, where_needed(likely, undecided, ops.logical_and(inside, simple), k, v, us, *parameters)

    return first_accepted(propose, positions, () if single else numbers, _PROPOSALS)


def _log_probability(k: Tensor, n: Tensor, p: Tensor) -> Tensor:
    """Of ``k`` successes, up to what depends on ``n`` alone; by deviances, which have no large terms that cancel (Loader,
    "Fast and Accurate Computation of Binomial Probabilities", 2000).
    """
    rest = n - k
    inner = ops.logical_and(k > 0.0, rest > 0.0)
    safe_k, safe_rest = ops.where(inner, k, 1.0), ops.where(inner, rest, 1.0)
    q = 1.0 - p
    value = -_stirling(safe_k) - _stirling(safe_rest) - _deviance(safe_k, n * p) - _deviance(safe_rest, n * q)
    value = value - 0.5 * (ops.log(safe_k) + ops.log(safe_rest))
    edge = ops.where(k > 0.0, n * ops.log(p), n * ops.log(q))
    edge = edge - _stirling(n) - 0.5 * ops.log(n) + _HALF_LOG_TAU
    return ops.where(inner, value, edge)


_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def _stirling(x: Tensor) -> Tensor:
    """``log x!`` less Stirling's formula, by its continued fraction: within 1e-4 for 1, 2e-6 for 2, 2e-7 from 3 on; of the
    means that rejection is for, no more than 5 in 10,000 draws are below 2.
    """
    return (1 / 12) / (x + (1 / 30) / (x + (53 / 210) / x))


def _deviance(x: Tensor, mean: Tensor) -> Tensor:
    """``x log(x / mean) + mean - x``, by a series where x is near the mean and the terms cancel."""
    v = (x - mean) / (x + mean)
    square = v * v
    series = (x - mean) * v + 2.0 * x * v * square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square / 9)))
    return ops.where(ops.abs(v) < 0.1, series, x * ops.log(x / mean) + mean - x)
