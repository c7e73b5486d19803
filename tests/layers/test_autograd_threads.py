"""Gradients that torch computes in a thread of its own, as it does for each GPU: no scope is open there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, ops, random
from triceras.backends.registry import backend_scope
from triceras.state.stateless import StatelessScope

pytest.importorskip("torch")


def _gamma() -> tuple[Any, Any]:
    alpha = ops.convert_to_tensor([0.3, 2.5, 40.0]).requires_grad_()
    return ops.sum(ops.log(random.gamma((50, 3), alpha, seed=3))), alpha


def _custom() -> tuple[Any, Any]:
    @ops.custom_gradient
    def square(x: Any) -> Any:
        return x * x, lambda upstream: ops.multiply(ops.cast(2.0, "float32"), x) * upstream

    x = ops.convert_to_tensor([1.0, 2.0]).requires_grad_()
    return ops.sum(square(x)), x


def _remat() -> tuple[Any, Any]:
    """The weights are those of a stateless scope, in what is computed again too."""
    with triceras.RematScope(mode="full"):
        layer = layers.Dense(2, activation="gelu")
        layer.build((3, 4))
    kernel = ops.reshape(ops.linspace(-1.0, 1.0, 8), (4, 2)).requires_grad_()
    with StatelessScope.over(layer.variables[:1], [kernel]):
        return ops.sum(ops.square(layer(ops.reshape(ops.linspace(0.0, 1.0, 12), (3, 4))))), kernel


@pytest.mark.parametrize("make", [_gamma, _custom, _remat])
def test_gradients_in_another_thread(make: Callable[[], tuple[Any, Any]]) -> None:
    found = []
    with backend_scope("jax"):  # what a thread would fall back on
        for apart in (False, True):
            triceras.utils.set_random_seed(0)
            with backend_scope("torch"):
                value, leaf = make()
            if apart:
                thread = threading.Thread(target=value.backward)
                thread.start()
                thread.join()
            else:
                with backend_scope("torch"):
                    value.backward()
            assert leaf.grad is not None, "the thread's error is printed above"
            found.append(ops.convert_to_numpy(leaf.grad))
    np.testing.assert_array_equal(*found)
