"""The heavy ops as a JAX user calls them: ``lax`` and ``jax.nn``, and what takes several calls under one ``jit``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Native = Callable[..., Any]


def conv(rank: int, strides: int = 1, padding: str = "VALID", groups: int = 1) -> Native:
    spatial = "DHW"[-rank:]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    return lambda x, k: lax.conv_general_dilated(
        x, k, (strides,) * rank, padding, dimension_numbers=layout, feature_group_count=groups
    )


def transposed(x: Any, k: Any) -> Any:
    return lax.conv_transpose(x, k, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=True)


@jax.jit
def depthwise(x: Any, k: Any) -> Any:
    return conv(2, 1, "SAME", x.shape[-1])(x, k.reshape(*k.shape[:2], 1, -1))


@jax.jit
def separable(x: Any, k: Any, point: Any) -> Any:
    return conv(2)(depthwise(x, k), point)


def pool(operation: Any, start: float, window: int, strides: int, padding: str) -> Native:
    def call(x: Any) -> Any:
        sizes, steps = (1, window, window, 1), (1, strides, strides, 1)
        y = lax.reduce_window(x, start, operation, sizes, steps, padding)
        return y / window**2 if operation is lax.add else y

    return call


def adaptive(reduction: Any) -> Native:
    def call(x: Any) -> Any:
        n, h, w, c = x.shape
        return reduction(x.reshape(n, 7, h // 7, 7, w // 7, c), (2, 4))

    return jax.jit(call)


@jax.jit
def stft(x: Any) -> Any:
    x = jnp.pad(x, ((0, 0), (128, 128)), "reflect")
    places = np.arange(0, x.shape[-1] - 255, 128)[:, None] + np.arange(256)
    y = jnp.fft.rfft(x[:, places] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)).astype("float32"))
    return y.real, y.imag


@jax.jit
def rfft(x: Any) -> Any:
    y = jnp.fft.rfft(x)
    return y.real, y.imag


def resize(method: str) -> Native:
    return jax.jit(lambda x: jax.image.resize(x, (x.shape[0], 224, 224, x.shape[3]), method, antialias=False))


@jax.jit
def layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-3) * gamma + beta


@jax.jit
def batch_norm(x: Any, mean: Any, variance: Any, offset: Any, scale: Any) -> Any:
    return (x - mean) * (lax.rsqrt(variance + 1e-3) * scale) + offset


def einsum(subscripts: str) -> Native:
    return lambda *operands: jnp.einsum(subscripts, *operands)


NATIVE: dict[str, Native] = {
    "conv1d": conv(1),
    "conv2d": conv(2),
    "conv2d same": conv(2, 1, "SAME"),
    "conv2d strided": conv(2, 2, "SAME"),
    "conv2d grouped": conv(2, 1, "SAME", 4),
    "conv2d rgb": conv(2, 1, "SAME"),
    "conv2d 1x1": conv(2),
    "conv3d": conv(3),
    "conv_transpose": transposed,
    "depthwise_conv": depthwise,
    "separable_conv": separable,
    "matmul": jnp.matmul,
    "matmul batched": jnp.matmul,
    "einsum scores": einsum("bqhd,bkhd->bhqk"),
    "einsum heads": einsum("bld,dhk->blhk"),
    "einsum chain": einsum("ab,bc,cd->ad"),
    "attention": jax.nn.dot_product_attention,
    "attention mask": lambda q, k, v, mask: jax.nn.dot_product_attention(q, k, v, mask=mask),
    "attention causal": lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True),
    "max_pool": pool(lax.max, -np.inf, 2, 2, "VALID"),
    "max_pool same": pool(lax.max, -np.inf, 3, 2, "SAME"),
    "average_pool": pool(lax.add, 0.0, 2, 2, "VALID"),
    "adaptive_average_pool": adaptive(jnp.mean),
    "adaptive_max_pool": adaptive(jnp.max),
    "sort": jnp.sort,
    "argsort": jnp.argsort,
    "top_k": lambda x: lax.top_k(x, 10),
    "scatter": jax.jit(lambda i, x: jnp.zeros((2 * len(x), x.shape[1])).at[i[:, 0]].add(x)),
    "scatter_update": jax.jit(lambda x, i, y: x.at[i[:, 0]].set(y)),
    "slice_update": lambda x, y: lax.dynamic_update_slice(x, y, (4, 4)),
    "segment_sum": lambda x, i: jax.ops.segment_sum(x, i, 16),
    "take": lambda x, i: jnp.take(x, i, 0),
    "stft": stft,
    "rfft": rfft,
    "resize bilinear": resize("bilinear"),
    "resize nearest": resize("nearest"),
    "softmax": jax.nn.softmax,
    "layer_normalization": layer_norm,
    "batch_normalization": batch_norm,
    "cumsum": functools.partial(jnp.cumsum, axis=-1),
    "logsumexp": functools.partial(jax.nn.logsumexp, axis=-1),
}


def prepare(name: str, values: list[np.ndarray]) -> list[Any]:
    """The inputs in the layout that a JAX user keeps them in."""
    return [jnp.asarray(v) for v in values]


def sync(result: Any) -> None:
    jax.block_until_ready(result)


def gradient(function: Native, inputs: list[Any], floating: list[int]) -> Callable[[], Any]:
    """Forward and backward, with respect to the floating inputs, of the sum of what is returned."""

    def total(chosen: list[Any], inputs: list[Any]) -> Any:
        full = list(inputs)
        for i, value in zip(floating, chosen, strict=True):
            full[i] = value
        parts = jax.tree.leaves(function(*full))
        return sum(p.sum() for p in parts if jnp.issubdtype(p.dtype, jnp.floating))

    run = jax.grad(total)
    return lambda: run([inputs[i] for i in floating], inputs)


def compiled(function: Native) -> Native | None:
    return jax.jit(function)


def compiled_gradient(function: Native, inputs: list[Any], floating: list[int]) -> Callable[[], Any] | None:
    def total(chosen: list[Any], inputs: list[Any]) -> Any:
        full = list(inputs)
        for i, value in zip(floating, chosen, strict=True):
            full[i] = value
        parts = jax.tree.leaves(function(*full))
        return sum(p.sum() for p in parts if jnp.issubdtype(p.dtype, jnp.floating))

    run = jax.jit(jax.grad(total))
    return lambda: run([inputs[i] for i in floating], inputs)
