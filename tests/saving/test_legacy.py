"""Older formats beyond what the corpus has: files made by hand, what is refused in them, and what Keras reads of ours."""

from __future__ import annotations

import base64
import json
import marshal
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
import pytest

import triceras
from triceras import layers, legacy, models, optimizers, saving, utils
from triceras.backends.registry import Backend, backend_scope
from triceras.core import settings
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving import legacy_configs, limits

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def stack() -> triceras.Model:
    return triceras.Sequential(
        [
            triceras.Input((3,)),
            layers.Dense(4, "relu", name="a"),
            layers.BatchNormalization(),
            layers.Dense(2, name="b"),
        ]
    )


@pytest.fixture
def _numpy() -> Iterator[None]:
    with backend_scope("numpy"):
        yield


@pytest.fixture
def saved(tmp_path: pathlib.Path, _numpy: None) -> pathlib.Path:
    """A model's ``.h5`` file, read on numpy."""
    stack().save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


def changed(path: pathlib.Path, change: Callable[[h5py.File], None]) -> pathlib.Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


# ---- writing and reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".h5", ".hdf5"])
def test_models_round_trip(ending: str, backend: Backend, tmp_path: pathlib.Path) -> None:
    model = stack()
    path = tmp_path / f"model{ending}"
    if backend.trains:
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(X, X[:, :2], verbose=0)
    model.save(path)
    again = models.load_model(path)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    if backend.trains:
        losses = [m.train_on_batch(X, X[:, :2]) for m in (model, again)]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
        assert not models.load_model(path, compile=False).compiled
        model.save(path, include_optimizer=False)
        assert not models.load_model(path).compiled


@pytest.mark.usefixtures("_numpy")
def test_long_lists_of_names_come_in_parts(tmp_path: pathlib.Path) -> None:
    names = [f"layer_{i}_" + "x" * 300 for i in range(300)]
    model = triceras.Sequential([triceras.Input((1,)), *(layers.Dense(1, name=n) for n in names)])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert {"layer_names0", "layer_names1"} <= set(file["model_weights"].attrs)
    again = models.load_model(tmp_path / "model.h5")
    assert [w.item() for w in model.get_weights()] == [w.item() for w in again.get_weights()]


def test_layers_by_name(saved: pathlib.Path) -> None:
    other = triceras.Sequential([triceras.Input((3,)), layers.Dense(4, name="a"), layers.Dense(5, name="b")])
    before = other.layers[1].get_weights()
    with pytest.raises(
        FileFormatError, match=r"has weights of 3 layers, .* has 2 layers with weights\. Pass by_name=True"
    ):
        other.load_weights(saved)
    with pytest.raises(FileFormatError, match=r"arrays of the shapes \[\(4, 2\), \(2,\)\], the layer 'b' has weights"):
        other.load_weights(saved, by_name=True)
    with pytest.warns(UserWarning, match="the layer 'b' has weights of"):
        other.load_weights(saved, by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], models.load_model(saved).layers[0].get_weights()[0])
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], before[0])
    stack().save_weights(saved.with_name("new.weights.h5"))
    with pytest.raises(ValueError, match="by_name is for older"):
        stack().load_weights(saved.with_name("new.weights.h5"), by_name=True)


# ---- configurations made by hand -------------------------------------------------------------------------------------


def dense(name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": "Dense", "config": {"name": name, "units": 2, **config}}


def call(entry: dict[str, Any], *nodes: Any) -> dict[str, Any]:
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": list(nodes)}


SOURCE = call({"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "name": "x"}})
#: Old ways to say it -> the shape of the output.
OLD: dict[str, tuple[dict[str, Any], Any]] = {
    "a list of layers": (
        {"class_name": "Sequential", "config": [dense("d", batch_input_shape=[None, 3])]},
        (None, 2),
    ),
    "no input layer": (
        {"class_name": "Sequential", "config": {"layers": [dense("d", batch_input_shape=[None, 3])]}},
        (None, 2),
    ),
    "Model": (
        {
            "class_name": "Model",
            "config": {
                "layers": [SOURCE, call(dense("d"), [["x", 0, 0]])],
                "input_layers": [["x", 0, 0]],
                "output_layers": [["d", 0, 0]],
            },
        },
        (None, 2),
    ),
    "states of another layer": (
        {
            "class_name": "Functional",
            "config": {
                "layers": [
                    {**SOURCE, "config": {"batch_input_shape": [None, 5, 3], "name": "x"}},
                    call(
                        {
                            "class_name": "GRU",
                            "config": {"name": "g", "units": 2, "return_state": True, "time_major": False},
                        },
                        [["x", 0, 0, {}]],
                    ),
                    call(
                        {"class_name": "GRU", "config": {"name": "h", "units": 2}}, [["x", 0, 0, {}], ["g", 0, 1, {}]]
                    ),
                ],
                "input_layers": [["x", 0, 0]],
                "output_layers": [["h", 0, 0]],
            },
        },
        (None, 2),
    ),
    "renamed arguments": (
        {
            "class_name": "Sequential",
            "config": {
                "layers": [
                    {"class_name": "LeakyReLU", "config": {"batch_input_shape": [None, 3], "alpha": 0.5}},
                    {"class_name": "BatchNormalizationV1", "config": {"axis": [1], "fused": None}},
                    {
                        "class_name": "Dense",
                        "config": {"units": 2, "dtype": {"class_name": "Policy", "config": {"name": "float64"}}},
                    },
                ]
            },
        },
        (None, 2),
    ),
}


@pytest.mark.parametrize("name", OLD)
@pytest.mark.usefixtures("_numpy")
def test_old_configurations(name: str) -> None:
    config, shape = OLD[name]
    model = models.model_from_json(json.dumps({**config, "keras_version": "2.2.4"}))
    assert model.output_shape == shape
    assert "states" not in name or not model.layers[1].reset_after


#: What has no counterpart -> the message.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no config": ({"class_name": "Dense"}, "has no class_name or no config"),
    "time major": (
        {"class_name": "LSTM", "config": {"name": "l", "units": 2, "time_major": True}},
        r"'l' \(LSTM\) has time_major=True, which is gone",
    ),
    "a function without translation": (
        {
            "class_name": "Functional",
            "config": {
                "layers": [
                    SOURCE,
                    call(
                        {"class_name": "TFOpLambda", "config": {"name": "f", "function": "nn.ctc_loss"}},
                        ["x", 0, 0, {}],
                    ),
                ],
                "input_layers": [["x", 0, 0]],
                "output_layers": [["f", 0, 0]],
            },
        },
        r"calls TensorFlow's function 'nn\.ctc_loss' in 'f'",
    ),
    "an argument without translation": (
        {
            "class_name": "Functional",
            "config": {
                "layers": [
                    SOURCE,
                    call(
                        {"class_name": "TFOpLambda", "config": {"name": "f", "function": "linalg.matmul"}},
                        ["x", 0, 0, {"b": ["x", 0, 0], "transpose_b": True}],
                    ),
                ],
                "input_layers": [["x", 0, 0]],
                "output_layers": [["f", 0, 0]],
            },
        },
        r"in 'f' with \['transpose_b'\]",
    ),
    "a call of nothing": (
        {
            "class_name": "Functional",
            "config": {
                "layers": [SOURCE, call(dense("d"), [["y", 0, 0, {}]])],
                "input_layers": [["x", 0, 0]],
                "output_layers": [["d", 0, 0]],
            },
        },
        "'y' isn't the output of a layer",
    ),
    "damaged": ({"class_name": "Sequential", "config": {"layers": [3]}}, "a configuration that is damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.usefixtures("_numpy")
def test_configurations_without_a_counterpart(name: str) -> None:
    config, message = REFUSED[name]
    with pytest.raises(FileFormatError, match=message):
        models.model_from_json(json.dumps({**config, "keras_version": "2.9.0"}))


def test_how_models_were_compiled() -> None:
    old = {
        "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.1, "decay": 0.5, "beta_1": 0.8}},
        "loss": {"class_name": "MeanSquaredError", "config": {"reduction": "auto", "fn": "mean_squared_error"}},
        "metrics": [{"class_name": "MeanMetricWrapper", "config": {"name": "mae", "fn": "mean_absolute_error"}}],
        "sample_weight_mode": None,
    }
    found = saving.deserialize_keras_object(legacy_configs.modern_compile_config(old))
    assert type(found["loss"]) is triceras.losses.MeanSquaredError
    assert type(found["metrics"][0]) is triceras.metrics.MeanAbsoluteError
    with backend_scope("numpy"):
        assert [round(float(found["optimizer"]._learning_rate(step)), 4) for step in (0, 2)] == [0.1, 0.05]
    assert found["optimizer"].beta_1 == 0.8
    assert set(found) == {"optimizer", "loss", "metrics"}


# ---- code ------------------------------------------------------------------------------------------------------------


def code_of(function: Any) -> str:
    return base64.encodebytes(marshal.dumps(function.__code__)).decode()


def times(factor: float) -> Any:
    return lambda x, offset=1.0: x * factor + offset


CODE = code_of(times(0.0))
#: How versions write a Lambda layer with a Python lambda.
LAMBDAS = {
    "Keras 2": {"function": [CODE, [2.0], [3.0]], "function_type": "lambda", "module": "m", "output_shape_type": "raw"},
    "Keras 2 in disguise": {"function": [CODE, [2.0], [3.0]], "function_type": "raw"},
    "Keras 3": {
        "function": {"class_name": "__lambda__", "config": {"code": CODE, "defaults": [2.0], "closure": [3.0]}}
    },
    "Keras 3.0": {"function": {"class_name": "__lambda__", "config": {"value": [CODE, [2.0], [3.0]]}}},
}


def with_lambda(config: dict[str, Any]) -> Callable[[h5py.File], None]:
    stack = [SOURCE, {"class_name": "Lambda", "config": {"name": "l", "arguments": {}, **config}}]
    text = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": stack}})

    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = text
        del file["model_weights"]
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.zeros(0)
        group.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros(0)

    return change


@pytest.mark.parametrize("name", LAMBDAS)
def test_lambdas_need_trust(name: str, saved: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(saved, with_lambda(LAMBDAS[name]))
    with pytest.raises(UnsafeFileError, match="a Python lambda, and code in files is never run unasked"):
        models.load_model(path)
    for safe_mode in (False, True):
        monkeypatch.setattr(settings.values, "unsafe_deserialization", safe_mode)
        model = models.load_model(path, safe_mode=safe_mode)
        np.testing.assert_allclose(model.predict(X, verbose=0), X * 3 + 2, rtol=1e-6)


@pytest.mark.parametrize("code", ["", "AAAA", "!", base64.b64encode(marshal.dumps(3)).decode(), 5])
def test_damaged_code(code: Any, saved: pathlib.Path) -> None:
    path = changed(saved, with_lambda({"function": [code, None, None], "function_type": "lambda"}))
    with pytest.raises(FileFormatError, match="a Python lambda that this version of Python can't read"):
        models.load_model(path, safe_mode=False)


def test_functions_are_found_by_name(saved: pathlib.Path) -> None:
    path = changed(saved, with_lambda({"function": "doubled", "function_type": "function", "module": "os"}))
    with pytest.raises(ValueError, match="'doubled' of module 'builtins', which isn't registered"):
        models.load_model(path, safe_mode=False)
    model = models.load_model(path, {"doubled": lambda x: x * 2})
    np.testing.assert_allclose(model.predict(X, verbose=0), X * 2, rtol=1e-6)


def test_lambdas_find_custom_objects() -> None:
    config = {"class_name": "__lambda__", "config": {"value": [code_of(lambda x: np.abs(x)), None, None]}}
    found = saving.deserialize_keras_object(config, {"np": np}, safe_mode=False)
    with saving.CustomObjectScope({"np": np}):
        found = saving.deserialize_keras_object(config, safe_mode=False)
    assert found(-2) == 2


# ---- damage ----------------------------------------------------------------------------------------------------------


def remove(*path: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        group, name = file["/".join(path[:-1]) or "/"], path[-1]
        del (group.attrs if name in group.attrs else group)[name]

    return change


def put(group: str, name: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file[group].attrs.__setitem__(name, value)


def link(file: h5py.File) -> None:
    del file["model_weights/a"]
    file["model_weights/a"] = h5py.ExternalLink("other.h5", "a")


def many_names_of_one_string(file: h5py.File) -> None:
    file.attrs["filler"] = "x" * 2**20
    file["model_weights"].attrs["layer_names"] = np.array(["a"] * 1000, dtype=h5py.string_dtype())


DAMAGE: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "no config": (remove("model_config"), "has no model_config; weights alone are read with model.load_weights"),
    "no JSON": (put("/", "model_config", "{"), "model_config is no JSON"),
    "no text": (put("/", "model_config", 3), "'model_config' is no text"),
    "no names": (remove("model_weights", "layer_names"), "has no 'layer_names'"),
    "an unknown layer": (
        put("model_weights", "layer_names", np.array([b"a", b"z"])),
        "names the layer 'z', which isn't there",
    ),
    "an unknown array": (put("model_weights/a", "weight_names", np.array([b"q/r"])), "names 'q/r', which isn't there"),
    "a link": (link, r"is a link \(ExternalLink\)"),
    "another shape": (
        lambda file: put("model_weights/a", "weight_names", file["model_weights/a"].attrs["weight_names"][::-1])(file),
        r"/model_weights/a has arrays of the shapes \[\(4,\), \(3, 4\)\]",
    ),
    "names that unfold": (
        many_names_of_one_string,
        r"the 1000 strings of /model_weights@layer_names could have 1,\d+,\d+ bytes",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files(name: str, saved: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change, message = DAMAGE[name]
    monkeypatch.setattr(limits, "FREE_BYTES", 2**24)
    with pytest.raises(FileFormatError, match=message):
        models.load_model(changed(saved, change))


def test_optimizers_that_do_not_fit(tmp_path: pathlib.Path) -> None:
    with backend_scope("torch"):
        model = stack()
        model.compile("adam", "mse")
        model.fit(X, X[:, :2], verbose=0)
        model.save(tmp_path / "m.h5")
        config = {"optimizer_config": {"class_name": "SGD", "config": {"momentum": 0.9}}, "loss": "mse"}
        changed(tmp_path / "m.h5", put("/", "training_config", json.dumps(config)))
        with pytest.warns(UserWarning, match="the state of the optimizer wasn't loaded: it is that of another one"):
            models.load_model(tmp_path / "m.h5")


# ---- names of older versions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", optimizers.legacy.__all__)
def test_older_optimizers_say_what_to_use(name: str) -> None:
    with pytest.raises(ImportError, match=rf"Use triceras\.optimizers\.{name};"):
        getattr(optimizers.legacy, name)(0.1)


def test_short_dictionaries() -> None:
    serialize, deserialize = legacy.saving.serialize_keras_object, legacy.saving.deserialize_keras_object
    assert utils.legacy.serialize_keras_object is serialize
    known = {
        "Dense": layers.Dense,
        "relu": triceras.activations.relu,
        "MeanSquaredError": triceras.losses.MeanSquaredError,
    }
    assert serialize(triceras.losses.MeanSquaredError()) == {
        "class_name": "MeanSquaredError",
        "config": {"name": "mean_squared_error", "reduction": "sum_over_batch_size"},
    }
    assert (serialize(None), serialize(triceras.activations.relu), deserialize(None)) == (None, "relu", None)
    assert deserialize("relu", known) is triceras.activations.relu is deserialize(triceras.activations.relu)
    assert type(deserialize("MeanSquaredError", known)) is triceras.losses.MeanSquaredError
    with backend_scope("numpy"):
        again = deserialize(serialize(layers.Dense(3, "relu", name="d")), known)
        assert (again.units, again.name, again.activation) == (3, "d", triceras.activations.relu)
        assert (
            deserialize({"class_name": "Own", "config": {"units": 2}}, custom_objects={"Own": layers.Dense}).units == 2
        )
    for identifier, message in (
        ({"class_name": "Dense"}, "it has no class_name or no config"),
        ("nope", r"Unknown layer: 'nope'\. Pass custom_objects"),
        (3, "3 means no layer"),
    ):
        with pytest.raises(ValueError, match=message):
            deserialize(identifier, known, printable_module_name="layer")
    with pytest.raises(ValueError, match=r"3 can't be serialized"):
        serialize(3)


# ---- Keras -----------------------------------------------------------------------------------------------------------

_KERAS = """
import sys, numpy as np, keras
folder, x = sys.argv[1], np.load(sys.argv[1] + "/x.npy")
for name in sys.argv[2:]:
    model = keras.models.load_model(f"{folder}/{name}.h5")
    print(name, np.abs(model.predict(x, verbose=0) - np.load(f"{folder}/{name}.npy")).max() < 1e-6)
scale = 3.0
def times(factor):
    return lambda x, offset=1.0: x * factor + offset
model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(times(3.0), output_shape=(3,), name="l")])
model.save(f"{folder}/code.keras")
model.save(f"{folder}/code.h5")
"""


@pytest.mark.slow
def test_with_keras(tmp_path: pathlib.Path) -> None:
    """Keras opens our ``.h5`` files, and we its lambdas where they are trusted."""
    with backend_scope("torch"):
        inputs = triceras.Input((3,))
        inner = triceras.Sequential([triceras.Input((3,)), layers.Dense(3), layers.BatchNormalization()], name="inner")
        shared = layers.Dense(3, name="shared")
        y = triceras.ops.where(shared(inputs) > 0, shared(inner(inputs)), 2.0 * inputs)
        made = {"stack": stack(), "graph": triceras.Model(inputs, layers.Concatenate()([y, inputs]))}
        made["compiled"] = stack()
        # Keras opens none of its own with the loss "mse".
        made["compiled"].compile("adam", triceras.losses.MeanSquaredError(), metrics=["mae"])
        made["compiled"].fit(X, X[:, :2], verbose=0)
        for name, model in made.items():
            model.save(tmp_path / f"{name}.h5")
            np.save(tmp_path / f"{name}.npy", model.predict(X, verbose=0))
    np.save(tmp_path / "x.npy", X)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "ignore", "-c", _KERAS, str(tmp_path), *made]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout.split("\n")[:-1] == [f"{name} True" for name in made], result.stderr[-2000:]
    for ending in (".keras", ".h5"):
        path = tmp_path / f"code{ending}"
        with backend_scope("numpy"):
            with pytest.raises(UnsafeFileError, match="a Python lambda"):
                models.load_model(path)
            model = models.load_model(path, safe_mode=False)
            np.testing.assert_allclose(model.predict(X, verbose=0), X * 3 + 1, rtol=1e-6)
