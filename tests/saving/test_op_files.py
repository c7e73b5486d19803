"""Ops in functional models: files hold the public op as it was called, in the form that Keras writes and reads."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

import triceras
from tests import black_box
from tests.ops import test_table as table
from tests.ops.table import Row
from triceras import activations, ops, saving, tree
from triceras.backends.registry import Backend, backend_scope
from triceras.models import model_from_json
from triceras.ops.dispatch import OPS

ROOT = str(pathlib.Path(__file__).parents[2])
#: Ops whose symbolic result depends on values, or that give what no model can: nothing can be recorded.
NOT_RECORDED = {"array": "its result is its argument", "convert_to_tensor": "its result is its argument"}


def _chosen() -> list[int]:
    """The first and the last row of every op that is called on symbols."""
    found: dict[str, list[int]] = {}
    for i, row in enumerate(table.ROWS):
        given = (row.args, row.kwargs)
        written = not any(callable(leaf) for leaf in tree.flatten(given))  # files hold no functions
        if row.symbolic and written and row.op not in NOT_RECORDED and table._arrays(given):
            found.setdefault(row.op, []).append(i)
    return sorted({i for indices in found.values() for i in (indices[0], indices[-1])})


CHOSEN = _chosen()


def _model(row: Row) -> tuple[triceras.Model, list[np.ndarray]]:
    """A functional model of a row's call, and its inputs."""
    inputs: list[Any] = []
    values: list[np.ndarray] = []

    def symbol(a: np.ndarray) -> Any:
        values.append(a)
        inputs.append(triceras.Input(batch_shape=a.shape, dtype=a.dtype.name))
        return inputs[-1]

    outputs = table._call(row, table._map_arrays(symbol, table._typed(row, "float32")))
    return triceras.Model(inputs, outputs), values


def _outputs(model: triceras.Model, values: list[np.ndarray]) -> list[np.ndarray]:
    return [
        np.asarray(ops.convert_to_numpy(y)) for y in tree.flatten(model([ops.convert_to_tensor(v) for v in values]))
    ]


def _calls(text: str) -> list[tuple[str, str]]:
    return [
        (entry["module"], entry["class_name"])
        for entry in json.loads(text)["config"]["layers"]
        if entry["class_name"] != "InputLayer"
    ]


@pytest.fixture(scope="module")
def written() -> dict[int, tuple[str, list[np.ndarray], list[np.ndarray]]]:
    """Row -> its model as JSON, inputs and outputs."""
    found = {}
    with backend_scope("numpy"):
        for i in CHOSEN:
            model, values = _model(table.ROWS[i])
            found[i] = model.to_json(), values, _outputs(model, values)
    return found


@pytest.fixture(scope="module")
def of_keras(written: Any) -> dict[int, Any]:
    """Row -> what Keras computes from our file, its own file of the same call, and whether it can read that."""
    code = """
import sys

def computed(text, arrays):
    model = keras.models.model_from_json(text)
    tensors = [keras.ops.convert_to_tensor(a) for a in arrays]
    values = keras.tree.flatten(model(tensors if len(tensors) > 1 else tensors[0]))
    return [[np.asarray(v).real.tolist(), np.asarray(v).imag.tolist()] for v in map(keras.ops.convert_to_numpy, values)]

def attempt(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def answer(row):
    import operator

    sys.path.insert(0, row["root"])
    from tests.ops import test_table as table

    case, inputs, arrays = table.ROWS[row["index"]], [], []

    def symbol(a):
        arrays.append(a)
        inputs.append(keras.Input(batch_shape=a.shape, dtype=a.dtype.name))
        return inputs[-1]

    def own():
        args, kwargs = table._map_arrays(symbol, table._typed(case, "float32"))
        outputs = operator.attrgetter(case.op)(keras.ops)(*args, **kwargs)
        return keras.Model(inputs, keras.tree.flatten(outputs)).to_json()

    text = attempt(own)
    arrays = []
    table._map_arrays(arrays.append, table._typed(case, "float32"))
    return [attempt(computed, row["text"], arrays), text, attempt(computed, text, arrays)]
"""
    rows = [{"root": ROOT, "index": i, "text": written[i][0]} for i in CHOSEN]
    return dict(zip(CHOSEN, black_box.run(code, rows, backend="numpy"), strict=True))


@pytest.mark.parametrize("i", CHOSEN, ids=lambda i: table.IDS[i])
def test_as_keras_writes_and_reads(written: Any, of_keras: Any, i: int) -> None:
    text, values, expected = written[i]
    with backend_scope("numpy"):
        for wanted, got in zip(expected, _outputs(model_from_json(text), values), strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert len(_calls(text)) == 1
    assert not isinstance(of_keras[i], str), of_keras[i]
    from_ours, its_file, from_its_file = of_keras[i]
    if isinstance(from_its_file, str):
        return  # Keras can't write this call, or can't read what it wrote
    assert not isinstance(from_ours, str), from_ours
    for (real, imaginary), (wanted_real, wanted_imaginary) in zip(from_ours, from_its_file, strict=True):
        np.testing.assert_allclose(real, wanted_real, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(imaginary, wanted_imaginary, rtol=1e-6, atol=1e-6)
    with backend_scope("numpy"):
        for wanted, got in zip(expected, _outputs(model_from_json(its_file), values), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


# ---- what is recorded ------------------------------------------------------------------------------------------------

#: Public functions that aren't recorded: they tell what is known of a symbol, make functions, or return what they are given.
NOT_OPS = set(
    "array convert_to_numpy convert_to_tensor custom_gradient dtype is_tensor ndim shape size vectorize".split()
)


def test_every_public_function_is_recorded_as_itself() -> None:
    functions = {name: getattr(ops, name) for name in ops.__all__ if callable(getattr(ops, name))}
    assert {name for name, function in functions.items() if not hasattr(function, "op")} == NOT_OPS
    for function in functions.values():
        if hasattr(function, "op"):
            assert OPS[function.op.name].call is function


@saving.register_keras_serializable("tests")
def plus_one(x: Any) -> Any:
    """One more."""
    return x + 1


@saving.register_keras_serializable("op files")
def halved(x: Any) -> Any:
    """Half of it."""
    return x / 2


@saving.register_keras_serializable("tests")
def pair_sum(a: Any, b: Any) -> Any:
    """A sum, and the first term beside it."""
    return a + b, a


@saving.register_keras_serializable("tests")
def added(a: Any, b: Any) -> Any:
    """A sum."""
    return ops.add(a, b)


@saving.register_keras_serializable("tests")
def below_five(x: Any) -> Any:
    """A condition."""
    return ops.max(x) < 5


ROWS_OF_X = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


@pytest.mark.parametrize(
    "name, call, expected",
    [
        ("map", lambda x: ops.map(plus_one, x), ROWS_OF_X + 1),
        ("vectorized_map", lambda x: ops.vectorized_map(plus_one, x), ROWS_OF_X + 1),
        ("scan", lambda x: ops.scan(pair_sum, x[0] * 0, x)[0], ROWS_OF_X.sum(0)),
        ("associative_scan", lambda x: ops.associative_scan(added, x), ROWS_OF_X.cumsum(0)),
        ("fori_loop", lambda x: ops.fori_loop(0, 3, added, x), ROWS_OF_X + 3),
        ("while_loop", lambda x: ops.while_loop(below_five, plus_one, x), ROWS_OF_X + 1),
        ("switch", lambda x: ops.switch(ops.cast(x[0, 0], "int32"), [halved, plus_one], x), ROWS_OF_X + 1),
        ("where", lambda x: ops.where(x > 2, x, 0.0), np.where(ROWS_OF_X > 2, ROWS_OF_X, 0)),
        ("einsum", lambda x: ops.einsum("ij,kj->ik", x, x), ROWS_OF_X @ ROWS_OF_X.T),
    ],
)
def test_control_flow_in_files(backend: Backend, name: str, call: Any, expected: np.ndarray) -> None:
    """Functions are written by the names they are registered under."""
    x = triceras.Input(batch_shape=(2, 2))
    text = triceras.Model(x, call(x)).to_json()
    assert "".join(part.capitalize() for part in name.split("_")) in [name for _, name in _calls(text)]
    np.testing.assert_allclose(_outputs(model_from_json(text), [ROWS_OF_X])[0], expected, rtol=1e-6)


def test_a_branch_that_reaches_for_symbols_says_so() -> None:
    x = triceras.Input((2,))
    with pytest.raises(
        TypeError, match=r"returned <KerasTensor .* a symbol from outside of it\. Pass it what it needs"
    ):
        ops.cond(ops.sum(x) > 0, lambda: x + 1, lambda: x)


def test_what_keras_records_under_other_names() -> None:
    """``keras.activations.relu`` and ``keras.ops.convert_to_tensor`` are operations of their own there."""
    code = """
def answer(_):
    x = keras.Input((2,))
    y = keras.activations.relu(x, negative_slope=0.1, max_value=3.0)
    y = keras.ops.array(keras.ops.convert_to_tensor(y, "float32")) + keras.activations.relu(x)
    return keras.Model(x, y).to_json()
"""
    (text,) = black_box.run(code, [0])
    x = np.array([[-1.0, 5.0]], "float32")
    expected = activations.relu(x, negative_slope=0.1, max_value=3.0) + np.maximum(x, 0)
    np.testing.assert_allclose(_outputs(model_from_json(text), [x])[0], expected, rtol=1e-6)


def test_an_op_that_no_file_can_name() -> None:
    triceras.utils.clear_session()
    hidden = OPS["pool_max"].call
    x = triceras.Input((4, 1))
    model = triceras.Model(x, hidden(x, 2, 2, "valid", "channels_last"))
    with pytest.raises(
        ValueError, match=r"'pool_max' in the model is a call of 'pool_max', .* Wrap what calls it in a layer"
    ):
        model.to_json()


def test_names_settings_and_types_are_written_out() -> None:
    triceras.utils.clear_session()
    x = triceras.Input(batch_shape=(1, 4, 4, 2))
    model = triceras.Model(x, ops.max_pool(ops.cast(x, np.float16), 2))
    cast, pool = (entry["config"] for entry in json.loads(model.to_json())["config"]["layers"][1:])
    assert cast == {"name": "cast", "dtype": "float16"}
    assert pool == {
        "name": "max_pool",
        "pool_size": 2,
        "strides": None,
        "padding": "valid",
        "data_format": "channels_last",
    }
    assert [layer.name for layer in model_from_json(model.to_json()).operations][1:] == ["cast", "max_pool"]
