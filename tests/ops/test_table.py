"""Every op over all backends in one process: values, dtypes, symbolic results, gradients, compilation."""

from __future__ import annotations

import functools
import importlib
import operator
import pathlib
from typing import Any

import numpy as np
import pytest

from tests.ops.table import TOLERANCE, Row
from triceras import ops, tree
from triceras.backends import registry
from triceras.core.dtypes import is_float_dtype, numpy_dtype
from triceras.graph import KerasTensor

BACKENDS = registry.available_backends()
TRAINING = [name for name in BACKENDS if name != "numpy"]
MODULES = sorted(path.stem for path in pathlib.Path(__file__).parent.glob("rows_*.py"))
ROWS: list[Row] = [r for module in MODULES for r in importlib.import_module(f"tests.ops.{module}").ROWS]
IDS = [f"{i:03d}-{r}" for i, r in enumerate(ROWS)]

rows = pytest.mark.parametrize("row", ROWS, ids=IDS)


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def _map_arrays(function: Any, x: Any) -> Any:
    """The arguments with a function applied to their arrays, wherever they stand in lists, tuples and dictionaries."""
    if _is_array(x):
        return function(x)
    if isinstance(x, dict):
        return {key: _map_arrays(function, value) for key, value in x.items()}
    return type(x)(_map_arrays(function, value) for value in x) if type(x) in (list, tuple) else x


def _typed(row: Row, dtype: str) -> Any:
    """The arguments with floating arrays in a dtype."""
    chosen = {"float64": numpy_dtype(dtype), "complex128": np.dtype("complex64")}
    return _map_arrays(lambda a: a.astype(chosen.get(a.dtype.name, a.dtype)), (row.args, row.kwargs))


def _call(row: Row, arguments: Any) -> list[Any]:
    args, kwargs = arguments
    return tree.flatten(operator.attrgetter(row.op)(ops)(*args, **kwargs))


def _run(row: Row, dtype: str, name: str) -> list[Any]:
    with registry.backend_scope(name) as backend:
        return _call(row, _map_arrays(backend.convert_to_tensor, _typed(row, dtype)))


def _host(values: list[Any]) -> list[np.ndarray]:
    return [np.asarray(ops.convert_to_numpy(v)) for v in values]


def _wide(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.kind in "ciub" else x.astype(np.float64)


def _assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    np.testing.assert_allclose(
        _wide(actual), _wide(expected), rtol=tolerance, atol=tolerance, err_msg=what, equal_nan=True
    )


@functools.cache
def _eager(row: Row, dtype: str, name: str) -> tuple[list[np.ndarray], list[str]]:
    """The results of an eager call on a backend, and their dtypes."""
    values = _run(row, dtype, name)
    return _host(values), [ops.dtype(v) for v in values]


@rows
def test_values(row: Row) -> None:
    """The values agree with NumPy's and across backends; dtype, shape and the symbolic result do too."""
    for dtype in row.dtypes:
        results = {name: _eager(row, dtype, name) for name in BACKENDS}
        tolerance = TOLERANCE.get(dtype, row.tolerance)
        expected = results["numpy"][0]
        if row.reference is not None:
            args, kwargs = _map_arrays(_wide, _typed(row, dtype))
            with np.errstate(all="ignore"):
                expected = [np.asarray(v) for v in tree.flatten(row.reference(*args, **kwargs))]
        names = {name: dtypes for name, (_, dtypes) in results.items()}
        assert len(set(map(str, names.values()))) == 1, f"{row} over {dtype}: the dtypes differ: {names}"
        for name, (values, _) in results.items():
            for value, reference in zip(values, expected, strict=True):
                assert value.shape == reference.shape, f"{row} on {name}, {dtype}: {value.shape} != {reference.shape}"
                _assert_close(value, reference, tolerance, f"{row} on {name}, {dtype}")
        if row.symbolic:
            _check_symbolic(row, dtype, [v.shape for v in expected], next(iter(names.values())))


def _check_symbolic(row: Row, dtype: str, shapes: list[Any], names: list[str]) -> None:
    arguments = _typed(row, dtype)
    symbols = _map_arrays(lambda a: KerasTensor(a.shape, a.dtype.name), arguments)
    for backend in BACKENDS if dtype == row.dtypes[0] else BACKENDS[:1]:
        with registry.backend_scope(backend):
            specs = _call(row, symbols)
        assert [s.shape for s in specs] == shapes, f"{row}: symbolic shapes on {backend}, {dtype}"
        assert [s.dtype for s in specs] == names, f"{row}: symbolic dtypes on {backend}, {dtype}"
    if row.unknown and dtype == row.dtypes[0]:
        unknown = _map_arrays(lambda a: KerasTensor((None, *a.shape[1:]) if a.ndim else (), a.dtype.name), arguments)
        with registry.backend_scope(TRAINING[0]):
            specs = _call(row, unknown)
        for spec, shape in zip(specs, shapes, strict=True):
            assert len(spec.shape) == len(shape), f"{row}: rank with an unknown size"
            assert all(d in (None, e) for d, e in zip(spec.shape, shape)), f"{row}: {spec.shape} against {shape}"


def _arrays(arguments: Any) -> list[np.ndarray]:
    """The arrays among some arguments, in order."""
    found: list[np.ndarray] = []
    _map_arrays(found.append, arguments)
    return found


def _float_leaves(row: Row) -> list[np.ndarray]:
    return [a for a in _arrays(_typed(row, "float32")) if is_float_dtype(a.dtype)]


def _with_arrays(row: Row, tensors: list[Any]) -> Any:
    """The arguments with tensors for their arrays, in order."""
    given = iter(tensors)
    return _map_arrays(lambda _: next(given), (row.args, row.kwargs))


def _weights(shape: Any, backend: Any) -> Any:
    """Different weights, lest errors cancel."""
    size = int(np.prod(shape))
    return backend.convert_to_tensor((1 + np.arange(size) / max(size, 1)).reshape(tuple(shape)).astype("float32"))


def _differentiated(row: Row, tensors: list[Any], backend: Any) -> list[Any]:
    """The gradients of a weighted sum of the results with respect to the floating ones among the tensors."""

    def total(leaves: list[Any]) -> tuple[Any, None]:
        given = iter(leaves)
        mixed = [next(given) if is_float_dtype(ops.dtype(t)) else t for t in tensors]
        values = [v for v in _call(row, _with_arrays(row, mixed)) if is_float_dtype(ops.dtype(v))]
        return sum(ops.sum(v * _weights(v.shape, backend)) for v in values), None  # type: ignore[return-value]

    return backend.value_and_grad(total, [t for t in tensors if is_float_dtype(ops.dtype(t))])[2]


def _tensors(row: Row, dtype: str, backend: Any) -> list[Any]:
    return [backend.convert_to_tensor(a) for a in _arrays(_typed(row, dtype))]


@functools.cache
def _program(row: Row) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The results on jax, and their gradients where the row has some, from one program: compiling takes all the time."""
    with registry.backend_scope("jax") as backend:

        def function(*tensors: Any) -> tuple[list[Any], list[Any]]:
            results = _call(row, _with_arrays(row, list(tensors)))
            return results, _differentiated(row, list(tensors), backend) if row.differentiable else []

        results, gradients = COMPILERS["jax"](function, _tensors(row, row.dtypes[0], backend))
        return _host(results), _host(gradients)


def _gradients(row: Row, name: str) -> list[np.ndarray]:
    """The gradients of a row in float32 on a backend; on jax from the program that gives the results too."""
    if name == "jax" and row.compiled and row.dtypes[0] == "float32":
        return _program(row)[1]
    with registry.backend_scope(name) as backend:
        return _host(_differentiated(row, _tensors(row, "float32", backend), backend))


@pytest.mark.parametrize("row", [r for r in ROWS if r.differentiable], ids=lambda r: str(r))
def test_gradient(row: Row) -> None:
    """The gradients of a weighted sum of the results agree across the backends that differentiate."""
    first, *others = (gradients := {name: _gradients(row, name) for name in TRAINING})
    for name in others:
        for actual, expected in zip(gradients[name], gradients[first], strict=True):
            assert np.isfinite(expected).all(), f"{row}: the gradient on {first} isn't finite"
            scale = max(1.0, float(np.abs(expected).max(initial=0)))
            _assert_close(actual / scale, expected / scale, 10 * row.tolerance, f"{row}: {name} against {first}")


@pytest.mark.parametrize("row", [r for r in ROWS if r.compiled], ids=lambda r: str(r))
def test_compiled(row: Row) -> None:
    """Compiled calls give what eager ones give."""
    for name in TRAINING:
        if name == "jax":
            compiled = _program(row)[0]
        else:
            with registry.backend_scope(name) as backend:

                def function(*tensors: Any) -> Any:
                    return _call(row, _with_arrays(row, list(tensors)))

                compiled = _host(COMPILERS[name](function, _tensors(row, row.dtypes[0], backend)))
        for actual, expected in zip(compiled, _eager(row, row.dtypes[0], name)[0], strict=True):
            _assert_close(actual, expected, TOLERANCE.get(row.dtypes[0], row.tolerance), f"{row} on {name}")


def _jax(function: Any, tensors: list[Any]) -> Any:
    import jax

    return jax.jit(function)(*tensors)


def _torch(function: Any, tensors: list[Any]) -> Any:
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(function)(*tensors)(*tensors)


def _tensorflow(function: Any, tensors: list[Any]) -> Any:
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)(*tensors)


COMPILERS = {"jax": _jax, "torch": _torch, "tensorflow": _tensorflow}
