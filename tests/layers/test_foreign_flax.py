"""Modules of Flax in models of jax: trained as JAX trains them, running statistics, draws, files."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests.layers import foreign_parts as parts
from triceras import layers, saving
from triceras.backends.registry import backend_scope

jax = pytest.importorskip("jax")
pytest.importorskip("flax")
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X[:, :2] * 2.0
NETS: dict[str, Callable[..., Any]] = {"linen": parts.linen_net, "nnx": parts.nnx_net}


@pytest.fixture(autouse=True)
def _on_jax() -> Iterator[None]:
    with backend_scope("jax"):
        yield


def _model(layer: Any, rate: float = 0.05) -> triceras.Model:
    model = triceras.Sequential([triceras.Input((3,)), layer])
    model.compile(triceras.optimizers.SGD(rate), "mse")
    return model


def _step(loss: Any, params: Any, *more: Any) -> tuple[Any, Any]:
    gradients, state = jax.grad(loss, has_aux=True)(params, *more)
    return jax.tree.map(lambda p, g: p - 0.05 * g, params, gradients), state


def test_linen_trains_as_jax_does() -> None:
    net = parts.linen_net()
    variables = net.init(jax.random.key(0), X[:1], training=True)
    model = _model(layers.FlaxLayer(net, variables=variables))
    losses = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]

    def loss(params: Any, state: Any, x: Any, y: Any) -> Any:
        out, changed = net.apply({"params": params, **state}, x, training=True, mutable=["batch_stats"])
        return ((out - y) ** 2).mean(), changed

    params, state = variables["params"], {"batch_stats": variables["batch_stats"]}
    for start in list(range(0, len(X), 8)) * 3:
        params, state = _step(loss, params, state, X[start : start + 8], Y[start : start + 8])
    assert losses[-1] < losses[0]
    for ours, theirs in zip(model.get_weights(), jax.tree.leaves((params, state)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    expected = net.apply({"params": params, **state}, X, training=False)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_nnx_trains_as_jax_does() -> None:
    from flax import nnx

    net = parts.nnx_net()
    model = _model(layers.FlaxLayer(net))
    losses = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    net.train()

    def loss(net: Any, x: Any, y: Any) -> Any:
        return ((net(x) - y) ** 2).mean()

    for start in list(range(0, len(X), 8)) * 3:
        gradients = nnx.grad(loss)(net, X[start : start + 8], Y[start : start + 8])
        params = nnx.state(net, nnx.Param)
        nnx.update(net, jax.tree.map(lambda p, g: p - 0.05 * g, params, gradients))
    assert losses[-1] < losses[0]
    _, params, _, rest = nnx.split(net, nnx.Param, nnx.RngState, ...)
    expected = jax.tree.leaves((nnx.to_pure_dict(params), nnx.to_pure_dict(rest)))
    for ours, theirs in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    net.eval()
    np.testing.assert_allclose(model.predict(X, verbose=0), net(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", NETS)
def test_dropout_is_drawn_anew_from_the_seed(kind: str) -> None:
    def losses() -> list[float]:
        model = _model(layers.FlaxLayer(NETS[kind](rate=0.5), seed=4), rate=0.0)
        return model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]

    first = losses()
    assert len(set(first)) == 3
    assert first == losses()
    layer = layers.FlaxLayer(NETS[kind](rate=0.5), seed=4)
    np.testing.assert_array_equal(layer(X), layer(X))
    assert not np.array_equal(layer(X, training=True), layer(X, training=True))


@pytest.mark.parametrize("kind", NETS)
def test_files(kind: str, tmp_path: pathlib.Path) -> None:
    model = _model(layers.FlaxLayer(NETS[kind](), name="net"))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    name = type(model.layers[0].module).__name__
    ways = [{"net": NETS[kind]}, {name: NETS[kind]()}, {name: type(NETS[kind]())}]
    for known in ways if kind == "linen" else ways[:2]:  # the class of nnx needs more than its config has
        again = saving.load_model(tmp_path / "m.keras", custom_objects=known)
        np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    with pytest.raises(ValueError, match=rf"names '{name}' of module .*Pass custom_objects=\{{'{name}'"):
        saving.load_model(tmp_path / "m.keras")
    config = model.layers[0].get_config()["module"]
    assert config["config"] == ({"rate": 0.0} if kind == "linen" else {})


def test_the_fields_of_linen_are_its_config() -> None:
    from flax import linen

    class Outer(linen.Module):
        inner: Any
        sizes: tuple[int, ...] = (1,)

        def __call__(self, x: Any) -> Any:
            return self.inner(x)

    layer = layers.FlaxLayer(Outer(inner=linen.Dense(2), sizes=(3, 4)), name="net")
    config = layer.get_config()["module"]
    assert config["config"]["inner"]["config"] == {"features": 2}
    with saving.custom_object_scope({"Outer": Outer, "Dense": linen.Dense}):
        again = layers.FlaxLayer.from_config(layer.get_config())
    assert again.module.inner.features == 2
    assert again.module.sizes == (3, 4)


def test_methods() -> None:
    from flax import linen

    class Two(linen.Module):
        def setup(self) -> None:
            self.dense = linen.Dense(2)

        def __call__(self, x: Any) -> Any:
            return self.dense(x)

        def doubled(self, x: Any, deterministic: bool) -> Any:
            return self.dense(x) * (2.0 if deterministic else 1.0)

    def tripled(module: Any, x: Any, training: bool) -> Any:
        return module(x) * (1.0 if training else 3.0)

    params = {"params": {"dense": {"kernel": parts.values(3, 2), "bias": np.zeros(2, "float32")}}}
    plain = X @ parts.values(3, 2)
    for method, factor in ((None, 1.0), ("doubled", 2.0), (tripled, 3.0)):
        layer = layers.FlaxLayer(Two(), method, params)
        np.testing.assert_allclose(layer(X), plain * factor, rtol=1e-5, atol=1e-6)
        expected = plain if factor > 1 else plain * factor
        np.testing.assert_allclose(layer(X, training=True), expected, rtol=1e-5, atol=1e-6)


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"Expected a module of flax.linen or flax.nnx, received 3 of type int"):
        layers.FlaxLayer(3)
