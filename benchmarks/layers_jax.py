"""Layers as a JAX user has them: ``flax.linen`` under ``jax.jit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


class Attention(nn.Module):
    """Self-attention."""

    heads: int

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.MultiHeadDotProductAttention(self.heads)(x, x)


class Normalization(nn.Module):
    """Batch normalization told by ``training`` which statistics it takes."""

    @nn.compact
    def __call__(self, x: Any, training: bool) -> Any:
        return nn.BatchNorm(use_running_average=not training, epsilon=1e-3)(x)


class Native:
    """A flax module, its weights and its other variables."""

    def __init__(self, module: nn.Module, inputs: Any) -> None:
        self.module, self.trains = module, isinstance(module, Normalization)
        options = {"training": False} if self.trains else {}
        variables = dict(module.init(jax.random.key(0), inputs, **options))
        self.weights, self.others = variables.pop("params"), variables

    def call(self, weights: Any, others: Any, x: Any, training: bool) -> tuple[Any, Any]:
        variables = {"params": weights, **others}
        if not self.trains:
            return self.module.apply(variables, x), {}
        if training:
            return self.module.apply(variables, x, training=True, mutable=list(others))
        return self.module.apply(variables, x, training=False), others


class Stateless:
    """A layer with the interface of Keras by its stateless call."""

    def __init__(self, layer: Any, twice: bool) -> None:
        self.layer, self.twice = layer, twice
        self.weights = [v.value for v in layer.trainable_variables]
        self.others = [v.value for v in layer.non_trainable_variables]
        code = layer.call.__code__
        self.trains = "training" in code.co_varnames[: code.co_argcount]

    def call(self, weights: Any, others: Any, x: Any, training: bool) -> tuple[Any, Any]:
        options = {"training": training} if self.trains else {}
        inputs = [x, x] if self.twice else [x]
        return self.layer.stateless_call(weights, others, *inputs, **options)


def native(case: Any) -> Native:
    """flax's layer for a case."""
    options, channels = case.arguments, case.shape[-1]
    kernel = (3,) if case.layer == "Conv1D" else (3, 3)
    make: dict[str, Callable[[], nn.Module]] = {
        "LSTM": lambda: nn.RNN(nn.OptimizedLSTMCell(options["units"])),
        "GRU": lambda: nn.RNN(nn.GRUCell(options["units"])),
        "Conv2D": lambda: nn.Conv(options["filters"], kernel, padding="VALID"),
        "Conv1D": lambda: nn.Conv(options["filters"], kernel, padding="VALID"),
        "DepthwiseConv2D": lambda: nn.Conv(channels, kernel, padding="VALID", feature_group_count=channels),
        "MultiHeadAttention": lambda: Attention(options["num_heads"]),
        "BatchNormalization": Normalization,
        "Embedding": lambda: nn.Embed(options["input_dim"], options["output_dim"]),
    }
    return Native(make[case.layer](), jnp.asarray(case.inputs()))


def _stateless(layer: Any, twice: bool) -> Native | Stateless:
    return layer if isinstance(layer, Native) else Stateless(layer, twice)


def forward(layer: Any, inputs: np.ndarray, twice: bool) -> Callable[[], Any]:
    """Inference."""
    model, x = _stateless(layer, twice), jnp.asarray(inputs)
    run = jax.jit(lambda weights, others, x: model.call(weights, others, x, False)[0])
    return lambda: jax.block_until_ready(run(model.weights, model.others, x))


def backward(layer: Any, inputs: np.ndarray, twice: bool) -> Callable[[], Any]:
    """A training call and the gradients of the weights and the inputs; the changed state comes with them."""
    model, x = _stateless(layer, twice), jnp.asarray(inputs)
    floating = jnp.issubdtype(x.dtype, jnp.floating)

    @jax.jit
    def run(weights: Any, others: Any, x: Any, upstream: Any) -> Any:
        if floating:
            _, pull, changed = jax.vjp(lambda w, x: model.call(w, others, x, True), weights, x, has_aux=True)
        else:
            _, pull, changed = jax.vjp(lambda w: model.call(w, others, x, True), weights, has_aux=True)
        return pull(upstream), changed

    shape = jax.eval_shape(lambda: model.call(model.weights, model.others, x, True)[0]).shape
    upstream = jax.random.normal(jax.random.key(0), shape)
    return lambda: jax.block_until_ready(run(model.weights, model.others, x, upstream))
