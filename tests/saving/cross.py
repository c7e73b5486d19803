"""Everything that ours and Keras write for each other, by the same code: ``python -m tests.saving.cross FOLDER JOB …``.

A package first writes, then reads what the other wrote. What it finds is pickled: key -> result, or the error as text. JOB is
``objects``, ``models``, ``compiled``, ``optimizers`` or ``layers``; that of layers has the backend of the rows behind a colon.
"""

from __future__ import annotations

import functools
import importlib
import json
import pathlib
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from tests.layers.table import Row, map_arrays, weight_value
from tests.saving import tables
from tests.saving.cross_models import COMPILED, MODELS, compiled, trained

STEPS = 3
MODULES = sorted(path.stem for path in (pathlib.Path(__file__).parents[1] / "layers").glob("rows_*.py"))
LAYERS: list[Row] = [r for m in MODULES for r in importlib.import_module(f"tests.layers.{m}").ROWS]


def host(k: Any, x: Any) -> list[np.ndarray]:
    """A structure's tensors as arrays, 16-bit floats as 32."""
    arrays = [np.asarray(k.ops.convert_to_numpy(y)) for y in k.tree.flatten(x)]
    return [a.astype("float32") if a.dtype.name == "bfloat16" else a for a in arrays]


def configured(k: Any, row: Row) -> Any:
    """A layer with all arguments away from their defaults."""
    return Row(row.layer, row.kwargs if row.config is None else row.config, ()).build(k.layers)


def layer_model(k: Any, row: Row) -> tuple[Any, list[np.ndarray]]:
    """A functional model of one call of a layer, with the weights of the tests, and its inputs."""
    inputs: list[Any] = []
    values: list[np.ndarray] = []

    def symbol(a: np.ndarray) -> Any:
        values.append(a)
        inputs.append(k.Input(batch_shape=a.shape, dtype=a.dtype.name))
        return inputs[-1]

    layer = row.build(k.layers)
    args, kwargs = map_arrays(symbol, (row.inputs, row.call))
    model = k.Model(inputs, k.tree.flatten(layer(*args, **kwargs)))
    layer.set_weights([weight_value(w.name, w.shape, i) for i, w in enumerate(layer.weights)])
    return model, values


def called(k: Any, model: Any, data: Any, calls: int = 1) -> list[np.ndarray]:
    """A model's outputs at the last of some calls."""
    for _ in range(calls):
        outputs = model(k.tree.map_structure(k.ops.convert_to_tensor, data))
    return host(k, outputs)


def steps(model: Any, data: Any, count: int = STEPS) -> list[dict[str, float]]:
    """The logs of some training steps; nothing is compiled, for that takes most of the time."""
    model.run_eagerly = True
    return [{name: float(v) for name, v in model.train_on_batch(*data, return_dict=True).items()} for _ in range(count)]


# ---- the jobs: each yields a key, what writes there, and what reads there --------------------------------------------

Job = tuple[str, Callable[[pathlib.Path], Any], Callable[[pathlib.Path], Any]]


def _objects(k: Any, _: str) -> Iterator[Job]:
    serialize, deserialize = k.saving.serialize_keras_object, k.saving.deserialize_keras_object
    makers: dict[str, Callable[[], Any]] = {
        f"{i}-{row[0]}": functools.partial(tables.made, row, k) for i, row in enumerate(tables.OBJECTS)
    }
    makers |= {f"layer-{i}-{row}": functools.partial(configured, k, row) for i, row in enumerate(LAYERS) if row.file}
    makers |= {path: functools.partial(tables.named, path, k) for path in tables.FUNCTIONS}
    for key, make in makers.items():

        def write(path: pathlib.Path, make: Callable[[], Any] = make) -> Any:
            path.write_text(json.dumps(serialize(make())))

        def read(path: pathlib.Path) -> Any:
            return json.loads(json.dumps(serialize(deserialize(json.loads(path.read_text())))))

        yield key, write, read


def _layers(k: Any, backend: str) -> Iterator[Job]:
    for i, row in enumerate(LAYERS):
        if not row.file or (row.keras or "torch") != backend:
            continue

        def write(path: pathlib.Path, row: Row = row) -> Any:
            model, values = layer_model(k, row)
            model.save(path)
            return called(k, model, values, row.calls)

        def read(path: pathlib.Path, row: Row = row) -> Any:
            values: list[np.ndarray] = []
            map_arrays(values.append, (row.inputs, row.call))
            return called(k, k.models.load_model(path), values, row.calls)

        yield f"{i}-{row}.keras", write, read


def _models(k: Any, _: str) -> Iterator[Job]:
    for name, build in MODELS.items():

        def write(path: pathlib.Path, build: Any = build) -> Any:
            model, data = build(k)
            outputs = called(k, model, data)
            model.save(path)
            return data, outputs

        def read(path: pathlib.Path) -> Any:
            data = pickle.loads((path.parent / "results").read_bytes())[path.name][0]
            return called(k, k.models.load_model(path), data)

        yield f"{name}.keras", write, read


def _compiled(k: Any, _: str) -> Iterator[Job]:
    for name, row in COMPILED.items():

        def write(path: pathlib.Path, row: Any = row) -> Any:
            model, data = compiled(k, row)
            model.save(path)
            return steps(model, data, 1), None

        def read(path: pathlib.Path, row: Any = row) -> Any:
            model = k.models.load_model(path)
            return steps(model, compiled(k, row)[1], 1), json.loads(json.dumps(model.get_compile_config()))

        yield f"{name}.keras", write, read


def _optimizers(k: Any, _: str) -> Iterator[Job]:
    for i, row in enumerate(tables.TRAINED):

        def write(path: pathlib.Path, row: Any = row) -> Any:
            model, data = trained(k, row)
            steps(model, data)
            model.run_eagerly = False
            model.save(path)
            return steps(model, data)

        def read(path: pathlib.Path, row: Any = row) -> Any:
            return steps(k.models.load_model(path), trained(k, row)[1])

        yield f"{i}-{row[0]}.keras", write, read


JOBS = {
    "objects": _objects,
    "layers": _layers,
    "models": _models,
    "compiled": _compiled,
    "optimizers": _optimizers,
}


def _attempt(function: Callable[[pathlib.Path], Any], path: pathlib.Path) -> Any:
    try:
        return function(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        return f"{type(error).__name__}: {error}"


def jobs(k: Any, job: str) -> Iterator[Job]:
    """Those of one kind; names are counted and weights drawn anew for each."""
    kind, _, backend = job.partition(":")
    for key, write, read in JOBS[kind](k, backend):
        k.utils.clear_session(free_memory=False)
        k.utils.set_random_seed(0)
        yield key, write, read


def write(k: Any, job: str, folder: pathlib.Path) -> dict[str, Any]:
    """Write all of a job into a folder."""
    folder.mkdir(parents=True)
    results = {key: _attempt(write, folder / key) for key, write, _ in jobs(k, job)}
    (folder / "results").write_bytes(pickle.dumps(results))
    return results


def read(k: Any, job: str, folder: pathlib.Path) -> dict[str, Any]:
    """What the reader gets from the files of a job in a folder."""
    return {key: _attempt(read, folder / key) for key, _, read in jobs(k, job) if (folder / key).exists()}


def config_of(path: pathlib.Path) -> Any:
    """What ``config.json`` of a model file says."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def arrays_of(path: pathlib.Path) -> dict[str, Any]:
    """Name -> what it is, for each group and dataset of a model file."""
    found: dict[str, Any] = {}

    def note(name: str, value: Any) -> None:
        is_array = isinstance(value, h5py.Dataset)
        attributes = {key: str(v) for key, v in value.attrs.items()}
        found[name] = (value.shape, value.dtype.str, attributes) if is_array else attributes

    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member, h5py.File(member, "r") as file:
        file.visititems(note)
    return found


if __name__ == "__main__":
    import keras

    root = pathlib.Path(sys.argv[1])
    for job in sys.argv[2:]:
        write(keras, job, root / job / "keras")
        results = read(keras, job, root / job / "triceras")
        (root / job / "read").write_bytes(pickle.dumps(results))
