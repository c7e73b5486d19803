"""Convolutions and pooling, in JAX."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from triceras.core import windows
from triceras.core.shapes import known_size

_SPATIAL = "DHW"


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _layout(rank: int, data_format: str) -> tuple[str, str, str]:
    spatial = _SPATIAL[-rank:]
    data = f"N{spatial}C" if data_format == "channels_last" else f"NC{spatial}"
    return data, f"{spatial}IO", data


def _last(x: jax.Array, data_format: str) -> jax.Array:
    return x if data_format == "channels_last" else jnp.moveaxis(x, 1, -1)


def _restored(x: jax.Array, data_format: str) -> jax.Array:
    return x if data_format == "channels_last" else jnp.moveaxis(x, -1, 1)


def _places(x: jax.Array, window: Any, strides: Any, dilation: Any) -> list[jax.Array]:
    """For each element of the window, what lies under it at all places of a padded channels-last array."""
    counts = [
        windows.output_size(*arguments, "valid")
        for arguments in zip(x.shape[1:-1], window, strides, dilation, strict=True)
    ]
    found = []
    for offset in itertools.product(*map(range, window)):
        starts = [o * d for o, d in zip(offset, dilation, strict=True)]
        limits = [b + (n - 1) * s + 1 for b, n, s in zip(starts, counts, strides, strict=True)]
        found.append(lax.slice(x, (0, *starts, 0), (x.shape[0], *limits, x.shape[-1]), (1, *strides, 1)))
    return found


def _padded(x: jax.Array, pads: windows.Pads, value: Any = 0) -> jax.Array:
    if all(pair == (0, 0) for pair in pads):
        return x
    return jnp.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


#: Up to how many elements patches are quicker than XLA's convolution without a gradient too.
_FEW = 2**17


def _prefers_patches(kernel: Sequence[int]) -> bool:
    """Whether patches and a matrix product beat XLA's convolution on CPU where gradients are taken.

    Measured on 2 cores, the time of forward and gradient over that of XLA's own (batch, size, channels in -> out, window):
    (32, 28, 1 -> 32, 3) 0.49, (32, 28, 3 -> 32, 3) 0.63, (32, 32, 3 -> 16, 3) 0.52, (16, 64, 3 -> 32, 7) 0.86,
    (32, 28, 1 -> 6, 5) 0.40, any window of 1 0.48; but (32, 14, 6 -> 16, 5) 0.94, (64, 13, 32 -> 64, 3) 0.93,
    (32, 28, 16 -> 16, 3) 1.7, (8, 32, 64 -> 64, 3) 2.0.
    """
    return kernel[-2] <= 4 or math.prod(kernel[:-2]) == 1


def _patches(x: jax.Array, kernel: jax.Array, strides: Any, dilation: Any) -> jax.Array:
    """A convolution of a padded channels-last array as one matrix product over the concatenated places."""
    places = _places(x, kernel.shape[:-2], strides, dilation)
    rows = places[0] if len(places) == 1 else jnp.concatenate(places, -1)
    return rows @ kernel.reshape(-1, kernel.shape[-1])


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _narrow(x: jax.Array, kernel: jax.Array, strides: Any, pads: Any, dilation: Any) -> jax.Array:
    """A channels-last convolution that is differentiated by patches.

    Without a gradient XLA's own takes 0.3 of the time for (16, 64, 3 -> 32, 7) and 0.7 for (32, 28, 1 -> 32, 3), but 1.7 times
    as long for (4, 16, 3 -> 8, 3).
    """
    places = [windows.output_size(*a, "valid") for a in zip(_grown(x, pads), kernel.shape, strides, dilation)]
    window = kernel.shape[:-2]
    sizes = [known_size(size) for size in (x.shape[0], *places)]
    few = None not in sizes and math.prod(sizes) * math.prod(kernel.shape[:-1]) <= _FEW  # type: ignore[arg-type]
    if few or math.prod(window) == 1:
        return _patches(_padded(x, pads), kernel, strides, dilation)
    layout = _layout(x.ndim - 2, "channels_last")
    return lax.conv_general_dilated(x, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=layout)


@_narrow.defjvp
def _narrow_jvp(strides: Any, pads: Any, dilation: Any, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    return jax.jvp(lambda x, k: _patches(_padded(x, pads), k, strides, dilation), primals, tangents)


def _grown(x: jax.Array, pads: Any) -> list[int]:
    return [size + sum(pair) for size, pair in zip(x.shape[1:-1], pads)]


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _run(x: jax.Array, kernel: jax.Array, strides: Any, padding: str, data_format: str, dilation: Any) -> jax.Array:
    rank = x.ndim - 2
    channels_last = windows.channels_moved(x.shape, data_format)
    pads = windows.window_pads(channels_last[1:-1], kernel.shape[:-2], strides, dilation, padding)
    groups = channels_last[-1] // kernel.shape[-2]
    if None in [known_size(pad) for pair in pads for pad in pair]:  # of symbols: JAX knows what "same" comes to
        pads = "SAME"
    elif groups == 1 and _on_cpu() and _prefers_patches(kernel.shape):
        return _restored(_narrow(_last(x, data_format), kernel, strides, tuple(pads), dilation), data_format)
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        pads,
        rhs_dilation=dilation,
        dimension_numbers=_layout(rank, data_format),
        feature_group_count=groups,
    )


def _convolve(
    x: jax.Array, kernel: jax.Array, strides: Any, padding: str, data_format: str, dilation_rate: Any
) -> jax.Array:
    strides, padding, dilation = windows.conv_arguments(x.ndim - 2, strides, padding, dilation_rate)
    return _run(x, kernel, strides, padding, data_format, dilation)


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _run_depthwise(
    x: jax.Array, kernel: jax.Array, strides: Any, padding: str, data_format: str, dilation: Any
) -> jax.Array:
    """A sum over the elements of the window: 3 ms where XLA's own takes 29 on CPU, (16, 28, 28, 32) and 3x3, with gradient."""
    multiplier = kernel.shape[-1]
    x = _last(x, data_format)
    x = _padded(x, windows.window_pads(x.shape[1:-1], kernel.shape[:-2], strides, dilation, padding))
    weights = kernel.reshape(-1, x.shape[-1] * multiplier)
    places = _places(x if multiplier == 1 else jnp.repeat(x, multiplier, -1), kernel.shape[:-2], strides, dilation)
    y = functools.reduce(jnp.add, [place * weight for place, weight in zip(places, weights, strict=True)])
    return _restored(y, data_format)


def _convolve_depthwise(
    x: jax.Array, kernel: jax.Array, strides: Any, padding: str, data_format: str, dilation_rate: Any
) -> jax.Array:
    strides, padding, dilation = windows.conv_arguments(x.ndim - 2, strides, padding, dilation_rate)
    if _by_places(x, kernel.shape[:-2]):
        return _run_depthwise(x, kernel, strides, padding, data_format, dilation)
    grouped = kernel.reshape(*kernel.shape[:-2], 1, -1)
    return _run(x, grouped, strides, padding, data_format, dilation)


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5, 6))
def _run_transposed(
    x: jax.Array,
    kernel: jax.Array,
    strides: Any,
    padding: str,
    output_padding: Sequence[int | None],
    data_format: str,
    dilation: Any,
) -> jax.Array:
    rank = x.ndim - 2
    sizes = windows.channels_moved(x.shape, data_format)[1:-1]
    pads = []
    for arguments in zip(sizes, kernel.shape[:-2], strides, dilation, output_padding, strict=True):
        before, after = windows.transposed_crop(*arguments[:-1], padding, arguments[-1])
        reach = windows.extent(arguments[1], arguments[3]) - 1
        pads.append((reach - before, reach - after))
    flipped = jnp.flip(kernel, tuple(range(rank))).swapaxes(-1, -2)
    return lax.conv_general_dilated(
        x,
        flipped,
        (1,) * rank,
        pads,
        lhs_dilation=strides,
        rhs_dilation=dilation,
        dimension_numbers=_layout(rank, data_format),
    )


def _convolve_transposed(
    x: jax.Array,
    kernel: jax.Array,
    strides: Any,
    padding: str,
    output_padding: Sequence[int | None],
    data_format: str,
    dilation_rate: Any,
) -> jax.Array:
    strides, padding, dilation = windows.conv_arguments(x.ndim - 2, strides, padding, dilation_rate)
    return _run_transposed(x, kernel, strides, padding, tuple(output_padding), data_format, dilation)


# ---- pooling ---------------------------------------------------------------------------------------------------------


def _reduced(x: Any, start: Any, operation: Any, window: Any, strides: Any, pads: Any, data_format: str) -> Any:
    def full(values: Any, other: Any) -> tuple:
        return (other, *values, other) if data_format == "channels_last" else (other, other, *values)

    return lax.reduce_window(x, start, operation, full(window, 1), full(strides, 1), full(pads, (0, 0)))


def _pool(x: jax.Array, pool_size: Any, strides: Any, padding: str, data_format: str) -> tuple[Any, Any, Any]:
    rank = x.ndim - 2
    strides, padding, ones = windows.conv_arguments(rank, strides, padding)
    window = windows.per_axis(pool_size, rank, "pool_size")
    sizes = windows.channels_moved(x.shape, data_format)[1:-1]
    return window, strides, windows.window_pads(sizes, window, strides, ones, padding)


def _by_places(x: jax.Array, window: Sequence[int]) -> bool:
    """Whether a window is gone through element by element rather than by XLA's own; with symbols for sizes it can't be.

    On 2 cores a maximum over 2x2 of (32, 28, 28, 32), with its gradient, takes XLA's own 8.7 ms and this 0.4; over 3x3 with
    strides of 2 11.7 and 1.4; a mean there 6.4 and 0.9.
    """
    return _on_cpu() and math.prod(window) <= 49 and None not in map(known_size, x.shape[1:])


@functools.partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _pool_max(x: jax.Array, pool_size: Any, strides: Any, padding: str, data_format: str) -> jax.Array:
    window, strides, pads = _pool(x, pool_size, strides, padding, data_format)
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    lowest = False if x.dtype == bool else -jnp.inf if floating else jnp.iinfo(x.dtype).min
    lowest = np.asarray(lowest, x.dtype)
    if _by_places(x, window):
        padded = _padded(_last(x, data_format), pads, lowest)
        # Of equal values the first one has the gradient, as elsewhere.
        largest = functools.reduce(
            lambda a, b: jnp.where((b > a) | (b != b), b, a), _places(padded, window, strides, (1,) * len(window))
        )
        return _restored(largest, data_format)
    return _reduced(x, lowest, lax.bitwise_or if x.dtype == bool else lax.max, window, strides, pads, data_format)


@functools.partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _pool_average(x: jax.Array, pool_size: Any, strides: Any, padding: str, data_format: str) -> jax.Array:
    if x.dtype == jnp.float16:  # whose sums overflow where the mean doesn't
        return _pool_average(x.astype(jnp.float32), pool_size, strides, padding, data_format).astype(x.dtype)
    window, strides, pads = _pool(x, pool_size, strides, padding, data_format)
    if _by_places(x, window):
        places = _places(_padded(_last(x, data_format), pads), window, strides, (1,) * len(window))
        sums = _restored(functools.reduce(jnp.add, places), data_format)
    else:
        sums = _reduced(x, np.zeros((), x.dtype), lax.add, window, strides, pads, data_format)
    if all(pair == (0, 0) for pair in pads):
        return sums / math.prod(window)
    inside = jnp.ones((1, *windows.channels_moved(x.shape, data_format)[1:-1], 1), x.dtype)
    inside = inside if data_format == "channels_last" else jnp.moveaxis(inside, -1, 1)
    return sums / _reduced(inside, np.zeros((), x.dtype), lax.add, window, strides, pads, data_format)


TABLE = {
    "convolve": _convolve,
    "convolve_depthwise": _convolve_depthwise,
    "convolve_transposed": _convolve_transposed,
    "pool_max": _pool_max,
    "pool_average": _pool_average,
}
