"""Distributions over the portable words: the same numbers from the same seed on every backend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes, settings
from triceras.ops.calls import SYMBOLIC
from triceras.ops.dispatch import Index, composite
from triceras.ops.image.warps import DRAWS
from triceras.random.seed import draw_key
from triceras.random.words import random_unit, random_words

_SQRT2 = math.sqrt(2.0)
#: The largest number below 1 whose half, added to a half, is below 1 too in float32: some inverses compute so.
_BELOW_ONE = 1.0 - 2.0**-23


def float_dtype(dtype: Any) -> str:
    """The floating dtype that is asked for, ``config.floatx()`` by default.

    Raises:
        ValueError: it isn't a floating one.
    """
    name = settings.floatx() if dtype is None else dtypes.standardize_dtype(dtype)
    if name not in dtypes.FLOATS:
        raise ValueError(f"A continuous distribution gives a floating dtype, received dtype={name!r}.")
    return registry.active().canonical(name)


def standard_normal(uniform: Tensor) -> Tensor:
    """Gaussian numbers from uniform ones, by the inverse of the distribution function."""
    # The last cell's centre is rounded to 1, where the inverse is infinite.
    return ops.erfinv(ops.minimum(uniform * 2.0 - 1.0, _BELOW_ONE)) * _SQRT2


def uniform(shape: Sequence[int], minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers spread evenly from ``minval`` to ``maxval``.

    Args:
        shape: the shape of the result.
        minval, maxval: the ends, the upper one excluded.
        dtype: a floating dtype (``config.floatx()`` by default), or an integer one for whole numbers.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Example:
        >>> shape(uniform((2, 3), seed=1))
        (2, 3)
    """
    if dtype is not None and dtypes.standardize_dtype(dtype) in dtypes.INTEGERS:
        return randint(shape, minval, maxval, dtype, seed)
    dtype = float_dtype(dtype)
    return ops.cast(_between(random_unit(draw_key(seed), tuple(shape)), minval, maxval), dtype)


def _between(cells: Tensor, minval: Any, maxval: Any) -> Tensor:
    plain = isinstance(minval, int | float) and isinstance(maxval, int | float)
    return cells if plain and (minval, maxval) == (0, 1) else cells * (maxval - minval) + minval


def _moved(z: Tensor, mean: Any, stddev: Any) -> Tensor:
    """Standard numbers with another mean and deviation."""
    plain = isinstance(mean, int | float) and isinstance(stddev, int | float)
    return z if plain and (mean, stddev) == (0, 1) else z * stddev + mean


@composite(spec=lambda key, shape: Spec(tuple(shape), "float32"), fused=True)
def random_normal(key: Index, shape: tuple[Any, ...]) -> Tensor:
    """Standard normal numbers; arguments as for ``random_words``."""
    return standard_normal(random_unit(key, shape))


@composite(spec=lambda key, shape: Spec(tuple(shape), "float32"), fused=True)
def random_truncated(key: Index, shape: tuple[Any, ...]) -> Tensor:
    """Standard normal numbers between -2 and 2; arguments as for ``random_words``."""
    limit = math.erf(2.0 / _SQRT2)
    z = ops.erfinv((random_unit(key, shape) * 2.0 - 1.0) * limit) * _SQRT2
    return ops.clip(z, -2.0, 2.0)


@composite(spec=lambda key, shape, span: Spec(tuple(shape), "int32"), fused=True)
def random_below(key: Index, shape: tuple[Any, ...], span: int) -> Tensor:
    """Whole numbers from 0 to below ``span``; other arguments as for ``random_words``."""
    return _high_product(random_words(key, shape), span)


def normal(shape: Sequence[int], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Gaussian numbers, by the inverse of the distribution function: ``mean + stddev * sqrt(2) * erfinv(2u - 1)``.

    Args:
        shape: the shape of the result.
        mean, stddev: of the distribution.
        dtype: a floating dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Example:
        >>> shape(normal((2, 3), seed=1))
        (2, 3)
    """
    dtype = float_dtype(dtype)
    return ops.cast(_moved(random_normal(draw_key(seed), tuple(shape)), mean, stddev), dtype)


DRAWS["normal"] = normal


def truncated_normal(
    shape: Sequence[int], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Gaussian numbers no further than two standard deviations from the mean, by the inverse distribution function.

    Args:
        shape: the shape of the result.
        mean, stddev: of the distribution before it is cut off.
        dtype: a floating dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Returns:
        A tensor of that shape and dtype.

    Example:
        >>> bool(abs(convert_to_numpy(truncated_normal((100,), seed=1))).max() <= 2)
        True
    """
    dtype = float_dtype(dtype)
    return ops.cast(_moved(random_truncated(draw_key(seed), tuple(shape)), mean, stddev), dtype)


def randint(shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Whole numbers from ``minval`` to ``maxval``, the latter excluded.

    A word's 32 bits are scaled to the range, so no number is favoured by more than ``(maxval - minval) / 2**32``.

    Args:
        shape: the shape of the result.
        minval, maxval: the ends; ``maxval - minval`` is at most 2**31.
        dtype: an integer dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Returns:
        A tensor of that shape and dtype.

    Raises:
        ValueError: the dtype isn't an integer one, or the range is empty or too wide.

    Example:
        >>> set(convert_to_numpy(randint((100,), 0, 2, seed=1)).tolist()) == {0, 1}
        True
    """
    name = dtypes.standardize_dtype(dtype)
    if name not in dtypes.INTEGERS:
        raise ValueError(f"randint() gives an integer dtype, received dtype={name!r}.")
    span = int(maxval) - int(minval)
    if not 0 < span <= 1 << 31:
        raise ValueError(f"randint() needs minval < maxval, at most 2**31 apart, received {minval} and {maxval}.")
    numbers = random_below(draw_key(seed), tuple(shape), span)
    return ops.cast(numbers + int(minval) if minval else numbers, name)


def _high_product(words: Tensor, span: int) -> Tensor:
    """``word * span // 2**32`` in wrapping 32-bit arithmetic, by the products of 16-bit halves."""

    def low(x: Any) -> Any:
        return ops.bitwise_and(x, 0xFFFF)

    def high(x: Any) -> Any:
        return low(ops.bitwise_right_shift(x, 16))

    w_high, w_low, s_high, s_low = high(words), low(words), span >> 16, span & 0xFFFF
    first, second = w_high * s_low, w_low * s_high
    carry = high(w_low * s_low) + low(first) + low(second)
    return w_high * s_high + high(first) + high(second) + high(carry)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Class indices drawn with probabilities ``softmax(logits)``, by the inverse of the distribution function.

    Args:
        logits: unnormalised log-probabilities, shape ``(batch, classes)``.
        num_samples: draws for each row.
        dtype: an integer dtype.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Returns:
        A tensor of shape ``(batch, num_samples)``.

    Example:
        >>> convert_to_numpy(categorical([[0.0, 99.0]], 3, seed=1)).tolist()
        [[1, 1, 1]]
    """
    logits = ops.convert_to_tensor(logits) if registry.owner_of(logits) is None else logits
    batch, classes = ops.shape(logits)
    return ops.cast(_classes(logits, draw_key(seed), (batch, num_samples), classes), dtype)


@composite(spec=lambda logits, key, shape, classes: Spec(tuple(shape), "int32"), fused=True)
def _classes(logits: Index, key: Index, shape: tuple[Any, ...], classes: Any) -> Tensor:
    """For each draw, how many classes lie below its point of the distribution function."""
    below = ops.cumsum(ops.softmax(ops.cast(logits, "float32"), -1), -1)
    points = ops.minimum(random_unit(key, shape), _BELOW_ONE) * below[:, -1:]
    if shape[0] == 1:
        return ops.expand_dims(ops.searchsorted(below[0], points[0], "right"), 0)
    reached = ops.greater_equal(ops.expand_dims(points, -1), ops.expand_dims(below, 1))
    return ops.sum(ops.cast(reached, "int32"), -1)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None) -> Tensor:
    """The inputs with a share of them set to zero and the others scaled by ``1 / (1 - rate)`` (Srivastava et al. 2014).

    Args:
        inputs: a floating tensor.
        rate: the share to drop, from 0 to below 1.
        noise_shape: the shape of the mask, broadcast over the inputs; None for theirs.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Returns:
        A tensor of the inputs' shape and dtype.

    Example:
        >>> set(convert_to_numpy(dropout(ones((100,)), 0.5, seed=1)).tolist()) == {0.0, 2.0}
        True
    """
    if type(inputs) in SYMBOLIC:
        raise TypeError(
            f"dropout() draws when it is called, so it can't be recorded on {inputs!r}. Use layers.Dropout."
        )
    if not isinstance(inputs, registry.StateHolder) and registry.owner_of(inputs) is None:
        inputs = ops.convert_to_tensor(inputs)
    sizes = ops.shape(inputs)
    if noise_shape is not None:
        sizes = tuple(size if wanted is None else wanted for size, wanted in zip(sizes, noise_shape, strict=True))
    # A signed word lies below -2**31 + rate * 2**32 with probability `rate`.
    threshold = int(rate * (1 << 32)) - (1 << 31)
    keep = ops.greater_equal(random_words(draw_key(seed), sizes), threshold)
    return ops.where(keep, ops.multiply(inputs, 1.0 / (1.0 - rate)), 0.0)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The slices of a tensor along an axis, in random order.

    Args:
        x: any tensor.
        axis: the axis.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.

    Example:
        >>> sorted(convert_to_numpy(shuffle([3, 1, 2], seed=1)).tolist())
        [1, 2, 3]
    """
    words = random_words(draw_key(seed), (ops.shape(x)[axis],))
    return ops.take(x, ops.argsort(words), axis=axis)
