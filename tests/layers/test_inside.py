"""Every row inside what each framework's users write: a torch module, ``jax.jit`` and ``jax.vmap``, a ``tf.function``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.layers.table import Row, map_arrays
from tests.layers.test_table import ROWS, TRAINING, _assert_close, _eager, _factors, _host, _made, _rows, _step
from triceras import ops, tree
from triceras.backends import registry
from triceras.core.dtypes import is_float_dtype

#: Rows whose state decides what a call gives: a function of its arguments alone makes one call of them.
SINGLE = _rows(lambda r: r.calls == 1)


def needs(name: str) -> pytest.MarkDecorator:
    """Only where a framework is installed."""
    return pytest.mark.skipif(name not in TRAINING, reason=f"{name} isn't installed")


def _arguments(row: Row, backend: Any) -> tuple[list[Any], Any]:
    """The arrays of a row's call on a backend, and a function that makes the arguments from such a list."""
    arrays: list[np.ndarray] = []
    map_arrays(arrays.append, (row.inputs, row.call))

    def arguments(values: Any) -> Any:
        given = iter(values)
        return map_arrays(lambda _: next(given), (row.inputs, row.call))

    return [backend.convert_to_tensor(a) for a in arrays], arguments


def _check(row: Row, index: int, outputs: Any, where: str) -> None:
    for value, expected in zip(_host(tree.flatten(outputs)), _eager(index, "numpy"), strict=True):
        _assert_close(value, expected, row.tolerance, f"{row} inside {where}")


@needs("torch")
@SINGLE
def test_in_a_module(index: int) -> None:
    """A module that holds a layer has its weights as parameters, and autograd gives them the gradients of a compiled step."""
    import torch

    class Holder(torch.nn.Module):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return self.layer(*args, **kwargs)

    row = ROWS[index]
    with registry.backend_scope("torch") as backend:
        layer, _ = _made(row)
        holder = Holder(layer)
        values, arguments = _arguments(row, backend)
        args, kwargs = arguments(values)
        outputs = holder(*args, **kwargs)
        learned = [v.value for v in layer.trainable_variables]
        assert {id(p) for p in learned} <= {id(p) for p in holder.parameters()}, "weights that aren't parameters"
        kept = {id(v) for v in holder.state_dict(keep_vars=True).values()}
        assert len(kept) == len(layer.weights), "the state isn't that of the layer"
        _check(
            row, index, [x.detach() if isinstance(x, torch.Tensor) else x for x in tree.flatten(outputs)], "a module"
        )
        if not row.gradient or not learned:
            return
        floats = [y for y in tree.flatten(outputs) if is_float_dtype(ops.dtype(y))]
        gradients = torch.autograd.grad(
            sum(torch.sum(y * _factors(y.shape, backend)) for y in floats), learned, allow_unused=True
        )
        found = [np.zeros(tuple(p.shape)) if g is None else g.numpy() for p, g in zip(learned, gradients, strict=True)]
    for gradient, expected in zip(found, _step(index, "torch")[1], strict=True):
        _assert_close(gradient, expected, 2 * row.tolerance, f"{row}: gradient inside a module")


@needs("jax")
@SINGLE
def test_in_jit_and_vmap(index: int) -> None:
    """``stateless_call`` is a pure function that ``jit`` compiles, and ``vmap`` over a further axis."""
    import jax
    import jax.numpy as jnp

    row = ROWS[index]
    with registry.backend_scope("jax") as backend:
        layer, _ = _made(row)
        values, arguments = _arguments(row, backend)
        state = [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]

        def call(state: Any, values: Any) -> Any:
            args, kwargs = arguments(values)
            return tree.flatten(layer.stateless_call(*state, *args, **kwargs)[0])

        @jax.jit
        def both(state: Any, values: Any) -> Any:
            copies = [jnp.stack([v, v]) for v in values]
            return call(state, values), jax.vmap(call, (None, 0))(state, copies)

        once, many = both(state, values)
        _check(row, index, once, "jax.jit")
        _check(row, index, [v[1] for v in _host(many)], "jax.vmap")


@needs("tensorflow")
@SINGLE
def test_in_a_function(index: int, caplog: pytest.LogCaptureFixture) -> None:
    """A ``tf.function`` as users write it calls a layer, which AutoGraph leaves alone; a tape gives a step's gradients."""
    import tensorflow as tf

    row = ROWS[index]
    with registry.backend_scope("tensorflow") as backend:
        layer, _ = _made(row)
        values, arguments = _arguments(row, backend)

        @tf.function
        def call(*values: Any) -> Any:
            args, kwargs = arguments(values)
            return tree.flatten(layer(*args, **kwargs))

        _check(row, index, call(*values), "tf.function")
        assert "AutoGraph" not in caplog.text
        layer, _ = _made(row)
        if not row.gradient or not layer.trainable_variables:
            return
        args, kwargs = arguments(values)
        with tf.GradientTape() as tape:
            outputs = tree.flatten(layer(*args, **kwargs))
            floats = [y for y in outputs if is_float_dtype(ops.dtype(y))]
            total = sum(tf.reduce_sum(y * _factors(y.shape, backend)) for y in floats)
        gradients = tape.gradient(total, layer.trainable_variables)
    for gradient, expected in zip(gradients, _step(index, "tensorflow")[1], strict=True):
        found = np.zeros_like(expected) if gradient is None else tf.convert_to_tensor(gradient).numpy()
        _assert_close(found, expected, 2 * row.tolerance, f"{row}: gradient on a tape")


@needs("tensorflow")
@_rows(lambda r: r.calls == 1 and r.unknown)
def test_in_a_graph_of_unknown_sizes(index: int) -> None:
    """A ``tf.function`` whose signature leaves sizes open computes what an eager call does."""
    import tensorflow as tf

    row = ROWS[index]
    with registry.backend_scope("tensorflow") as backend:
        layer, _ = _made(row)
        values, arguments = _arguments(row, backend)
        signature = [
            tf.TensorSpec([None if i in row.unknown else d for i, d in enumerate(v.shape)], v.dtype) for v in values
        ]

        @tf.function(input_signature=signature)
        def call(*values: Any) -> Any:
            args, kwargs = arguments(values)
            return tree.flatten(layer(*args, **kwargs))

        _check(row, index, call(*values), "a graph of unknown sizes")
