"""Model files: written on one backend and read on the others, from Keras and for Keras, and what damaged ones do."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator

import h5py
import numpy as np
import pytest

import triceras
from triceras import layers, ops, saving
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.models import load_model

FILES = pathlib.Path(__file__).parent / "files"
BACKENDS = registry.available_backends()
TRAINING = [name for name in BACKENDS if name != "numpy"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")
IMAGES = RNG.normal(size=(3, 8, 8, 1)).astype("float32")


@saving.register_keras_serializable("tests")
def halved(x: object) -> object:
    """A registered function."""
    return x * 0.5  # type: ignore[operator]


@saving.register_keras_serializable("tests")
class Scale(layers.Layer):
    """A registered layer with a weight."""

    def __init__(self, factor: float = 2.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="uniform", name="gain")

    def call(self, x: object) -> object:
        return x * self.gain * self.factor  # type: ignore[operator]

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"factor": self.factor}


@saving.register_keras_serializable("tests")
class Holder(triceras.Model):
    """A registered model with layers in a list and a dictionary."""

    def __init__(self, units: int = 3, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(units), layers.Dense(units), layers.LayerNormalization()]
        self.heads = {"a": layers.Dense(2), "b": layers.Dense(1)}
        self.drop = layers.Dropout(0.5, seed=3)

    def call(self, x: object) -> object:
        for block in self.blocks:
            x = block(x)
        return ops.concatenate([self.heads["a"](x), self.heads["b"](self.drop(x))], axis=-1)

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"units": self.units}


def stack() -> triceras.Model:
    return triceras.Sequential(
        [triceras.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dense(2)]
    )


def convolutional() -> triceras.Model:
    return triceras.Sequential(
        [triceras.Input((8, 8, 1)), layers.Conv2D(3, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)]
    )


def graph() -> triceras.Model:
    a, b = triceras.Input((4,), name="a"), triceras.Input((4,), name="b")
    shared = layers.Dense(3, activation=halved)
    inner = triceras.Sequential([layers.Dense(3, kernel_regularizer="l2"), Scale(3.0)])
    y = ops.where(inner(shared(a)) > 0, shared(b), ops.exp(shared(a)) - 1.0)
    return triceras.Model({"a": a, "b": b}, {"y": y, "sum": ops.sum(y, axis=-1, keepdims=True)})


def subclassed() -> triceras.Model:
    model = Holder(3)
    model(X)
    return model


def mixed() -> triceras.Model:
    return triceras.Sequential(
        [triceras.Input((4,)), layers.Dense(4, dtype="bfloat16"), layers.Dense(2, dtype="mixed_float16")]
    )


MODELS: dict[str, tuple[Callable[[], triceras.Model], object, float]] = {
    "stack": (stack, X, 1e-6),
    "convolutional": (convolutional, IMAGES, 1e-6),
    "graph": (graph, {"a": X, "b": X[::-1].copy()}, 1e-6),
    "subclassed": (subclassed, X, 1e-6),
    "mixed": (mixed, X, 2e-2),
}


def predictions(model: triceras.Model, data: object) -> list[np.ndarray]:
    return [np.asarray(p, "float32") for p in triceras.tree.flatten(model.predict(data, verbose=0))]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("writer", BACKENDS)
def test_written_on_one_backend_read_on_each(name: str, writer: str, tmp_path: pathlib.Path) -> None:
    make, data, tolerance = MODELS[name]
    path, weights = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    with backend_scope(writer):
        triceras.utils.set_random_seed(4)
        model = make()
        model.save(path)
        model.save_weights(weights)
        expected = predictions(model, data)
    for reader in BACKENDS:
        with backend_scope(reader):
            other = make()
            other.load_weights(weights)
            for again in (load_model(path), other):
                assert again.backend.name == reader
                for a, b in zip(predictions(again, data), expected, strict=True):
                    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=reader)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_training_goes_on_where_it_was_on_any_backend(optimizer: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.keras"
    with backend_scope(TRAINING[0]):
        triceras.utils.set_random_seed(4)
        model = stack()
        chosen = triceras.optimizers.SGD(0.05, momentum=0.9) if optimizer == "sgd" else optimizer
        model.compile(chosen, "mse", metrics=["mae"])
        model.fit(X, Y, epochs=2, verbose=0)
        model.save(path)
        expected = [model.train_on_batch(X, Y, return_dict=True)["loss"] for _ in range(3)]
    for reader in TRAINING:
        with backend_scope(reader):
            again = load_model(path)
            assert again.compiled
            assert int(again.optimizer.iterations.numpy()) == 2
            losses = [again.train_on_batch(X, Y, return_dict=True)["loss"] for _ in range(3)]
        np.testing.assert_allclose(losses, expected, rtol=1e-4, err_msg=reader)
    assert not load_model(path, compile=False).compiled


# ---- to and from Keras -----------------------------------------------------------------------------------------------

FROM_KERAS = sorted(p.stem for p in FILES.glob("*.keras") if p.stem != "unbuilt")


@pytest.mark.parametrize("name", FROM_KERAS)
def test_files_of_keras(backend: Backend, name: str) -> None:
    stored = np.load(FILES / f"{name}.npz")
    inputs = [stored[key] for key in sorted(stored) if key.startswith("x")]
    expected = [stored[key] for key in sorted(stored) if key.startswith("y")]
    model = load_model(FILES / f"{name}.keras")
    tolerance = 2e-2 if name in ("mixed", "bfloat", "loss_scaled") else 1e-6
    for a, b in zip(predictions(model, inputs if len(inputs) > 1 else inputs[0]), expected, strict=True):
        np.testing.assert_allclose(a, b.astype("float32"), rtol=tolerance, atol=tolerance)


def test_training_goes_on_from_a_file_of_keras() -> None:
    stored = np.load(FILES / "sequential_cnn.train.npz")
    for name in TRAINING:
        with backend_scope(name):
            model = load_model(FILES / "sequential_cnn.keras")
            model.layers[3].rate = 0.0
            losses = [model.train_on_batch(stored["x"], stored["y"])[0] for _ in range(3)]
        np.testing.assert_allclose(losses, stored["loss"], rtol=1e-4, err_msg=name)


def test_an_unbuilt_model_of_keras(backend: Backend) -> None:
    model = load_model(FILES / "unbuilt.keras")
    assert not model.built
    assert np.asarray(ops.convert_to_numpy(model(X))).shape == (12, 2)


_OPEN = """
import sys, numpy as np, keras
for name in sys.argv[2:]:
    model = keras.models.load_model(f"{sys.argv[1]}/{name}.keras")
    data = np.load(f"{sys.argv[1]}/{name}.npz")
    inputs = {k: data[k] for k in ("a", "b")} if "a" in data else data["x"]
    outputs = keras.tree.flatten(model.predict(inputs, verbose=0))
    worst = max(np.abs(o.astype("float32") - data[f"y{i}"]).max() for i, o in enumerate(outputs))
    loss = model.train_on_batch(inputs, [data[f"y{i}"] for i in range(len(outputs))]) if model.compiled else 0.0
    print(name, worst < (2e-2 if name == "mixed" else 1e-5), np.isfinite(loss).all())
"""


@pytest.mark.slow
def test_keras_opens_our_files(tmp_path: pathlib.Path) -> None:
    names = ["stack", "convolutional", "mixed", "trained", "plain_graph"]
    with backend_scope("torch"):
        made = {name: MODELS[name][0]() for name in ("stack", "convolutional", "mixed")}
        made["trained"] = stack()
        made["trained"].compile("adam", "mse", metrics=["mae"])
        made["trained"].fit(X, Y, verbose=0)
        a, b = triceras.Input((4,), name="a"), triceras.Input((4,), name="b")
        shared = layers.Dense(3)
        y = ops.where(shared(a) > 0, shared(b), ops.exp(shared(a)) - 1.0)
        made["plain_graph"] = triceras.Model(
            {"a": a, "b": b}, layers.Concatenate()([y, ops.sum(y, axis=-1, keepdims=True)])
        )
        for name, model in made.items():
            data = {"a": X, "b": Y @ Y.T[:, :4]} if name == "plain_graph" else IMAGES if name == "convolutional" else X
            model.save(tmp_path / f"{name}.keras")
            arrays = data if isinstance(data, dict) else {"x": data}
            stored = {f"y{i}": p for i, p in enumerate(predictions(model, data))}
            np.savez(tmp_path / f"{name}.npz", **arrays, **stored)
    environment = os.environ | {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "ignore", "-c", _OPEN, str(tmp_path), *names]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout.split("\n")[:-1] == [f"{name} True True" for name in names], result.stderr[-2000:]


# ---- custom objects --------------------------------------------------------------------------------------------------


def test_custom_objects(backend: Backend, tmp_path: pathlib.Path) -> None:
    class Unregistered(Scale):
        pass

    path = tmp_path / "model.keras"
    triceras.Sequential([triceras.Input((4,)), Unregistered(3.0)]).save(path)
    with pytest.raises(
        ValueError,
        match=r"names 'Unregistered' of module 'tests.saving.test_files', which isn't registered\. Pass custom_objects",
    ):
        load_model(path)
    for again in (load_model(path, {"Unregistered": Unregistered}), _in_scope(path, {"Unregistered": Unregistered})):
        assert again.layers[0].factor == 3.0


def _in_scope(path: pathlib.Path, known: dict[str, object]) -> triceras.Model:
    with saving.CustomObjectScope(known):
        return load_model(path)


def test_code_is_never_written_nor_read(backend: Backend, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.keras"
    with pytest.raises(ValueError, match="A lambda can't be written to a file, whose contents are never code"):
        triceras.Sequential([triceras.Input((4,)), layers.Dense(2, activation=lambda x: x)]).save(path)
    assert not path.exists()


def test_names_round_trip() -> None:
    assert saving.get_registered_name(halved) == "tests>halved"
    assert saving.get_registered_object("tests>Scale") is Scale
    assert saving.deserialize_keras_object(saving.serialize_keras_object(halved)) is halved
    for value in ((1, (2,)), {"a": [1.5, None]}, np.arange(3), slice(1, None), Ellipsis, b"xy", "text", True):
        again = saving.deserialize_keras_object(json.loads(json.dumps(saving.serialize_keras_object(value))))
        assert np.array_equal(again, value) if isinstance(value, np.ndarray) else again == value


# ---- whole or not at all ---------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(
    backend: Backend, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stack()
    path, weights = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    model.save(path)
    model.save_weights(weights)
    before = path.read_bytes(), weights.read_bytes()

    def fails(self: object, store: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(layers.Dense, "save_own_variables", fails)
    for action in (lambda: stack().save(path), lambda: stack().save_weights(weights)):
        with pytest.raises(OSError, match="no space left"):
            action()
    assert (path.read_bytes(), weights.read_bytes()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.keras", "model.weights.h5"]


def test_overwriting_and_folders(backend: Backend, tmp_path: pathlib.Path) -> None:
    model = stack()
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileExistsError, match=r"exists\. Pass overwrite=True"):
        model.save(tmp_path / "model.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"The folder .* doesn't exist\. Make it first"):
        model.save(tmp_path / "nowhere" / "model.keras")
    model.save(tmp_path / "folder", zipped=False)
    np.testing.assert_array_equal(load_model(tmp_path / "folder").get_weights()[0], model.get_weights()[0])
    mode = (tmp_path / "model.keras").stat().st_mode & 0o777
    (tmp_path / "model.keras").chmod(0o600)
    model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_mode & 0o777 == 0o600
    assert mode & 0o600 == 0o600


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A model file, read on numpy."""
    with backend_scope("numpy"):
        stack().save(tmp_path / "model.keras")
        yield tmp_path / "model.keras"


def rewritten(path: pathlib.Path, change: Callable[[dict[str, bytes]], None]) -> pathlib.Path:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    target = path.with_name("changed.keras")
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_missing_members(saved: pathlib.Path, member: str) -> None:
    with pytest.raises(ValueError, match=f"has no {member}; it isn't a model file, or is damaged"):
        load_model(rewritten(saved, lambda members: members.pop(member)))


def test_files_that_are_no_models(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.keras").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"is no \.keras archive"):
        load_model(tmp_path / "x.keras")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_model(tmp_path / "y.keras")
    with backend_scope("numpy"), pytest.raises(ValueError, match=r"ends in '\.keras', received"):
        stack().save(tmp_path / "model.txt")
    with backend_scope("numpy"), pytest.raises(ValueError, match=r"ends in '\.weights\.h5', received"):
        stack().save_weights(tmp_path / "model.h5")


WEIGHTS = "layers/dense/vars"


def with_weights(path: pathlib.Path, change: Callable[[h5py.File], None]) -> pathlib.Path:
    def edit(members: dict[str, bytes]) -> None:
        local = path.with_name("w.h5")
        local.write_bytes(members["model.weights.h5"])
        with h5py.File(local, "r+") as file:
            change(file)
        members["model.weights.h5"] = local.read_bytes()

    return rewritten(path, edit)


def test_links_out_of_the_file(saved: pathlib.Path) -> None:
    secret = saved.with_name("secret.h5")
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.zeros((4, 8), np.float32)

    def external(file: h5py.File) -> None:
        del file[f"{WEIGHTS}/0"]
        file[f"{WEIGHTS}/0"] = h5py.ExternalLink(str(secret), "kernel")

    def soft(file: h5py.File) -> None:
        file.move("layers/dense", "elsewhere")
        file["layers/dense"] = h5py.SoftLink("/elsewhere")

    def raw(file: h5py.File) -> None:
        del file[f"{WEIGHTS}/0"]
        file[WEIGHTS].create_dataset("0", (4, 8), "f4", external=[(str(secret), 0, 128)])

    for change, message in (
        (external, "is a link"),
        (soft, "is a link"),
        (raw, "isn't a plain dataset: its bytes lie elsewhere"),
    ):
        with pytest.raises(ValueError, match=message):
            load_model(with_weights(saved, change))


def test_weights_of_other_shapes_and_numbers(saved: pathlib.Path) -> None:
    def shape(file: h5py.File) -> None:
        del file[f"{WEIGHTS}/0"]
        file[WEIGHTS].create_dataset("0", (10**7, 10**7), "f4", chunks=(1, 1))

    def fewer(file: h5py.File) -> None:
        del file[f"{WEIGHTS}/1"]

    def none(file: h5py.File) -> None:
        del file["layers/dense"]

    for change, message in (
        (shape, r"kernel' has the shape \(4, 8\), the file has \(10000000, 10000000\) for it"),
        (fewer, "has 2 variables, the file has 1 for it"),
        (none, r"The file has no variables for 'layers/dense' \(Dense\), which has 2"),
    ):
        with pytest.raises(ValueError, match=message):
            load_model(with_weights(saved, change))
    other = triceras.Sequential([triceras.Input((4,)), layers.Dense(9), layers.BatchNormalization(), layers.Dense(2)])
    shutil.copy(saved, saved.with_name("same.keras"))
    with pytest.warns(UserWarning, match="weren't loaded"):
        other.load_weights(saved.with_name("same.keras"), skip_mismatch=True)


@pytest.mark.parametrize(
    "text",
    [
        '{"module": "os", "class_name": "system", "config": {}}',
        '{"module": "keras.layers", "class_name": "Exec", "config": {}}',
    ],
)
def test_a_config_cannot_name_code(saved: pathlib.Path, text: str) -> None:
    with pytest.raises(ValueError, match="which isn't registered"):
        load_model(rewritten(saved, lambda members: members.update({"config.json": text.encode()})))
    marshalled = '{"class_name": "__lambda__", "config": {"value": ["", null, null]}}'
    with pytest.raises(ValueError, match="code in files is never run"):
        load_model(rewritten(saved, lambda members: members.update({"config.json": marshalled.encode()})))


# ---- files of layers' own, other dtypes --------------------------------------------------------------------------------


@saving.register_keras_serializable("tests")
class Words(layers.Layer):
    """A layer with a file of its own."""

    def __init__(self, words: tuple[str, ...] = (), **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.words = list(words)

    def call(self, x: object) -> object:
        return x

    def save_assets(self, folder: str) -> None:
        pathlib.Path(folder, "words.txt").write_text("\n".join(self.words))

    def load_assets(self, folder: str) -> None:
        self.words = pathlib.Path(folder, "words.txt").read_text().split("\n")

    def get_config(self) -> dict[str, object]:
        return layers.Layer.get_config(self)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_layers(backend: Backend, tmp_path: pathlib.Path, zipped: bool) -> None:
    path = tmp_path / ("model.keras" if zipped else "model")
    both = [Words(("a", "b")), Words(("c",))]
    triceras.Sequential([triceras.Input((4,)), both[0], layers.Dense(2), both[1]]).save(path, zipped=zipped)
    names = zipfile.ZipFile(path).namelist() if zipped else [p.relative_to(path).as_posix() for p in path.rglob("*")]
    assert {"assets/layers/words/words.txt", "assets/layers/words_1/words.txt"} <= set(names)
    again = load_model(path)
    assert [layer.words for layer in again.layers if isinstance(layer, Words)] == [["a", "b"], ["c"]]


def test_a_folder_with_other_files_stays(backend: Backend, tmp_path: pathlib.Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"holds more than a model: \['notes.txt'\]"):
        stack().save(tmp_path, zipped=False)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_keras_chose_to_compile_is_not_taken_over(tmp_path: pathlib.Path) -> None:
    for name in TRAINING:
        with backend_scope(name):
            model = stack()
            model.compile("adam", "mse", jit_compile=False)
            model.save(tmp_path / "model.keras")
            assert load_model(tmp_path / "model.keras").jit_compile == "auto"


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_float16"])
def test_loading_into_another_dtype(backend: Backend, tmp_path: pathlib.Path, dtype: str) -> None:
    model = convolutional()
    if backend.name != "numpy":
        model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras", dtype=dtype)
    assert {layer.dtype_policy.name for layer in again.layers} == {dtype}
    stored = "float32" if dtype.startswith("mixed") else dtype
    assert {v.stored_dtype for v in again.weights} == {stored}
    for a, b in zip(predictions(again, IMAGES), predictions(model, IMAGES), strict=True):
        np.testing.assert_allclose(a, b, rtol=3e-2, atol=3e-2)


def test_a_model_is_made_without_drawing_what_the_file_holds(
    backend: Backend, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = graph()
    if backend.name != "numpy":
        model.compile(triceras.optimizers.Adam(use_ema=True), "mse")
        model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")

    def draws(self: object, *args: object, **kwargs: object) -> None:
        raise AssertionError("an initial value was drawn")

    for initializer in (triceras.initializers.GlorotUniform, triceras.initializers.RandomUniform):
        monkeypatch.setattr(initializer, "on_host", draws, raising=False)
        monkeypatch.setattr(initializer, "__call__", draws)
    again = load_model(tmp_path / "model.keras")
    for a, b in zip(again.variables, model.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    if backend.name == "torch":
        order = [tuple(p.shape) for p in model.parameters()]  # type: ignore[attr-defined]
        assert [tuple(p.shape) for p in again.parameters()] == order
