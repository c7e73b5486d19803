"""Layers whose intermediate results are computed again: the same numbers, for less memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import triceras
from tests.layers.table import normal
from triceras import Input, RematScope, Sequential, layers, ops
from triceras.backends import registry

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
X, Y = normal(16, 6), normal(16, 2, seed=1)
SCOPES: dict[str, dict[str, Any]] = {
    "full": {"mode": "full"},
    "activations": {"mode": "activations"},
    "larger_than": {"mode": "larger_than", "output_size_threshold": 20},
    "list_of_layers": {"mode": "list_of_layers", "layer_names": ["first", "drop"]},
}


def fitted(options: dict[str, Any] | None, **compiled: Any) -> list[Any]:
    """The losses and weights after some steps of a model whose layers have weights, statistics, seeds and losses."""
    triceras.utils.set_random_seed(3)
    with RematScope(**(options or {"mode": None})):
        model = Sequential(
            [
                Input((6,)),
                layers.Dense(8, activation="gelu", name="first"),
                layers.BatchNormalization(),
                layers.Dropout(0.3, name="drop"),
                layers.ActivityRegularization(l2=0.01),
                layers.Dense(2),
            ]
        )
    model.compile("sgd", "mse", **compiled)
    history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    return [np.array(history.history["loss"]), *model.get_weights()]


@pytest.mark.parametrize("backend", TRAINING)
@pytest.mark.parametrize("scope", SCOPES)
def test_training_gives_the_same_numbers(backend: str, scope: str) -> None:
    with registry.backend_scope(backend):
        for compiled in ({}, {"run_eagerly": True}):
            for value, expected in zip(fitted(SCOPES[scope], **compiled), fitted(None), strict=True):
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6, err_msg=f"{scope} {compiled}")


@pytest.mark.parametrize("backend", TRAINING)
def test_functions_are_computed_again(backend: str) -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(1)
        return ops.sum(ops.sin(ops.exp(x)) ** 2)

    with registry.backend_scope(backend) as owner:
        x = owner.convert_to_tensor(X)
        _, _, (plain,) = owner.value_and_grad(lambda p: (function(p[0]), None), [x])
        once = len(calls)
        _, _, (again,) = owner.value_and_grad(lambda p: (triceras.remat(function)(p[0]), None), [x])
        np.testing.assert_allclose(ops.convert_to_numpy(again), ops.convert_to_numpy(plain), rtol=1e-6)
        assert len(calls) > once if backend == "jax" else len(calls) == once + 2


def _stack(mode: str | None) -> Any:
    with RematScope(mode):
        return Sequential([Input((64,)), *(_block() for _ in range(6))])


def _block() -> Any:
    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = layers.Dense(256, activation="gelu"), layers.Dense(64)

        def build(self, input_shape: Any) -> None:
            self.up.build(input_shape)
            self.down.build((*input_shape[:-1], 256))

        def call(self, x: Any) -> Any:
            return x + self.down(self.up(x))

    return Block()


def _bytes_on_torch(mode: str | None) -> int:
    """What autograd keeps for the gradient."""
    import torch

    kept: dict[int, int] = {}

    def keep(x: Any) -> Any:
        kept[x.data_ptr()] = x.numel() * x.element_size()
        return x

    with registry.backend_scope("torch"):
        model = _stack(mode)
        parameters = {p.data_ptr() for p in model.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            model(ops.ones((512, 64))).sum()
    return sum(size for pointer, size in kept.items() if pointer not in parameters)


def _bytes_on_jax(mode: str | None) -> int:
    """What the compiled gradient needs beside its arguments."""
    import jax

    with registry.backend_scope("jax"):
        model = _stack(mode)

        def loss(values: Any, x: Any) -> Any:
            return model.stateless_call(values, [], x)[0].sum()

        values = [v.value for v in model.trainable_variables]
        compiled = jax.jit(jax.grad(loss)).lower(values, np.ones((512, 64), "float32")).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def test_less_memory_is_needed() -> None:
    """Six blocks whose inner results are sixteen times their inputs keep the inputs alone."""
    assert _bytes_on_torch("full") < 0.3 * _bytes_on_torch(None)
    assert _bytes_on_jax("full") < 0.7 * _bytes_on_jax(None)


def test_wrong_modes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mode is one of .* received 'all'"):
        RematScope("all")
