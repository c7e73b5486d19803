"""Every class in files, both ways with Keras: what is written is equal, and what the other wrote is read."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import triceras
from tests.saving import cross, tables
from tests.saving.cross_models import COMPILED, MODELS
from triceras.backends import registry

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
#: Which backend Keras does what on.
KERAS = {
    "numpy": ["layers:numpy"],
    "torch": ["models", "layers:torch"],
    "tensorflow": ["objects", "compiled", "optimizers"],
}

# ---- what differs, and why -------------------------------------------------------------------------------------------

#: Class -> arguments that Keras loses: they aren't in its config.
LOST: dict[str, set[str]] = {
    "Identity": {"gain"},
    "Huber": {"delta"},
    "CosineSimilarity": {"axis"},
    "SparseCategoricalCrossentropy": {"axis"},
    "SimpleRNN": {"seed", "activity_regularizer"},
    "MultiHeadAttention": {"flash_attention"},
    **{f"SpatialDropout{n}D": {"dtype"} for n in (1, 2, 3)},  # the name of the variables' dtype stands for the policy
    "AUC": {"label_weights"},  # as a tensor of the backend that wrote it
}
#: Models whose graph Keras writes differently: it takes in the op that makes a mask.
OTHER_GRAPHS = {"calls"}
#: Rows that Keras can't make, write or read again.
FAILS_IN_KERAS = {
    r"GroupQueryAttention-(key|mask|one|drop)$": "The last dimension of `query_shape` and `value_shape` must be equal",
    r"Softmax-two-axes$": "'TrackedList' object cannot be interpreted as an integer",
    r"saved_lambda$": "TrackedList|could not be deserialized",
    r"RMSNormalization-middle$": "Given normalized_shape",
    r"Wrapper$": "'NoneType' object is not subscriptable",
    r"AlphaDropout-all$": "0.0 cannot be raised to a negative power",
}


def plain(x: Any, cls: str = "") -> Any:
    """A config without what only marks identity, numbers of names, and what Keras loses or writes where nothing is."""
    if isinstance(x, dict):
        cls = x.get("class_name") or cls
        kept = {key: value for key, value in x.items() if key != "shared_object_id"}
        kept.pop("jit_compile", None)  # Keras writes what "auto" came to on the backend that wrote the file
        if "registered_name" in kept:
            kept.pop("build_config", None)  # compared by the arrays: layers without any differ in whether they have one
        if "args" in kept and "kwargs" in kept:
            # Keras writes what its own call filled in.
            kept["kwargs"] = {k: v for k, v in kept["kwargs"].items() if k not in ("mask", "training")}
        if cls in tables.LOSSES_BY_NAME and "reduction" in kept:
            kept.pop("dtype", None)  # Keras never writes it
        return {key: plain(value, cls) for key, value in kept.items() if key not in LOST.get(cls, ())}
    if isinstance(x, list | tuple):
        return [plain(v, cls) for v in x]
    return re.sub(r"_\d+$", "", x).replace("<i8", "<i4") if isinstance(x, str) else x


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two configs differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        absent = object()
        keys = sorted({*a, *b}, key=str)
        return [d for key in keys for d in differences(a.get(key, absent), b.get(key, absent), f"{path}/{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for i, pair in enumerate(zip(a, b, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    same = type(a) is type(b) and (a == pytest.approx(b, rel=1e-7) if isinstance(a, float) else a == b)
    return [] if same else [f"{path}: {a!r:.200} and {b!r:.200}"]


def close(actual: Any, expected: Any, tolerance: float) -> None:
    """Arrays equal relative to the greatest number."""
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape
        scale = max(1.0, float(np.abs(b).max(initial=0)))
        np.testing.assert_allclose(a.astype("float64"), b.astype("float64"), rtol=0, atol=tolerance * scale)


# ---- both write, and then read ---------------------------------------------------------------------------------------


class Exchange:
    """A folder in which a job's files of both lie, and what each made of the other's."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.ours: dict[str, Any] = pickle.loads((folder / "triceras" / "results").read_bytes())
        self.its: dict[str, Any] = pickle.loads((folder / "keras" / "results").read_bytes())
        self.read_by_keras: dict[str, Any] = pickle.loads((folder / "read").read_bytes())

    def files(self, key: str) -> list[pathlib.Path]:
        """Our file and Keras's."""
        return [self.folder / package / key for package in ("triceras", "keras")]

    def failed(self, key: str) -> bool:
        """Whether Keras fails by itself, as the table says."""
        for pattern, message in FAILS_IN_KERAS.items():
            if re.search(pattern, key.removesuffix(".keras")) and (key.endswith(".keras") or "saved_lambda" in key):
                found = [x for x in (self.its[key], self.read_by_keras.get(key)) if isinstance(x, str)]
                assert re.search(message, "".join(found[:1])), f"Keras can by now: {key}, {found}"
                return True
        assert not isinstance(self.ours[key], str), self.ours[key]
        assert not isinstance(self.its[key], str), self.its[key]
        assert not isinstance(self.read_by_keras[key], str), self.read_by_keras[key]
        return False


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exchange]:
    """Job -> what was exchanged; those that Keras does on one backend are done in one process."""
    folder = tmp_path_factory.mktemp("cross")
    root = pathlib.Path(__file__).parents[2]
    done: set[str] = set()

    def exchange(job: str) -> Exchange:
        backend, jobs = next((backend, jobs) for backend, jobs in KERAS.items() if job in jobs)
        if backend not in done:
            done.add(backend)
            for each in jobs:
                with registry.backend_scope(TRAINING[-1]):
                    cross.write(triceras, each, folder / each / "triceras")
            environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
            command = [sys.executable, "-W", "ignore", "-m", "tests.saving.cross", str(folder), *jobs]
            result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stderr[-3000:]
        return Exchange(folder / job)

    return exchange


@pytest.fixture(scope="module")
def reads() -> Callable[[str, str, pathlib.Path], dict[str, Any]]:
    """What ours gets from Keras's files of a job on a backend, once."""
    done: dict[tuple[str, str], dict[str, Any]] = {}

    def read(job: str, backend: str, folder: pathlib.Path) -> dict[str, Any]:
        if (job, backend) not in done:
            with registry.backend_scope(backend):
                done[job, backend] = cross.read(triceras, job, folder / "keras")
        return done[job, backend]

    return read


def _same_files(exchange: Exchange, key: str) -> None:
    ours, its = exchange.files(key)
    if key.removesuffix(".keras") not in OTHER_GRAPHS:
        assert differences(plain(cross.config_of(ours)), plain(cross.config_of(its))) == []
    found, expected = plain(cross.arrays_of(ours)), plain(cross.arrays_of(its))
    if "optimizer" not in found:  # Keras writes the counters of one that isn't built
        expected = {name: value for name, value in expected.items() if not name.startswith("optimizer")}
    assert differences(found, expected) == []


OBJECTS = [key for key, *_ in cross.jobs(triceras, "objects")]


@pytest.mark.parametrize("key", OBJECTS)
def test_objects(exchanges: Any, reads: Any, key: str) -> None:
    """An object is serialized as Keras does it, and made again by either from what the other serialized."""
    exchange = exchanges("objects")
    if exchange.failed(key):
        return
    ours, its = (json.loads(path.read_text()) for path in exchange.files(key))
    assert differences(plain(ours), plain(its)) == []
    assert differences(plain(exchange.read_by_keras[key]), plain(its)) == []
    again = reads("objects", "numpy", exchange.folder)[key]
    assert differences(plain(again), plain(ours)) == []


ROWS = {f"{i}-{row}.keras": row for i, row in enumerate(cross.LAYERS) if row.file}


@pytest.mark.parametrize("key", ROWS)
def test_layers(exchanges: Any, reads: Any, key: str) -> None:
    """A model of a layer: the files are alike, and predictions the same whoever opens them."""
    row = ROWS[key]
    job = f"layers:{row.keras or 'torch'}"
    exchange = exchanges(job)
    if exchange.failed(key):
        return
    _same_files(exchange, key)
    tolerance = 1e-6 if row.tolerance <= 1e-5 else row.tolerance
    if row.keras:
        close(exchange.read_by_keras[key], exchange.ours[key], tolerance)
    for backend in TRAINING:
        found = reads(job, backend, exchange.folder)[key]
        assert not isinstance(found, str), f"{backend}: {found}"
        if row.keras:  # others draw, or compute something else on purpose
            close(found, exchange.its[key], tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_models(exchanges: Any, reads: Any, name: str) -> None:
    """The same of models of many kinds."""
    key, exchange = f"{name}.keras", exchanges("models")
    assert not exchange.failed(key)
    _same_files(exchange, key)
    tolerance = {"mixed": 1e-2, "policies": 1e-2, "subclassed": 5e-6}.get(name, 1e-6)
    close(exchange.read_by_keras[key], exchange.ours[key][1], tolerance)
    for backend in TRAINING:
        found = reads("models", backend, exchange.folder)[key]
        assert not isinstance(found, str), f"{backend}: {found}"
        close(found, exchange.its[key][1], tolerance)


@pytest.mark.parametrize("name", COMPILED)
def test_compile_state(exchanges: Any, reads: Any, name: str) -> None:
    """What ``compile`` was told stands in the file as Keras has it, and is compiled from either's file; one step shows."""
    key, exchange = f"{name}.keras", exchanges("compiled")
    assert not exchange.failed(key)
    _same_files(exchange, key)
    ours, its = (cross.config_of(path)["compile_config"] for path in exchange.files(key))
    found = reads("compiled", TRAINING[0], exchange.folder)[key]
    assert not isinstance(found, str), found
    tolerance = 1e-3 if "scaled" in name else 1e-5
    for (logs, again), config, expected in (
        (exchange.read_by_keras[key], its, exchange.its[key][0]),
        (found, ours, exchange.ours[key][0]),
    ):
        assert differences(plain(again), plain(config)) == []
        assert logs[0] == pytest.approx(expected[0], rel=tolerance)
    assert exchange.ours[key][0][0] == pytest.approx(exchange.its[key][0][0], rel=tolerance)


@pytest.mark.parametrize("i", range(len(tables.TRAINED)), ids=lambda i: f"{i}-{tables.TRAINED[i][0]}")
def test_training_goes_on(exchanges: Any, reads: Any, i: int) -> None:
    """Three steps here, three there: the losses are those of whoever did all six."""
    key, exchange = f"{i}-{tables.TRAINED[i][0]}.keras", exchanges("optimizers")
    assert not exchange.failed(key)
    _same_files(exchange, key)
    found = reads("optimizers", TRAINING[i % len(TRAINING)], exchange.folder)[key]
    assert not isinstance(found, str), found
    known = (
        1 if "ScheduleFree" in key else cross.STEPS
    )  # Keras's steps differ on tensorflow and torch from those on jax
    for logs, expected in ((exchange.read_by_keras[key], exchange.ours[key]), (found, exchange.its[key])):
        losses, wanted = ([step["loss"] for step in side[:known]] for side in (logs, expected))
        np.testing.assert_allclose(losses, wanted, rtol=1e-5)
