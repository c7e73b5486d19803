"""Activations by name: values against ops and NumPy, names, configs."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from triceras import activations, ops
from triceras.core import objects

X = np.array([[-3.0, -0.5, 0.2, 1.0, 2.0, 7.0]], "float32")
SAME_AS_OPS = sorted(set(activations.TABLE) - {"exponential", "gelu", "linear", "mish", "relu", "threshold"})


@pytest.mark.parametrize("name", SAME_AS_OPS)
def test_same_as_the_op(backend: Any, name: str) -> None:
    """With default arguments an activation is the op of its name."""
    x = backend.convert_to_tensor(X)
    actual, expected = activations.get(name)(x), getattr(ops, name)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(actual), ops.convert_to_numpy(expected))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0, 0.2, 1, 2, 7]),
        ({"negative_slope": 0.5, "threshold": 1.0}, [-2, -0.75, -0.4, 0, 2, 7]),
        ({"max_value": 3.0, "threshold": 1.0}, [0, 0, 0, 0, 2, 3]),
        ({"negative_slope": 0.1, "max_value": 6.0}, [-0.3, -0.05, 0.2, 1, 2, 6]),
        ({"max_value": 6.0}, [0, 0, 0.2, 1, 2, 6]),
        ({"threshold": -1.0}, [0, -0.5, 0.2, 1, 2, 7]),
    ],
)
def test_relu(backend: Any, options: dict[str, float], expected: list[float]) -> None:
    """The rectifier with slope, cap and threshold."""
    actual = activations.relu(backend.convert_to_tensor(X), **options)
    np.testing.assert_allclose(ops.convert_to_numpy(actual)[0], expected, rtol=1e-6)


def test_others(backend: Any) -> None:
    """Those that aren't ops, or whose defaults differ from the op's."""
    x = backend.convert_to_tensor(X)
    softplus = np.logaddexp(X, 0)
    for name, expected in {"exponential": np.exp(X), "linear": X, "mish": X * np.tanh(softplus)}.items():
        np.testing.assert_allclose(ops.convert_to_numpy(activations.get(name)(x)), expected, rtol=2e-6)
    exact = ops.convert_to_numpy(ops.gelu(x, approximate=False))
    np.testing.assert_array_equal(ops.convert_to_numpy(activations.gelu(x)), exact)
    replaced = ops.convert_to_numpy(activations.threshold(x, 0.5, -1.0))
    np.testing.assert_array_equal(replaced[0], [-1, -1, -1, 1, 2, 7])


@pytest.mark.parametrize("name", sorted(activations.TABLE))
def test_names_and_configs(name: str) -> None:
    """A name gives a function, which is written as its own name and read back, as are the configs of Keras."""
    function = activations.get(name)
    written = activations.serialize(function)
    assert written == function.__name__
    assert activations.deserialize(written) is function
    config = {"module": "keras.activations", "class_name": "function", "config": written, "registered_name": written}
    assert activations.get(config) is function
    assert next(iter(inspect.signature(function).parameters)) == "x"


def test_custom_functions() -> None:
    """None is linear; a registered function goes through its config; what is unknown is refused by name."""
    assert activations.get(None) is activations.linear

    @objects.register_keras_serializable("tests")
    def doubled(x: Any) -> Any:
        return x * 2

    config = activations.serialize(doubled)
    assert config == {
        "module": "builtins",
        "class_name": "function",
        "config": "tests>doubled",
        "registered_name": "function",
    }
    assert activations.deserialize(config) is doubled
    with pytest.raises(ValueError, match="Unknown activation: 'nosuch'"):
        activations.get("nosuch")
