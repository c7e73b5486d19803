"""Every source of data, on every backend: the numbers are those of the arrays it holds."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests.training.loaded import (
    BATCHES,
    SIZE,
    Batches,
    Broken,
    Endless,
    Listed,
    Pairs,
    Reshuffled,
    X,
    Y,
    forever,
    threads,
)
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.training.data.array_source import ArraySource
from triceras.training.data.batch_sources import IndexedSource

#: What makes data of the arrays in a folder: ``fit``'s arguments.
Maker = Callable[[pathlib.Path], dict[str, Any]]


def _frame(library: str, named: bool) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        frame = pytest.importorskip(library).DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "label": Y})
        parts = {"x": frame, "y": "label"} if named else {"x": frame[["a", "b", "c"]], "y": frame["label"]}
        return parts | {"batch_size": SIZE}

    return make


def _arrow(kind: str) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        import pyarrow as pa
        import pyarrow.dataset
        import pyarrow.parquet

        rows = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 3)
        table = pa.table({"x": rows, "label": Y})
        pa.parquet.write_table(table, folder / "rows.parquet", row_group_size=3)
        made = {
            "table": lambda: table,
            "chunks": lambda: pa.concat_tables([table.slice(0, 3), table.slice(3)]),
            "reader": lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=3)),
            "parquet": lambda: pa.parquet.ParquetFile(folder / "rows.parquet"),
            "dataset": lambda: pa.dataset.dataset(folder / "rows.parquet"),
        }
        return {"x": made[kind](), "y": "label", "batch_size": SIZE}

    return make


def _datasets(streamed: bool) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        import datasets

        rows = datasets.Dataset.from_dict({"x": X.tolist(), "label": Y.tolist()})
        return {"x": rows.to_iterable_dataset() if streamed else rows, "y": "label", "batch_size": SIZE}

    return make


def _tf_data(known: bool) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        import tensorflow as tf

        rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(SIZE)
        return {"x": rows if known else rows.filter(lambda x, y: True)}

    return make


def _loader(**options: Any) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        import torch

        return {"x": torch.utils.data.DataLoader(Pairs(), batch_size=SIZE, **options)}

    return make


def _iterable_loader(folder: pathlib.Path) -> dict[str, Any]:
    import torch

    class Rows(torch.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            return zip(X, Y, strict=True)

    return {"x": torch.utils.data.DataLoader(Rows(), batch_size=SIZE)}


def _grain(kind: str) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        import grain

        rows = grain.MapDataset.source(Pairs())
        if kind == "map":
            return {"x": rows.batch(SIZE)}
        if kind == "iter":
            return {"x": rows.to_iter_dataset().batch(SIZE)}
        sampler = grain.samplers.SequentialSampler(num_records=10)
        batched = [grain.transforms.Batch(SIZE)]
        return {"x": grain.DataLoader(data_source=Pairs(), sampler=sampler, operations=batched, worker_count=0)}

    return make


def _memory_map(folder: pathlib.Path) -> dict[str, Any]:
    np.save(folder / "x.npy", X.astype("float64"))
    return {"x": np.load(folder / "x.npy", mmap_mode="r"), "y": Y, "batch_size": SIZE}


def _h5py(folder: pathlib.Path) -> dict[str, Any]:
    import h5py

    file = h5py.File(folder / "rows.h5", "w")
    return {"x": file.create_dataset("x", data=X), "y": file.create_dataset("y", data=Y), "batch_size": SIZE}


def _tensors(name: str) -> Maker:
    def make(folder: pathlib.Path) -> dict[str, Any]:
        backend = registry.get_backend(name)
        return {"x": backend.convert_to_tensor(X), "y": backend.convert_to_tensor(Y), "batch_size": SIZE}

    return make


class Again:
    """Batches in a memory that is written anew for each."""

    def __iter__(self) -> Iterator[Any]:
        for x, y in BATCHES:
            self.x[: len(x)], self.y[: len(y)] = x, y
            yield self.x[: len(x)], self.y[: len(y)]

    def __init__(self) -> None:
        self.x, self.y = np.empty((SIZE, 3), "float32"), np.empty(SIZE, "float32")


SOURCES: dict[str, Maker] = {
    "lists": lambda folder: {"x": X.tolist(), "y": Y.tolist(), "batch_size": SIZE},
    "tensors of jax": _tensors("jax"),
    "tensors of torch": _tensors("torch"),
    "tensors of tensorflow": _tensors("tensorflow"),
    "pandas": _frame("pandas", named=False),
    "pandas, target by name": _frame("pandas", named=True),
    "polars": _frame("polars", named=False),
    "polars, target by name": _frame("polars", named=True),
    "Arrow table": _arrow("table"),
    "Arrow table in chunks": _arrow("chunks"),
    "Parquet file": _arrow("parquet"),
    "Arrow data set": _arrow("dataset"),
    "datasets": _datasets(streamed=False),
    "datasets, streamed": _datasets(streamed=True),
    "tf.data": _tf_data(known=True),
    "tf.data of unknown length": _tf_data(known=False),
    "DataLoader": _loader(),
    "DataLoader with workers": _loader(num_workers=1, multiprocessing_context="spawn"),
    "DataLoader with a sampler": _loader(sampler=range(10)),
    "DataLoader of an iterable": _iterable_loader,
    "Grain map": _grain("map"),
    "Grain iter": _grain("iter"),
    "Grain loader": _grain("loader"),
    "PyDataset": lambda folder: {"x": Batches()},
    "PyDataset in threads": lambda folder: {"x": Batches(workers=3, max_queue_size=2)},
    "PyDataset in a process": lambda folder: {"x": Batches(workers=1, use_multiprocessing=True)},
    "generator": lambda folder: {"x": forever(), "steps_per_epoch": len(BATCHES)},
    "iterable": lambda folder: {"x": Listed()},
    "iterable of one memory": lambda folder: {"x": Again()},
    "memory map": _memory_map,
    "h5py": _h5py,
}  # fmt: skip


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert threads() == []


def net() -> triceras.Model:
    made = triceras.Sequential([triceras.Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    made.compile(triceras.optimizers.SGD(0.1), "mse")
    return made


def figures(model: triceras.Model, data: dict[str, Any], epochs: int = 2) -> list[Any]:
    kernel, bias = model.variables[:2]
    kernel.assign(np.ones((3, 1)))
    bias.assign(np.zeros(1))
    history = model.fit(**data, shuffle=False, epochs=epochs, verbose=0)
    return [*history.history["loss"], *model.get_weights()]


def expected(epochs: int = 2) -> list[Any]:
    """The losses and weights of the same training in NumPy."""
    kernel, bias, losses = np.ones(3), 0.0, []
    for _ in range(epochs):
        total = 0.0
        for x, y in BATCHES:
            error = x @ kernel + bias - y
            total += (error**2).sum()
            kernel, bias = kernel - 0.2 * (error @ x) / len(x), bias - 0.2 * error.mean()
        losses.append(total / len(X))
    return [*losses, kernel[:, None], np.array([bias])]


def test_every_source_trains_like_numpy(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    model = net()
    wanted = expected()
    for name, make in SOURCES.items():
        folder = tmp_path / name
        folder.mkdir()
        for got, value in zip(figures(model, make(folder)), wanted, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-6, err_msg=name)
        assert threads() == [], name
    assert len(model._runners) == 1, "one program serves all sources"


def test_what_can_be_read_once_trains_for_one_epoch(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    for got, value in zip(figures(net(), _arrow("reader")(tmp_path), 1), expected(1), strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="The data ran out: the source yielded no batch in this epoch"):
        figures(net(), _arrow("reader")(tmp_path), 2)


def test_every_source_predicts_and_evaluates(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    model = net()
    outputs, loss = X @ np.ones((3, 1)), np.mean((X.sum(1) - Y) ** 2)
    for name in (
        "pandas",
        "Arrow data set",
        "datasets",
        "tf.data",
        "DataLoader",
        "PyDataset in threads",
        "h5py",
        "iterable",
    ):
        folder = tmp_path / name
        folder.mkdir()
        make = SOURCES[name]
        np.testing.assert_allclose(model.evaluate(**make(folder), verbose=0), loss, rtol=1e-6, err_msg=name)
        (folder / "again").mkdir()
        data = make(folder / "again")
        if "y" in data and not isinstance(data["y"], str):
            del data["y"]
        elif "y" in data:
            continue  # names a column of the same table
        np.testing.assert_allclose(model.predict(**data, verbose=0), outputs, rtol=1e-6, err_msg=name)


def test_shuffled_rows_have_one_order_wherever_they_lie(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """Arrays on the device, on the disk and in Arrow's memory: the rows of each epoch come in the same order."""
    results = []
    for make in (SOURCES["lists"], SOURCES["memory map"], SOURCES["h5py"], SOURCES["datasets"]):
        triceras.utils.set_random_seed(3)
        folder = tmp_path / str(len(results))
        folder.mkdir()
        model = net()
        model.fit(**make(folder), epochs=2, verbose=0)
        results.append(model.get_weights()[0])
    for found in results[1:]:
        np.testing.assert_allclose(found, results[0], rtol=1e-5)


def test_arrays_larger_than_memory_stay_on_the_host(training_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    model = net()
    wanted = figures(model, {"x": X, "y": Y, "batch_size": SIZE})
    monkeypatch.setattr(type(training_backend), "free_memory", lambda self: 2 * X.nbytes)
    assert not ArraySource(X, Y, backend=training_backend).on_device
    for got, value in zip(figures(model, {"x": X, "y": Y, "batch_size": SIZE}), wanted, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-6)


def test_validation_takes_every_source(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    import pyarrow

    model = net()
    table = pyarrow.table({"x": pyarrow.FixedSizeListArray.from_arrays(X.ravel(), 3), "label": Y})
    found = [
        model.fit(X, Y, validation_data=data, verbose=0, shuffle=False).history["val_loss"][0]
        - model.evaluate(X, Y, verbose=0)
        for data in ((table, "label"), Listed(), Batches(workers=2))
    ]
    np.testing.assert_allclose(found, 0, atol=1e-6)
    split = net().fit(table, "label", validation_split=0.3, epochs=1, verbose=0, shuffle=False).history
    arrays = net().fit(X, Y, validation_split=0.3, epochs=1, verbose=0, shuffle=False).history
    np.testing.assert_allclose(split["val_loss"], arrays["val_loss"], rtol=1e-6)


# ---- PyDataset -------------------------------------------------------------------------------------------------------


def orders(data: Any, epochs: int, **options: Any) -> list[list[int]]:
    """Which batches came in each epoch, by the loss of a model that gives back its input."""
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.layers[0].trainable = False
    model.compile("sgd", "mae")
    numbers: list[list[int]] = []

    class Numbers(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            numbers.append([])
            self.total = 0.0

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            assert logs is not None
            total = logs["loss"] * (batch + 1)
            numbers[-1].append(round((total - self.total) / 3))
            self.total = total

    model.fit(data, epochs=epochs, callbacks=[Numbers()], verbose=0, **options)
    return numbers


class Numbered(Endless):
    num_batches = 6  # type: ignore[assignment]


def test_batches_by_number_come_in_order_or_shuffled() -> None:
    found = {}
    for name in ("jax", "torch", "tensorflow"):
        with backend_scope(name):
            assert orders(Numbered(workers=2), 2, shuffle=False) == [list(range(6))] * 2
            assert orders(Endless(), 2, steps_per_epoch=3) == [[0, 1, 2], [3, 4, 5]]
            assert orders(Numbered(), 3, steps_per_epoch=3, shuffle=False) == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]
            triceras.utils.set_random_seed(5)
            found[name] = orders(Numbered(workers=2), 3)
    first = found["jax"]
    assert all(order == first for order in found.values())
    assert all(sorted(order) == list(range(6)) for order in first)
    assert first[0] != first[1] != first[2]


@pytest.mark.parametrize("options", [{}, {"workers": 2}, {"workers": 1, "use_multiprocessing": True}])
def test_a_data_set_may_change_between_epochs(options: dict[str, Any]) -> None:
    with backend_scope("torch"):
        data = Reshuffled(**options)
        model = triceras.Sequential([triceras.Input((3,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        model.layers[0].trainable = False
        model.compile("sgd", "mae")
        losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses == [3.0, 6.0, 9.0]
    assert data.calls == ["begin", "end"] * 3


@pytest.mark.parametrize("options", [{}, {"workers": 2}, {"workers": 1, "use_multiprocessing": True}])
def test_an_error_in_a_worker_is_shown_as_it_is(options: dict[str, Any]) -> None:
    with backend_scope("torch"), pytest.raises(ZeroDivisionError, match="batch 2 can't be made") as caught:
        net().fit(Broken("raises", **options), shuffle=False, verbose=0)
    assert caught.value.__notes__ == ["This happened in batch 2 of the Broken given as data."]
    origin = str(caught.value.__cause__) if options.get("use_multiprocessing") else str(caught.traceback[-1])
    assert "loaded.py" in origin
    assert "__getitem__" in origin


def test_a_worker_that_dies_ends_training() -> None:
    with (
        backend_scope("torch"),
        pytest.raises(RuntimeError, match="A worker process of Broken ended before its batch was made: expected"),
    ):
        net().fit(Broken("dies", workers=1, use_multiprocessing=True), shuffle=False, verbose=0)


def test_what_a_data_set_must_say() -> None:
    class NoLength(triceras.utils.PyDataset):
        def __getitem__(self, index: int) -> Any:
            return BATCHES[index]

    class NoInit(Batches):
        def __init__(self) -> None:
            pass

    class Local(Batches):
        pass

    with backend_scope("torch"):
        for data, error, message in (
            (
                NoLength(),
                NotImplementedError,
                r"doesn't say how many batches it has: expected __len__\(\) or num_batches",
            ),
            (NoInit(), ValueError, r"NoInit has no options: expected its __init__ to call super\(\).__init__\(\)"),
            (
                Local(workers=1, use_multiprocessing=True),
                TypeError,
                "Local can't be sent to worker processes: expected",
            ),
        ):
            with pytest.raises(error, match=message):
                net().fit(data, verbose=0)
    assert triceras.utils.Sequence is triceras.utils.PyDataset


# ---- what goes wrong -------------------------------------------------------------------------------------------------


class Changing:
    """Batches whose parts are arranged in another way from the second on."""

    def __iter__(self) -> Iterator[Any]:
        yield X[:4], Y[:4]
        yield {"a": X[4:8]}, Y[4:8]


def _raises() -> Iterator[Any]:
    yield BATCHES[0]
    yield BATCHES[1]
    raise OSError("the disk is gone")


MISTAKES: dict[str, tuple[Callable[[], dict[str, Any]], type[Exception], str]] = {
    "raises": (lambda: {"x": _raises()}, OSError, "the disk is gone"),
    "changes its structure": (
        lambda: {"x": Changing()},
        ValueError,
        r"change their structure: expected \(\*, \*, None\) as in the first, received \({'a': \*}, \*, None\)",
    ),
    "loses its targets": (
        lambda: {"x": Listed([(X, Y), (X,)])},
        ValueError,
        r"expected \(\*, \*, None\) as in the first, received \(\*, None, None\)",
    ),
    "ends early": (
        lambda: {"x": iter(BATCHES), "steps_per_epoch": 7},
        ValueError,
        "expected 7 batches in this epoch, received 3",
    ),
    "is empty": (lambda: {"x": iter(())}, ValueError, "The data set is empty"),
    "is no data": (lambda: {"x": object()}, ValueError, "Can't read data from object. Expected arrays, tensors, a table"),
    "a column that isn't there": (
        lambda: {"x": pytest.importorskip("pandas").DataFrame({"a": [1.0]}), "y": "b"},
        ValueError,
        r"y names columns that the table doesn't have: expected some of \['a'\], received \['b'\]",
    ),
    "no column is left": (
        lambda: {"x": pytest.importorskip("pyarrow").table({"a": [1.0]}), "y": "a"},
        ValueError,
        "No column is left for x",
    ),
    "missing values": (
        lambda: {"x": pytest.importorskip("pyarrow").table({"a": [1.0, None], "b": [1.0, 2.0]}), "y": "b"},
        ValueError,
        "The column 'a' has 1 missing values. Fill them",
    ),
    "rows of other lengths": (
        lambda: {"x": pytest.importorskip("pyarrow").table({"a": [[1.0], [2.0, 3.0]], "b": [1.0, 2.0]}), "y": "b"},
        ValueError,
        "The rows of column 'a' have 1 to 2 elements. Pad them.",
    ),
    "splits": (
        lambda: {"x": pytest.importorskip("datasets").DatasetDict({"train": []})},
        ValueError,
        r"A DatasetDict holds the splits \['train'\]: expected one of them as data",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    make, error, message = MISTAKES[name]
    with backend_scope("torch"), pytest.raises(error, match=message):
        net().fit(**make(), verbose=0)


def test_no_batch_is_drawn_that_is_not_needed() -> None:
    """An iterator given with steps_per_epoch is the user's again afterwards, at the next batch."""
    drawn = []

    def numbered() -> Iterator[Any]:
        for number in range(100):
            drawn.append(number)
            yield BATCHES[0]

    with backend_scope("torch"):
        batches = numbered()
        net().fit(batches, epochs=2, steps_per_epoch=3, verbose=0)
        assert drawn == list(range(6))
        next(batches)
        net().fit(Listed(), epochs=2, steps_per_epoch=3, verbose=0)  # as many as there are: it begins again


def test_stopping_ends_the_reader() -> None:
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            assert self.model is not None
            self.model.stop_training = True

    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            raise KeyboardInterrupt

    with backend_scope("torch"):
        for data in (forever(), Batches(workers=2), Listed()):
            net().fit(data, steps_per_epoch=3, callbacks=[Stop()], verbose=0)
            assert threads() == []
            with pytest.raises(KeyboardInterrupt):
                net().fit(data, steps_per_epoch=3, callbacks=[Interrupt()], verbose=0)
            assert threads() == []


def test_a_smaller_last_batch_compiles_once(training_backend: Backend) -> None:
    """Two shapes are two programs, however many epochs and sources there are."""
    calls: list[tuple[int, ...]] = []

    class Counting(triceras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            calls.append(tuple(x.shape))
            return self.dense(x)

    model = Counting()
    model.compile("sgd", "mse")
    model.fit(Listed(), epochs=6, verbose=0)
    first = len(calls)
    model.fit(Listed(), epochs=6, verbose=0)
    model.fit(Batches(), epochs=3, verbose=0)
    assert len(calls) == first
    assert {shape[0] for shape in calls[1:]} >= {4, 2}


FOREIGN = """
import sys
import numpy as np
import triceras
from tests.training.loaded import Listed, Pairs
{prepare}
model = triceras.Sequential([triceras.Input((3,)), triceras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(data, verbose=0)
unwanted = [name for name in {unwanted!r} if name in sys.modules]
assert not unwanted, unwanted
"""


@pytest.mark.parametrize(
    "backend_name, prepare, unwanted",
    [
        ("jax", "data = Listed()", ["torch", "tensorflow", "pandas", "pyarrow", "datasets", "grain"]),
        ("torch", "data = Listed()", ["jax", "tensorflow", "pandas", "pyarrow", "datasets", "grain"]),
        ("jax", "import torch; data = torch.utils.data.DataLoader(Pairs(), batch_size=4)", ["tensorflow"]),
        ("torch", "import grain; data = grain.MapDataset.source(Pairs()).batch(4)", ["tensorflow"]),
    ],
)
def test_no_framework_is_imported_for_data(backend_name: str, prepare: str, unwanted: list[str]) -> None:
    code = FOREIGN.format(prepare=prepare, unwanted=unwanted)
    environment = os.environ | {"TRICERAS_BACKEND": backend_name}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("limit", [None, 4])
def test_batches_by_number_go_on_from_a_saved_place(shuffle: bool, limit: int | None) -> None:
    """Whatever was drawn before, in the same pass or an earlier one."""

    def numbers(source: IndexedSource, done: int = 0) -> list[int]:
        return [int(np.asarray(handed.tensors[0])[0, 0]) for handed in source.batches(done, limit)]

    backend = registry.get_backend("numpy")
    triceras.utils.set_random_seed(1)
    source = IndexedSource(Numbered(), shuffle=shuffle, backend=backend)
    states, epochs = [], []
    for _ in range(3):
        states.append(source.get_state())
        epochs.append(numbers(source))
    for state, epoch in zip(states, epochs, strict=True):
        other = IndexedSource(Numbered(), shuffle=shuffle, backend=backend)
        other.set_state(state)
        assert numbers(other) == epoch
        other.set_state(state)
        assert numbers(other, done=2) == epoch[2:]


def test_rows_of_several_lengths_say_so() -> None:
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensors((tf.ragged.constant([[1.0, 2.0], [3.0]]), [0.0, 1.0]))
    for name in ("tensorflow", "torch"):
        with backend_scope(name), pytest.raises(ValueError, match=r"RaggedTensor .* Pad them, .*to_tensor"):
            net().fit(rows, verbose=0)


ON_A_DEVICE = """
import numpy as np
import triceras
from tests.training.loaded import BATCHES
from triceras.backends import registry
from triceras.training.data.prefetch import handed_over

with triceras.device("cpu:1"):
    (handed,) = handed_over(iter([[BATCHES[0][0]]]), None, registry.get_backend("jax"), None, "the data")
    assert [device.id for device in handed.tensors[0].devices()] == [1], handed
"""


def test_batches_go_to_the_device_whose_scope_is_open() -> None:
    environment = os.environ | {"TRICERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", ON_A_DEVICE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
