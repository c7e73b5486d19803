"""Files that Keras 2.12 to 2.21 and 3.0 to 3.15 wrote, on every backend: predictions, further training, weights alone."""

from __future__ import annotations

import functools
import io
import pathlib
import zipfile
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import activations, layers, models, saving
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

CORPUS = pathlib.Path(__file__).parent / "corpus"
TRAINING = [name for name in registry.available_backends() if name != "numpy"]
#: Models of 16 bits, and rules that aren't what they were: Nadam has another schedule of its momentum.
TOLERANCE = {"mixed": 5e-3}
LOSS_TOLERANCE = {"old_nadam": 1e-2}
#: Keras 3.0 lost masks behind attention and wrote so into the graph; here a layer's mask comes with its input all the same, so
#: only rows without one agree.
WITHOUT_MASKS = {("keras-3.0", "attention"): slice(0, 1)}


@saving.register_keras_serializable("corpus")
def halved(x: Any) -> Any:
    """A registered function."""
    return x * 0.5


@saving.register_keras_serializable("corpus")
class Scale(layers.Layer):
    """The registered layer of ``corpus/make.py``."""

    def __init__(self, factor: float = 2.0, function: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.function = activations.get(function)

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="uniform", name="gain")

    def call(self, x: Any) -> Any:
        return self.function(x * self.gain * self.factor)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor, "function": activations.serialize(self.function)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The files, unpacked."""
    folder = tmp_path_factory.mktemp("corpus")
    for path in CORPUS.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / path.stem)
    return folder


@functools.cache
def stored(version: str) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(CORPUS / f"{version}.zip") as archive:
        return dict(np.load(io.BytesIO(archive.read("predictions.npz"))))


def inputs(version: str, name: str) -> Any:
    found = [array for key, array in stored(version).items() if key.startswith(f"{name}/x")]
    return found if len(found) > 1 else found[0]


def check(model: triceras.Model, version: str, name: str) -> None:
    given = model.predict(inputs(version, name), verbose=0)
    tolerance = TOLERANCE.get(name, 1e-6)
    rows = WITHOUT_MASKS.get((version, name), slice(None))
    for i, output in enumerate(given if isinstance(given, list) else [given]):
        output, expected = output[rows], stored(version)[f"{name}/y{i}"][rows]
        np.testing.assert_allclose(
            np.asarray(output, "float32"), expected, rtol=tolerance, atol=tolerance, err_msg=name
        )


def models_of(ending: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in sorted(CORPUS.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
        found += [(path.stem, name) for name in names if name.endswith(ending) and name.count(".") == 1]
    return found


@pytest.mark.parametrize(("version", "file"), [*models_of(".keras"), *models_of(".h5")])
def test_models(version: str, file: str, corpus: pathlib.Path, backend: Backend) -> None:
    name = file.split(".")[0]
    model = models.load_model(corpus / version / file)
    check(model, version, name)
    if f"{name}/loss" not in stored(version) or backend.name not in (TRAINING if name == "adam" else ["torch"]):
        return
    x, y = inputs(version, name), stored(version)[f"{name}/labels"]
    losses = [model.train_on_batch(x, y)[0] for _ in range(3)]
    tolerance = LOSS_TOLERANCE.get(name, 1e-5)
    np.testing.assert_allclose(losses, stored(version)[f"{name}/loss"], rtol=tolerance)


@pytest.mark.parametrize(("version", "file"), models_of(".json"))
def test_json(version: str, file: str, corpus: pathlib.Path) -> None:
    with backend_scope("numpy"):
        model = models.model_from_json((corpus / version / file).read_text())
        model.load_weights(corpus / version / file.replace(".json", ".h5"))
        check(model, version, file.split(".")[0])


@pytest.mark.parametrize("name", ["recurrent", "nested"])
def test_weights(name: str, corpus: pathlib.Path, backend: Backend) -> None:
    for version in sorted(path.name for path in corpus.iterdir()):
        path = corpus / version
        model = models.load_model(path / f"{name}.keras")
        endings = [".weights.h5", *([".by_name.h5", ".h5"] if version.startswith("keras-2") else [])]
        for ending in endings:
            for kwargs in [{}, *([{"by_name": True}] if ending != ".weights.h5" else [])]:
                model.set_weights([np.zeros_like(w) for w in model.get_weights()])
                model.load_weights(path / f"{name}{ending}", **kwargs)
                check(model, version, name)
