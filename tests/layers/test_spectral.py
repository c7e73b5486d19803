"""Spectral normalization in training: the divided weight is what stays, on every backend and in every kind of loop."""

from __future__ import annotations

import numpy as np

from tests.layers.table import normal
from triceras import Input, Sequential, layers, ops, optimizers
from triceras.backends import registry

X, Y = normal(8, 6), normal(8, 3, seed=1)
KERNEL, U = normal(6, 3, seed=2), normal(1, 3, seed=3)
RATE = 0.1


def expected() -> tuple[np.ndarray, np.ndarray]:
    """The kernel after a step of gradient descent on a mean squared error, and u, by the formulas."""
    v = U @ KERNEL.T
    v /= np.linalg.norm(v)
    u = v @ KERNEL
    u /= np.linalg.norm(u)
    divided = KERNEL / (v @ KERNEL @ u.T)
    gradient = 2 / Y.size * X.T @ (X @ divided - Y)
    return divided - RATE * gradient, u


def test_training_keeps_the_divided_weight() -> None:
    kernel, u = expected()
    for name in registry.available_backends():
        if name == "numpy":
            continue
        for options in ({}, {"run_eagerly": True}):
            with registry.backend_scope(name):
                model = Sequential([Input((6,)), layers.SpectralNormalization(layers.Dense(3, use_bias=False))])
                wrapper = model.layers[-1]
                wrapper.kernel.assign(KERNEL)
                wrapper.vector_u.assign(U)
                model.compile(optimizers.SGD(RATE), "mse", **options)
                model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
                np.testing.assert_allclose(
                    wrapper.kernel.numpy(), kernel, rtol=1e-5, atol=1e-6, err_msg=f"{name} {options}"
                )
                np.testing.assert_allclose(wrapper.vector_u.numpy(), u, rtol=1e-5, atol=1e-6, err_msg=name)


def test_inference_leaves_the_weight() -> None:
    for name in registry.available_backends():
        with registry.backend_scope(name):
            layer = layers.SpectralNormalization(layers.Dense(3))
            layer(X)
            before = layer.kernel.numpy()
            layer(X)
            assert np.array_equal(ops.convert_to_numpy(layer.kernel), before)
