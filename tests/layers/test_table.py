"""Every layer over all backends in one process, against Keras, symbolic, compiled, through configs, in mixed precision."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import pathlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.layers.table import Row, map_arrays, weight_value
from triceras import dtype_policies, layers, ops, tree
from triceras.backends import registry
from triceras.core import objects
from triceras.core.dtypes import is_float_dtype
from triceras.graph import KerasTensor
from triceras.state.stateless import StatelessScope

BACKENDS = registry.available_backends()
TRAINING = [name for name in BACKENDS if name != "numpy"]
MODULES = sorted(path.stem for path in pathlib.Path(__file__).parent.glob("rows_*.py"))
ROWS: list[Row] = [r for module in MODULES for r in importlib.import_module(f"tests.layers.{module}").ROWS]
#: (class, constructor arguments, inputs, what the message says)
ERRORS = [e for module in MODULES for e in getattr(importlib.import_module(f"tests.layers.{module}"), "ERRORS", [])]
#: What isn't a layer of its own, is only a base, or runs what was written in a framework (``test_foreign_*.py``).
NOT_LAYERS = set(
    "Layer Input InputLayer InputSpec Wrapper TFSMLayer TFModuleWrapper TorchModuleWrapper JaxLayer FlaxLayer".split()
)


def _rows(chosen: Any) -> Any:
    picked = [i for i, r in enumerate(ROWS) if chosen(r)]
    return pytest.mark.parametrize("index", picked, ids=[f"{i:03d}-{ROWS[i]}" for i in picked])


def _made(row: Row, **more: Any) -> Any:
    """The row's layer, built by a symbolic call, with the weights of the test; and the symbolic outputs."""
    layer = row.build(layers, **more)
    args, kwargs = map_arrays(lambda a: KerasTensor(a.shape, a.dtype.name), (row.inputs, row.call))
    symbols = layer(*args, **kwargs)
    layer.set_weights([weight_value(w.name, w.shape, i) for i, w in enumerate(layer.weights)])
    return layer, tree.flatten(symbols)


def _call(row: Row, layer: Any, backend: Any) -> list[Any]:
    args, kwargs = map_arrays(backend.convert_to_tensor, (row.inputs, row.call))
    for _ in range(row.calls):
        outputs = layer(*args, **kwargs)
    return tree.flatten(outputs)


def _host(values: list[Any]) -> list[np.ndarray]:
    return [np.asarray(ops.convert_to_numpy(v)) for v in values]


def _assert_close(actual: Any, expected: Any, tolerance: float, what: str) -> None:
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(
        np.asarray(actual, np.float64),
        np.asarray(expected, np.float64),
        rtol=tolerance,
        atol=tolerance * scale,
        err_msg=what,
    )


@functools.cache
def _eager(index: int, name: str) -> list[np.ndarray]:
    """The outputs of an eager call on a backend; dtypes and shapes are checked against the symbolic ones."""
    row = ROWS[index]
    with registry.backend_scope(name) as backend:
        layer, symbols = _made(row)
        values = _call(row, layer, backend)
        assert [s.shape for s in symbols] == [tuple(v.shape) for v in values], f"{row}: symbolic shapes on {name}"
        assert [s.dtype for s in symbols] == [ops.dtype(v) for v in values], f"{row}: symbolic dtypes on {name}"
        return _host(values)


@_rows(lambda r: True)
def test_forward(index: int) -> None:
    """The same outputs on all backends, of the shapes and dtypes that a symbolic call tells."""
    expected = _eager(index, "numpy")
    assert all(np.isfinite(v).all() for v in expected if v.dtype.kind == "f"), "the outputs aren't finite"
    for name in TRAINING:
        for value, reference in zip(_eager(index, name), expected, strict=True):
            assert value.dtype == reference.dtype, f"{ROWS[index]} on {name}"
            _assert_close(value, reference, ROWS[index].tolerance, f"{ROWS[index]} on {name}")


@_rows(lambda r: r.unknown)
def test_unknown_sizes(index: int) -> None:
    """A symbolic call takes inputs with unknown sizes and keeps them unknown."""
    row = ROWS[index]

    def symbol(a: np.ndarray) -> KerasTensor:
        return KerasTensor(tuple(None if i in row.unknown else d for i, d in enumerate(a.shape)), a.dtype.name)

    with registry.backend_scope(TRAINING[0]):
        args, kwargs = map_arrays(symbol, (row.inputs, row.call))
        found = tree.flatten(row.build(layers)(*args, **kwargs))
    for x, value in zip(found, _eager(index, "numpy"), strict=True):
        assert len(x.shape) == value.ndim, f"{row}: {x.shape} against {value.shape}"
        assert all(d in (None, e) for d, e in zip(x.shape, value.shape)), f"{row}: {x.shape} against {value.shape}"
        if 0 in row.unknown and value.ndim:
            assert x.shape[0] is None, f"{row}: the unknown batch became {x.shape[0]}"


@functools.cache
def _step(index: int, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The outputs, and the gradients of their weighted sum, from one compiled step."""
    row = ROWS[index]
    with registry.backend_scope(name) as backend:
        layer, _ = _made(row)
        trainable, other = layer.trainable_variables, layer.non_trainable_variables
        variables = [*trainable, *other]
        arrays: list[np.ndarray] = []
        map_arrays(arrays.append, (row.inputs, row.call))

        def step(values: list[Any], constants: list[Any], batch: list[Any]) -> tuple[list[Any], Any]:
            given = iter(batch)
            args, kwargs = map_arrays(lambda _: next(given), (row.inputs, row.call))

            def total(parameters: list[Any]) -> Any:
                with StatelessScope.over(
                    variables, [*parameters, *values[len(trainable) :]], collect_losses=True
                ) as scope:
                    outputs = tree.flatten(layer(*args, **kwargs))
                floats = [v for v in outputs if is_float_dtype(ops.dtype(v))]
                return sum(ops.sum(v * _factors(v.shape, backend)) for v in floats), (outputs, scope.current(variables))

            if not trainable:
                _, (outputs, new) = total([])
                return new, (outputs, [])
            _, (outputs, new), gradients = backend.value_and_grad(total, values[: len(trainable)])
            return new, (outputs, gradients)

        jit = row.jit if name == "tensorflow" else True
        loop = backend.step_loop(step, variables, jit=jit)
        for _ in range(row.calls):
            outputs, gradients = loop.run([backend.convert_to_tensor(a) for a in arrays])
        assert loop.fallback is None, f"{row} on {name}: {loop.fallback}"
        return _host(tree.flatten(outputs)), _host(gradients)


def _factors(shape: Any, backend: Any) -> Any:
    """Different factors for the outputs, lest errors cancel."""
    size = int(np.prod(shape))
    return backend.convert_to_tensor((1 + np.arange(size) / max(size, 1)).reshape(tuple(shape)).astype("float32"))


@_rows(lambda r: r.gradient)
def test_compiled_step(index: int) -> None:
    """A compiled step gives the eager outputs, and the same gradients on all backends."""
    row = ROWS[index]
    gradients = {}
    for name in TRAINING:
        outputs, gradients[name] = _step(index, name)
        for value, expected in zip(outputs, _eager(index, "numpy"), strict=True):
            _assert_close(value, expected, row.tolerance, f"{row}, compiled on {name}")
    first, *others = gradients
    for name in others:
        for actual, expected in zip(gradients[name], gradients[first], strict=True):
            assert np.isfinite(expected).all(), f"{row}: the gradient on {first} isn't finite"
            _assert_close(actual, expected, 2 * row.tolerance, f"{row}: gradient on {name} against {first}")


@contextlib.contextmanager
def _policy(name: str) -> Iterator[None]:
    """The global dtype policy inside, so that layers in other layers have it as well."""
    before = dtype_policies.dtype_policy()
    dtype_policies.set_dtype_policy(name)
    try:
        yield
    finally:
        dtype_policies.set_dtype_policy(before)


def _call_compiled(row: Row, layer: Any, backend: Any) -> list[Any]:
    """The outputs of a compiled call, for whose operations jax compiles one program instead of one each."""
    arrays: list[np.ndarray] = []
    map_arrays(arrays.append, (row.inputs, row.call))

    def function(trainable: list[Any], other: list[Any], tensors: list[Any]) -> Any:
        given = iter(tensors)
        args, kwargs = map_arrays(lambda _: next(given), (row.inputs, row.call))
        for _ in range(row.calls):
            outputs, other = layer.stateless_call(trainable, other, *args, **kwargs)
        return tree.flatten(outputs)

    states = [[v.value for v in chosen] for chosen in (layer.trainable_variables, layer.non_trainable_variables)]
    return backend.compile(function)(*states, [backend.convert_to_tensor(a) for a in arrays])


@pytest.mark.parametrize(("half", "tolerance"), [("bfloat16", 0.1), ("float16", 0.02)])
@_rows(lambda r: r.mixed)
def test_mixed_precision(index: int, half: str, tolerance: float) -> None:
    """Under a mixed policy the weights stay float32 and floating outputs are half as wide, near the float32 ones."""
    row, reference = ROWS[index], _eager(index, "numpy")
    for name in BACKENDS:
        with registry.backend_scope(name) as backend, _policy(f"mixed_{half}"):
            layer, symbols = _made(row)
            assert {w.dtype for w in layer.weights if is_float_dtype(w.dtype)} <= {"float32"}, f"{row} on {name}"
            values = (_call_compiled if name == "jax" else _call)(row, layer, backend)
            for value, symbol, wide in zip(values, symbols, reference, strict=True):
                expected = half if wide.dtype.kind == "f" else wide.dtype.name
                assert (ops.dtype(value), symbol.dtype) == (expected, expected), f"{row} on {name}"
                _assert_close(_host([value])[0], wide, tolerance, f"{row} on {name}, mixed_{half}")


# ---- files -----------------------------------------------------------------------------------------------------------


def _configured(row: Row) -> Any:
    return Row(row.layer, row.kwargs if row.config is None else row.config, ()).build(layers)


def _json(x: Any) -> Any:
    """A serialized object as JSON holds it in a file: tuples are lists there."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("class_name") == "__tuple__":
                return [plain(v) for v in value["config"]["value"]]
            return {key: plain(v) for key, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, list | tuple) else value

    return json.loads(json.dumps(plain(x)))


@_rows(lambda r: r.file)
def test_config(index: int) -> None:
    """A layer made from a config has that config; one that was built has its weights at once."""
    row = ROWS[index]
    with registry.backend_scope(BACKENDS[0]):
        layer = _configured(row)
        serialized = _json(objects.serialize_keras_object(layer))
        again = objects.deserialize_keras_object(serialized)
        assert type(again) is type(layer)
        assert _json(objects.serialize_keras_object(again)) == serialized
        built = _made(row)[0]
        restored = objects.deserialize_keras_object(_json(objects.serialize_keras_object(built)))
        assert [w.shape for w in restored.weights] == [w.shape for w in built.weights], "the weights aren't rebuilt"


# ---- Keras -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def keras_results(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """What Keras makes of all rows, in a process for each of its backends that rows name."""
    folder = tmp_path_factory.mktemp("keras")
    chosen = {
        name: [i for i, r in enumerate(ROWS) if r.keras == name] for name in sorted({r.keras for r in ROWS} - {""})
    }
    return {i: r for name, rows in chosen.items() for i, r in _from_keras("outputs", name, rows, folder).items()}


@pytest.fixture(scope="session")
def keras_gradients(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Gradients that Keras makes of the rows with weights, on torch."""
    chosen = [i for i, r in enumerate(ROWS) if r.gradient and r.keras]
    return _from_keras("gradients", "torch", chosen, tmp_path_factory.mktemp("keras"))


def _from_keras(what: str, name: str, chosen: list[int], folder: pathlib.Path) -> dict[int, dict[str, Any]]:
    cases = []
    with registry.backend_scope("numpy"):
        for i in chosen:
            weights = [w.numpy() for w in _made(ROWS[i])[0].weights]
            config = _json(objects.serialize_keras_object(_configured(ROWS[i]))) if ROWS[i].file else None
            cases.append((ROWS[i], weights, config))
    (folder / "cases").write_bytes(pickle.dumps(cases))
    root = pathlib.Path(__file__).parents[2]
    environment = os.environ | {"KERAS_BACKEND": name, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [
        sys.executable,
        "-m",
        "tests.layers.keras_reference",
        what,
        str(folder / "cases"),
        str(folder / "results"),
    ]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip(chosen, pickle.loads((folder / "results").read_bytes()), strict=True))


def _nameless(x: Any) -> Any:
    """A config without the names that layers get in the order they are made, and without what only marks identity."""
    if isinstance(x, dict):
        dropped = ("name", "shared_object_id", "build_config") if "trainable" in x or "class_name" in x else ()
        return {key: _nameless(value) for key, value in x.items() if key not in dropped}
    return [_nameless(v) for v in x] if isinstance(x, list | tuple) else x


@_rows(lambda r: r.keras)
def test_keras(index: int, keras_results: dict[int, dict[str, Any]]) -> None:
    """Keras gives the same outputs with the same weights, and reads our config as its own."""
    row, result = ROWS[index], keras_results[index]
    assert "error" not in result, f"{row} in Keras: {result['error']}"
    for value, expected in zip(_eager(index, "numpy"), result["outputs"], strict=True):
        assert value.shape == expected.shape
        _assert_close(value, expected, row.tolerance, f"{row} against Keras")
    if row.file:
        assert _json(_nameless(result["read"])) == _json(_nameless(result["config"])), f"{row}: what Keras reads"


#: Rows whose gradient Keras 3.15 fails to take on torch, and of what.
NO_GRADIENT_IN_KERAS = {
    "LSTM-stateful": "modified by an inplace operation",  # its states are assigned to in place
    "LayerNormalization-axis": "Given normalized_shape",  # it takes torch's kernel for an axis that isn't the last
}


@_rows(lambda r: r.gradient and r.keras)
def test_keras_gradients(index: int, keras_gradients: dict[int, dict[str, Any]]) -> None:
    """Keras gives the same gradients of the weights."""
    row, result = ROWS[index], keras_gradients[index]
    if str(row) in NO_GRADIENT_IN_KERAS:
        assert NO_GRADIENT_IN_KERAS[str(row)] in result["error"], f"Keras can by now: {row}"
        return
    assert "error" not in result, f"{row} in Keras: {result['error']}"
    for value, expected in zip(_step(index, "torch")[1], result["gradients"], strict=True):
        _assert_close(value, expected, 2 * row.tolerance, f"{row}: gradient against Keras")


# ---- the table itself, and errors ------------------------------------------------------------------------------------


def test_every_layer_has_a_row() -> None:
    """What is exported is in the table."""
    exported = {name for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    assert exported - NOT_LAYERS <= {r.layer for r in ROWS}


@pytest.mark.parametrize(
    ("layer", "kwargs", "inputs", "message"), ERRORS, ids=[f"{i}-{e[0]}" for i, e in enumerate(ERRORS)]
)
def test_errors(layer: str, kwargs: dict[str, Any], inputs: tuple[Any, ...], message: str) -> None:
    """Wrong arguments and inputs are refused with a message that says what was expected and received."""
    with registry.backend_scope("numpy"), pytest.raises((ValueError, TypeError), match=message):
        Row(layer, kwargs, inputs).build(layers)(*inputs)
