"""Models as functions of JAX, whatever backend they were made on, and inside Flax's modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import triceras
from triceras import interop, layers, ops
from triceras.backends.registry import backend_scope

jax = pytest.importorskip("jax")
jnp = jax.numpy
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
SOURCES = ("jax", "torch", "tensorflow")


def _model(source: str) -> Any:
    with backend_scope(source):
        body = [layers.Dense(5, "tanh", name="hidden"), layers.BatchNormalization(name="normalization")]
        return triceras.Sequential(
            [triceras.Input((4,)), *body, layers.Dropout(0.5, seed=1), layers.Dense(2, name="last")], name="net"
        )


@pytest.mark.parametrize("source", SOURCES)
def test_it_computes_what_the_model_does(source: str) -> None:
    model = _model(source)
    function, parameters = interop.jax_function(model)
    assert list(parameters["trainable"])[:2] == ["net/hidden/kernel", "net/hidden/bias"]
    assert len(jax.tree.leaves(parameters)) == len(model.variables)
    np.testing.assert_allclose(jax.jit(function)(parameters, X), ops.convert_to_numpy(model(X)), rtol=1e-5, atol=1e-6)


def test_state_comes_out() -> None:
    function, parameters = interop.jax_function(_model("torch"))
    outputs, after = function(parameters, X, training=True, return_state=True)
    again, _ = function(after, X, training=True, return_state=True)
    assert not np.array_equal(outputs, again)  # dropout's counter went on
    assert after["trainable"] is parameters["trainable"]
    mean = "net/normalization/moving_mean"
    assert not np.array_equal(after["state"][mean], parameters["state"][mean])
    np.testing.assert_array_equal(function(parameters, X, training=True), outputs)  # it is pure


def test_transformations() -> None:
    function, parameters = interop.jax_function(_model("jax"))

    def loss(trainable: Any, x: Any) -> Any:
        return (function({**parameters, "trainable": trainable}, x[None]) ** 2).sum()

    each = jax.vmap(jax.grad(loss), (None, 0))(parameters["trainable"], X)
    one = jax.grad(loss)(parameters["trainable"], X[3])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[3], b, rtol=1e-4, atol=1e-6), each, one)

    def step(carried: Any, x: Any) -> Any:
        outputs, carried = function(carried, x[None], training=True, return_state=True)
        return carried, outputs

    last, outputs = jax.lax.scan(step, parameters, X)
    assert outputs.shape == (6, 1, 2)
    assert not np.array_equal(*(p["state"]["net/normalization/moving_mean"] for p in (last, parameters)))
    mesh = jax.make_mesh((1,), ("rows",))
    spec = jax.sharding.PartitionSpec
    sharded = jax.shard_map(function, mesh=mesh, in_specs=(spec(), spec("rows")), out_specs=spec("rows"))
    rows = jax.device_put(X, jax.sharding.NamedSharding(mesh, spec("rows")))
    np.testing.assert_allclose(sharded(parameters, rows), function(parameters, X), rtol=1e-6)


def test_optax() -> None:
    optax = pytest.importorskip("optax")
    function, parameters = interop.jax_function(_model("tensorflow"))
    rule = optax.adam(0.05)

    @jax.jit
    def step(parameters: Any, state: Any) -> Any:
        def loss(trainable: Any) -> Any:
            outputs, after = function({**parameters, "trainable": trainable}, X, training=True, return_state=True)
            return (outputs**2).mean(), after

        (value, after), gradients = jax.value_and_grad(loss, has_aux=True)(parameters["trainable"])
        updates, state = rule.update(gradients, state)
        return {**after, "trainable": optax.apply_updates(parameters["trainable"], updates)}, state, value

    state, values = rule.init(parameters["trainable"]), []
    for _ in range(30):
        parameters, state, value = step(parameters, state)
        values.append(float(value))
    assert values[-1] < values[0] / 2


def test_modules_of_linen_hold_it() -> None:
    linen = pytest.importorskip("flax.linen")
    function, parameters = interop.jax_function(_model("torch"))

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x: Any, training: bool = False) -> Any:
            trainable = self.param("inner", lambda _: parameters["trainable"])
            state = self.variable("state", "inner", lambda: parameters["state"])
            given = {"trainable": trainable, "state": state.value}
            x, after = function(given, x, training=training, return_state=True)
            if training:
                state.value = after["state"]
            return linen.Dense(3)(x)

    net = Net()
    variables = net.init(jax.random.key(0), X)
    assert jax.tree.structure(variables["params"]["inner"]) == jax.tree.structure(parameters["trainable"])
    _, changed = net.apply(variables, X, training=True, mutable=["state"])
    assert not np.array_equal(
        *(s["inner"]["net/normalization/moving_mean"] for s in (changed["state"], variables["state"]))
    )
    gradients = jax.grad(lambda v: net.apply({**variables, "params": v}, X).sum())(variables["params"])
    assert all(float(abs(g).sum()) > 0 for g in jax.tree.leaves(gradients["inner"]["net/last/kernel"]))


def test_modules_of_nnx_hold_it() -> None:
    nnx = pytest.importorskip("flax.nnx")
    function, parameters = interop.jax_function(_model("torch"))

    class Net(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.inner = nnx.Param(parameters["trainable"])
            self.state = nnx.BatchStat(parameters["state"])
            self.last = nnx.Linear(2, 3, rngs=rngs)

        def __call__(self, x: Any, training: bool = False) -> Any:
            given = {"trainable": self.inner.get_value(), "state": self.state.get_value()}
            x, after = function(given, x, training=training, return_state=True)
            if training:
                self.state.set_value(after["state"])
            return self.last(x)

    net = Net(nnx.Rngs(0))
    before = net.state.get_value()["net/normalization/moving_mean"]
    nnx.jit(lambda net, x: net(x, training=True))(net, X)
    assert not np.array_equal(net.state.get_value()["net/normalization/moving_mean"], before)
    gradients = nnx.grad(lambda net: net(X).sum())(net)
    assert float(abs(gradients["inner"].get_value()["net/last/kernel"]).sum()) > 0
