"""Activations, losses, encodings and attention, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from triceras.backends.jax.varying import varying_alike
from triceras.core import dtypes


def _one_hot(x: jax.Array, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    if sparse:
        from triceras.backends.jax import sparse as native

        return native.one_hot(x, num_classes, axis, dtype)
    return jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtypes.numpy_dtype(dtype))


# Written out, for the automatic gradients of maximum and absolute value don't add up to the right one at zero.
@jax.custom_vjp
def _binary(target: jax.Array, logits: jax.Array) -> jax.Array:
    return jnp.maximum(logits, 0) - logits * target + jnp.log1p(jnp.exp(-jnp.abs(logits)))


def _binary_backward(residuals: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    target, logits = residuals
    return -logits * gradient, (jax.nn.sigmoid(logits) - target) * gradient


_binary.defvjp(lambda target, logits: (_binary(target, logits), (target, logits)), _binary_backward)


@jax.jit
def _sigmoid_crossentropy(target: jax.Array, logits: jax.Array) -> jax.Array:
    return _binary(*varying_alike(jnp.broadcast_arrays(target, logits)))


@jax.jit
def _softmax_crossentropy(target: jax.Array, logits: jax.Array) -> jax.Array:
    return -(target * jax.nn.log_softmax(logits)).sum(-1)


# The gradient is written out: differentiating the choice of one logit gives a scatter, which is slow everywhere.
@jax.custom_vjp
def _sparse(labels: jax.Array, logits: jax.Array) -> jax.Array:
    return _sparse_forward(labels, logits)[0]


def _sparse_forward(labels: jax.Array, logits: jax.Array) -> tuple[jax.Array, Any]:
    shifted = logits - jax.lax.stop_gradient(logits.max(-1, keepdims=True))
    exponentials = jnp.exp(shifted)
    total = exponentials.sum(-1, keepdims=True)
    hot = labels[..., None] == jax.lax.broadcasted_iota(labels.dtype, logits.shape, logits.ndim - 1)
    valid = (labels >= 0) & (labels < logits.shape[-1])
    loss = jnp.where(valid, jnp.log(total[..., 0]) - jnp.where(hot, shifted, 0).sum(-1), 0)
    return loss, (exponentials / total, labels)


def _sparse_backward(residuals: Any, gradient: jax.Array) -> tuple[None, jax.Array]:
    probabilities, labels = residuals
    classes = probabilities.shape[-1]
    hot = labels[..., None] == jax.lax.broadcasted_iota(labels.dtype, probabilities.shape, probabilities.ndim - 1)
    gradient = jnp.where((labels >= 0) & (labels < classes), gradient, 0)
    return None, gradient[..., None] * jnp.where(hot, probabilities - 1, probabilities)


_sparse.defvjp(_sparse_forward, _sparse_backward)


@jax.jit
def _sparse_softmax_crossentropy(target: jax.Array, logits: jax.Array) -> jax.Array:
    return _sparse(*varying_alike((target.astype(jnp.int32), logits)))


_NAMES = "relu elu selu celu gelu sigmoid log_sigmoid silu softplus softmax log_softmax".split()

TABLE = {name: getattr(jax.nn, name) for name in _NAMES} | {
    "relu6": lambda x: jnp.clip(x, 0, 6),
    "leaky_relu": lambda x, negative_slope=0.2: jax.nn.leaky_relu(x, negative_slope),
    "softsign": jax.nn.soft_sign,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu,
    "hard_tanh": jax.nn.hard_tanh,
    "one_hot": _one_hot,
    "sigmoid_crossentropy": _sigmoid_crossentropy,
    "softmax_crossentropy": _softmax_crossentropy,
    "sparse_softmax_crossentropy": _sparse_softmax_crossentropy,
}
