"""Parts of one framework in models of another: values, warnings, refusals, files and copies."""

from __future__ import annotations

import copy
import pathlib
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import triceras
from tests.layers import foreign_parts as parts
from triceras import layers, saving
from triceras.backends import registry
from triceras.backends.registry import backend_scope
from triceras.core.errors import UnsupportedError

BACKENDS = registry.available_backends()
#: Name -> the backend of a part, what makes a layer of it, and what a file of it needs.
MAKERS: dict[str, tuple[str, Callable[..., Any], dict[str, Any]]] = {
    "torch": ("torch", lambda **k: layers.TorchModuleWrapper(parts.torch_net(), **k), {"Sequential": parts.torch_net}),
    "jax": ("jax", lambda **k: layers.JaxLayer(parts.linear_map, parts.linear_map_init, seed=3, **k), parts.FUNCTIONS),
    "linen": ("jax", lambda **k: layers.FlaxLayer(parts.linen_net(), seed=3, **k), {"LinenNet": parts.linen_net}),
    "nnx": ("jax", lambda **k: layers.FlaxLayer(parts.nnx_net(), seed=3, **k), {"NnxNet": parts.nnx_net}),
    "tensorflow": ("tensorflow", lambda **k: layers.TFModuleWrapper(parts.tf_net(), **k), {"TFNet": parts.tf_net}),
}
PAIRS = [
    pytest.param(kind, name, id=f"{kind}-in-{name}")
    for kind, (owner, *_) in MAKERS.items()
    for name in BACKENDS
    if owner in BACKENDS and name != owner
]
X = np.random.default_rng(0).normal(size=(9, 3)).astype("float32")


def _model(kind: str, dense: bool = True) -> triceras.Model:
    inputs = triceras.Input((3,))
    x = layers.Dense(3, name="before", kernel_initializer="ones")(inputs) if dense else inputs
    return triceras.Model(inputs, MAKERS[kind][1](name="part")(x))


def _expected(kind: str) -> np.ndarray:
    with backend_scope(MAKERS[kind][0]):
        return _model(kind).predict(X, verbose=0)


def _quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*args, **kwargs)


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_it_predicts_as_at_home(kind: str, name: str) -> None:
    expected = _expected(kind)
    with backend_scope(name):
        model = _model(kind)
        assert model.output.shape == (None, 2)
        assert model.output.dtype == "float32"
        with pytest.warns(
            UserWarning, match=r"Layer 'part' runs a part of \w+ inside a model of .*hands over [\d,]+ bytes"
        ):
            first = model(X)
        np.testing.assert_allclose(triceras.ops.convert_to_numpy(first), expected, rtol=1e-5, atol=1e-6)
        for _ in range(5):  # torch records the fourth one; nothing says again what a call costs
            again = _quietly(model.predict, X, batch_size=4, verbose=0)
            np.testing.assert_allclose(again, expected, rtol=1e-5, atol=1e-6)
        assert not model.get_layer("part").trainable_weights


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_new_weights_count_at_once(kind: str, name: str) -> None:
    with backend_scope(name):
        model = _model(kind)
        before = _quietly(model.predict, X, verbose=0)
        part = model.get_layer("part")
        part.set_weights([w * 0.0 if w.ndim == 2 else w for w in part.get_weights()])
        after = _quietly(model.predict, X, verbose=0)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, after[:1].repeat(len(X), 0), rtol=1e-5)


@pytest.mark.parametrize(("kind", "name"), [p for p in PAIRS if p.values[1] != "numpy"])
def test_training_is_refused(kind: str, name: str) -> None:
    owner = MAKERS[kind][0]
    with backend_scope(name):
        model = _model(kind)
        model.compile("sgd", "mse")
        message = rf"Layer 'part' runs a part of {owner} inside a model of {name}.*backend_scope\('{owner}'\)"
        with pytest.raises(UnsupportedError, match=message):
            _quietly(model.fit, X, X[:, :2], verbose=0)
        assert np.isfinite(_quietly(model.evaluate, X, X[:, :2], verbose=0))


@pytest.mark.parametrize("kind", [kind for kind, (owner, *_) in MAKERS.items() if owner in BACKENDS])
def test_files_cross(kind: str, tmp_path: pathlib.Path) -> None:
    owner, _, objects = MAKERS[kind]
    with backend_scope(owner):
        model = _model(kind)
        model.set_weights([w + 0.25 for w in model.get_weights()])
        expected = model.predict(X, verbose=0)
        model.save(tmp_path / "m.keras")
        model.save_weights(tmp_path / "m.weights.h5")
    for name in BACKENDS:
        with backend_scope(name):
            again = saving.load_model(tmp_path / "m.keras", custom_objects=objects)
            np.testing.assert_allclose(_quietly(again.predict, X, verbose=0), expected, rtol=1e-5, atol=1e-6)
            fresh = _model(kind)
            fresh.load_weights(tmp_path / "m.weights.h5")
            np.testing.assert_allclose(_quietly(fresh.predict, X, verbose=0), expected, rtol=1e-5, atol=1e-6)
            with pytest.raises(ValueError, match=r"isn't registered|aren't registered"):
                saving.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("kind", [kind for kind, (owner, *_) in MAKERS.items() if owner in BACKENDS])
def test_copies_have_their_own_weights(kind: str) -> None:
    with backend_scope(MAKERS[kind][0]):
        model = _model(kind)
        expected = model.predict(X, verbose=0)
        again = copy.deepcopy(model)
        model.set_weights([w * 0.0 for w in model.get_weights()])
        np.testing.assert_allclose(again.predict(X, verbose=0), expected, rtol=1e-6)
        again.compile("sgd", "mse")
        before = again.get_weights()
        again.fit(X, X[:, :2], verbose=0)
        assert any(not np.array_equal(a, b) for a, b in zip(before, again.get_weights()))
        assert not np.any(model.get_weights()[0])


@pytest.mark.parametrize("kind", [kind for kind, (owner, *_) in MAKERS.items() if owner in BACKENDS])
def test_a_pickle_runs_alike(kind: str) -> None:
    with backend_scope(MAKERS[kind][0]):
        layer = MAKERS[kind][1](name="part")
        expected = triceras.ops.convert_to_numpy(layer(X))
        again = pickle.loads(pickle.dumps(layer))
        np.testing.assert_allclose(triceras.ops.convert_to_numpy(again(X)), expected, rtol=1e-6)
        assert [v.path for v in again.variables] == [v.path for v in layer.variables]


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_a_model_moves_to_another_backend(kind: str, name: str) -> None:
    with backend_scope(MAKERS[kind][0]):
        moved = _model(kind).to(name)
    np.testing.assert_allclose(_quietly(moved.predict, X, verbose=0), _expected(kind), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "name"), [p for p in PAIRS if p.values[1] != "numpy"])
def test_mixed_precision_and_masks_pass_by(kind: str, name: str) -> None:
    with backend_scope(name):
        layer = MAKERS[kind][1](name="part", dtype="mixed_bfloat16")
        x = triceras.ops.cast(X, "bfloat16")
        assert _quietly(layer, x).shape == (9, 2)
        assert layer.supports_masking


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "torch"])
def test_a_part_that_changes_its_input_or_is_lazy(name: str) -> None:
    torch = pytest.importorskip("torch")
    with backend_scope(name):
        inputs = triceras.Input((3,))
        part = layers.TorchModuleWrapper(torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.LazyLinear(2)))
        model = triceras.Model(inputs, [part(inputs), inputs + 0.0])
        out, same = _quietly(model.predict, X, verbose=0)
        np.testing.assert_allclose(same, X)
        weight, bias = part.get_weights()
        np.testing.assert_allclose(out, np.maximum(X, 0.0) @ weight.T + bias, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif("tensorflow" not in BACKENDS, reason="tensorflow isn't installed")
def test_xla_is_left_out_with_a_warning() -> None:
    with backend_scope("tensorflow"):
        model = _model("jax")
        model.compile(jit_compile=True)
        _quietly(model, X)
        with pytest.warns(UserWarning, match="graph without XLA: XLA can't call a part of another framework"):
            assert model.predict(X, verbose=0).shape == (9, 2)


def test_large_inputs() -> None:
    """What lies outside of a callback's own memory."""
    if "jax" not in BACKENDS:
        pytest.skip("needs jax")
    torch = pytest.importorskip("torch")

    module = torch.nn.Linear(512, 512)
    x = np.random.default_rng(1).normal(size=(4096, 512)).astype("float32")
    expected = module(torch.from_numpy(x)).detach().numpy()
    with backend_scope("jax"):
        model = triceras.Sequential([triceras.Input((512,)), layers.TorchModuleWrapper(module)])
        got = _quietly(model.predict, x, batch_size=2048, verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
