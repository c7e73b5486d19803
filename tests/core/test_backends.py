"""Backends as values: which one is active, whose a tensor is, devices, and what importing triceras loads."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.core.errors import MissingBackendError, MixedBackendsError

FRAMEWORKS = ("jax", "torch", "tensorflow")
HIDE = """
import importlib.util
_find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in HIDDEN else _find(name, *rest)
"""


def python(code: str, home: pathlib.Path, **environment: str) -> str:
    """The last line that a process of its own prints."""
    known = {k: v for k, v in os.environ.items() if k not in ("TRICERAS_BACKEND", "KERAS_BACKEND", "TRICERAS_HOME")}
    known |= {"HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    result = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.splitlines()[-1]


def test_importing_triceras_imports_no_framework(tmp_path: pathlib.Path) -> None:
    code = "import sys, triceras; print([m for m in ('jax', 'torch', 'tensorflow', 'keras', 'h5py._hl') if m in sys.modules])"
    assert python(code, tmp_path) in ("[]", "['h5py._hl']")


WHICH = "import triceras; print(triceras.config.backend())"
HIDE_ALL = f"HIDDEN = {FRAMEWORKS!r}\n" + HIDE


@pytest.mark.parametrize(
    "code, environment, file, expected",
    [
        (WHICH, {"TRICERAS_BACKEND": "numpy", "KERAS_BACKEND": "jax"}, '{"backend": "torch"}', "numpy"),
        (WHICH, {"KERAS_BACKEND": "numpy"}, '{"backend": "torch"}', "numpy"),
        ("import torch\n" + WHICH, {}, '{"backend": "numpy"}', "numpy"),
        ("import torch\n" + WHICH, {}, None, "torch"),
        (WHICH, {}, None, "jax"),
        (HIDE_ALL.replace("'tensorflow'", "'x'").replace("'torch'", "'y'") + WHICH, {}, None, "torch"),
        (HIDE_ALL + WHICH, {}, None, "numpy"),
        ("import triceras; triceras.config.set_backend('numpy'); print(triceras.config.backend())",
         {"TRICERAS_BACKEND": "jax"}, None, "numpy"),
    ],
    ids=["TRICERAS_BACKEND", "KERAS_BACKEND", "file", "imported", "first", "first left", "none", "setter"],
)  # fmt: skip
def test_the_order_in_which_the_active_backend_is_found(
    tmp_path: pathlib.Path, code: str, environment: dict[str, str], file: str | None, expected: str
) -> None:
    if file is not None:
        (tmp_path / ".triceras").mkdir()
        (tmp_path / ".triceras" / "triceras.json").write_text(file)
    assert python(code, tmp_path, **environment) == expected


KERAS_FILE = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"}


@pytest.mark.parametrize(
    "changes, expected", [({}, "jax"), ({"backend": "torch"}, "torch"), ({"epsilon": 1e-6}, "tensorflow")]
)
def test_a_file_of_keras_counts_where_somebody_changed_it(
    tmp_path: pathlib.Path, changes: dict[str, object], expected: str
) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(KERAS_FILE | changes))
    assert python(WHICH, tmp_path) == expected


def test_the_file_that_keras_writes_by_itself_names_no_backend(tmp_path: pathlib.Path) -> None:
    """Importing TensorFlow makes Keras write one, which must not decide for later processes."""
    pytest.importorskip("tensorflow")
    python("import tensorflow as tf; tf.keras.layers; print()", tmp_path)
    assert json.loads((tmp_path / ".keras" / "keras.json").read_text()) == KERAS_FILE
    assert python(WHICH, tmp_path) == "jax"


def test_a_missing_backend_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_installed", lambda package: package == "numpy")
    monkeypatch.setattr(registry, "_loaded", {})
    for name in FRAMEWORKS:
        message = (
            rf"The backend '{name}' needs the package '{name}', which isn't installed: pip install 'triceras\[{name}\]'"
        )
        with pytest.raises(MissingBackendError, match=message):
            registry.get_backend(name)
    assert registry.available_backends() == ["numpy"]


def test_without_a_framework_numpy_predicts_and_says_what_training_needs(tmp_path: pathlib.Path) -> None:
    code = HIDE_ALL + (
        "import triceras, numpy as np\n"
        "m = triceras.Sequential([triceras.Input((2,)), triceras.layers.Dense(1)])\n"
        "m.compile('sgd', 'mse')\n"
        "print(m.predict(np.ones((3, 2)), verbose=0).shape)\n"
        "try:\n    m.fit(np.ones((3, 2)), np.ones((3, 1)))\n"
        "except ValueError as error:\n    print(error)"
    )
    assert "the numpy backend, which doesn't train" in python(code, tmp_path)


def test_unknown_backend() -> None:
    with pytest.raises(ValueError, match=r"Unknown backend 'theano'\. Expected one of: jax, torch, tensorflow, numpy"):
        triceras.config.set_backend("theano")


@pytest.mark.slow
@pytest.mark.parametrize("order", list(itertools.permutations(FRAMEWORKS)), ids="-".join)
def test_all_import_orders_work(tmp_path: pathlib.Path, order: tuple[str, ...]) -> None:
    code = "\n".join(f"import {name}" for name in order) + (
        "\nimport triceras, numpy as np\nout = []\n"
        f"for name in {order!r}:\n"
        "    with triceras.backend_scope(name):\n"
        "        triceras.utils.set_random_seed(0)\n"
        "        layer = triceras.layers.Dense(2)\n"
        "        out.append(np.asarray(triceras.ops.convert_to_numpy(layer(np.ones((1, 3), 'float32')))))\n"
        "print(max(np.abs(a - out[0]).max() for a in out) < 1e-6)"
    )
    assert python(code, tmp_path) == "True"


# ---- whose a tensor is -----------------------------------------------------------------------------------------------

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def tensor(name: str, values: np.ndarray = VALUES) -> object:
    with backend_scope(name):
        return ops.convert_to_tensor(values)


def test_a_tensor_decides_where_an_op_runs() -> None:
    for active in (*FRAMEWORKS, "numpy"):
        with backend_scope(active):
            for name in FRAMEWORKS:
                assert registry.owner_of(ops.relu(tensor(name))).name == name
            assert isinstance(ops.relu(VALUES), registry.get_backend(active).tensor_types)


@pytest.mark.parametrize("one, other", list(itertools.permutations(FRAMEWORKS, 2)))
def test_tensors_of_two_frameworks_are_an_error(one: str, other: str) -> None:
    message = (
        rf"add\(\) received tensors of two frameworks: {one} and {other}. Convert one with `with triceras.backend_scope"
    )
    with pytest.raises(MixedBackendsError, match=message):
        ops.add(tensor(one), tensor(other))
    with backend_scope(one):
        layer = layers.Dense(2, name="head")
    message = f"Layer 'head' runs on {one} and received a tensor of {other}. Convert it"
    with pytest.raises(MixedBackendsError, match=message):
        layer(tensor(other))


@pytest.mark.parametrize("dtype", ["float32", "int32", "bfloat16", "float16", "bool", "uint8"])
def test_conversion_between_frameworks(backend: Backend, dtype: str) -> None:
    for name in FRAMEWORKS:
        source = ops.cast(tensor(name), dtype)
        converted = ops.convert_to_tensor(source)
        assert isinstance(converted, backend.tensor_types) or (
            backend.name == "numpy" and isinstance(converted, np.ndarray)
        )
        assert triceras.utils.standardize_dtype(converted.dtype) == dtype
        expected = np.asarray(ops.convert_to_numpy(source)).astype("float32")
        np.testing.assert_array_equal(np.asarray(ops.convert_to_numpy(converted)).astype("float32"), expected)


def test_conversion_shares_memory_where_it_can() -> None:
    import torch

    source = torch.arange(8.0)
    with backend_scope("jax"):
        converted = ops.convert_to_tensor(source)
    assert converted.unsafe_buffer_pointer() == source.data_ptr()
    with backend_scope("torch"):
        assert ops.convert_to_tensor(converted).data_ptr() == source.data_ptr()


def test_a_tensor_that_needs_a_gradient_converts() -> None:
    import torch

    source = torch.ones(2, requires_grad=True)
    for name in FRAMEWORKS:
        with backend_scope(name):
            assert np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(source))).tolist() == [1.0, 1.0]


# ---- devices ---------------------------------------------------------------------------------------------------------


def test_device_scope(backend: Backend) -> None:
    assert "cpu:0" in backend.list_devices()
    for name in ("cpu:0", "cpu", "CPU:0"):
        with triceras.device(name):
            assert np.asarray(ops.convert_to_numpy(ops.ones((2,)))).tolist() == [1.0, 1.0]
            assert triceras.Variable([1.0]).numpy().tolist() == [1.0]


@pytest.mark.parametrize("name", ["gpu:77", "quantum:0", "cpu:99"])
def test_no_such_device(backend: Backend, name: str) -> None:
    with pytest.raises(ValueError, match=rf"no device '{name}'. Expected.*cpu:0"), triceras.device(name):
        ops.ones((2,))
    ops.ones((2,))


def test_a_device_is_named_by_a_string() -> None:
    with pytest.raises(ValueError, match="named by a string like 'cpu:0', received 0"), triceras.device(0):
        pass
