"""Functions: graphs of ops and operations recorded on symbols."""

from __future__ import annotations

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.backends.registry import Backend
from triceras.graph import Function, KerasTensor, Operation

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)


def host(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


#: Name -> a function of one symbol or tensor.
GRAPHS = {
    "operators": lambda x: -(x * 2.0 + 1.0) / (x - 10.0) ** 2,
    "reflected": lambda x: 1.0 - 2.0 / (3.0 * x),
    "indexing": lambda x: x[:, 1:] + x[..., :2],
    "matrix product": lambda x: x @ ops.transpose(x, (1, 0)),
    "several results": lambda x: ops.split(x, 3, axis=-1)[1],
    "several inputs": lambda x: ops.concatenate([x, x * 2, ops.relu(x)], axis=0),
    "keywords": lambda x: ops.clip(x, x_min=2.0, x_max=4.0),
    "condition": lambda x: ops.where(x > 2.5, x, 0.0),
    "shared": lambda x: (lambda y: y + y * y)(ops.exp(x * 0.1)),
    "reshape": lambda x: ops.reshape(x, (-1, 1, 3)),
    "reduction": lambda x: ops.sum(x, axis=-1, keepdims=True),
    "constant": lambda x: ops.add(x, np.array([1.0, 2.0, 3.0], np.float32)),
    "cast": lambda x: ops.cast(ops.cast(x, "int32") // 2, "float32"),
    "comparison": lambda x: ops.cast(ops.logical_and(x >= 2.0, x != 5.0), "float32"),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("batch", [None, 2])
def test_a_graph_computes_what_the_code_does(backend: Backend, name: str, batch: int | None) -> None:
    if name == "matrix product" and batch is None:
        batch = 2
    function = GRAPHS[name]
    x = KerasTensor((batch, 3))
    outputs = function(x)
    graph = Function(x, outputs)
    expected = function(ops.convert_to_tensor(X))
    result = graph(ops.convert_to_tensor(X))
    np.testing.assert_allclose(host(result), host(expected), rtol=1e-6)
    assert triceras.utils.standardize_dtype(result.dtype) == outputs.dtype
    assert all(d in (None, size) for d, size in zip(outputs.shape, host(result).shape, strict=True))


def test_structures_of_inputs_and_outputs(backend: Backend) -> None:
    a, b = KerasTensor((None, 3), name="a"), KerasTensor((None, 3), name="b")
    graph = Function({"a": a, "b": [b]}, {"sum": a + b, "parts": (a * 2, [b])})
    result = graph({"a": ops.convert_to_tensor(X), "b": [ops.convert_to_tensor(2 * X)]})
    np.testing.assert_allclose(host(result["sum"]), 3 * X)
    np.testing.assert_allclose(host(result["parts"][0]), 2 * X)
    np.testing.assert_allclose(host(result["parts"][1][0]), 2 * X)
    with pytest.raises(ValueError, match="takes 2 inputs, received 1"):
        graph([ops.convert_to_tensor(X)])


def test_a_part_of_a_graph(backend: Backend) -> None:
    x = KerasTensor((None, 3))
    middle = ops.exp(x)
    outputs = ops.sum(middle, axis=-1)
    assert [o.name.rstrip("_0123456789") for o in Function(x, outputs).operations] == ["exp", "sum"]
    tail = Function(middle, outputs)
    assert len(tail.operations) == 1
    np.testing.assert_allclose(host(tail(ops.convert_to_tensor(X))), X.sum(-1), rtol=1e-6)


def test_a_graph_on_symbols_of_another_shape(backend: Backend) -> None:
    x = KerasTensor((None, None, 3))
    graph = Function(x, ops.mean(x * 2, axis=1))
    assert graph.compute_output_spec(KerasTensor((5, 7, 3))).shape == (5, 3)
    assert graph(KerasTensor((None, 4, 3))).shape == (None, 3)


def test_own_operations_are_recorded(backend: Backend) -> None:
    class Scaled(Operation):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def call(self, x: object) -> object:
            return x * self.factor  # type: ignore[operator]

    scaled = Scaled(3.0)
    x = KerasTensor((None, 3))
    y = scaled(x)
    assert (scaled.input, scaled.output) == (x, y)
    np.testing.assert_allclose(host(Function(x, y)(ops.convert_to_tensor(X))), 3 * X)
    scaled(x)
    with pytest.raises(AttributeError, match="has no single output: it was called 2 times"):
        scaled.output


def test_misuse() -> None:
    a, b = KerasTensor((2,), name="a"), KerasTensor((2,), name="b")
    with pytest.raises(ValueError, match=r"which comes from no operation and is not among the inputs \['a'\]"):
        Function(a, a + b)
    with pytest.raises(ValueError, match="outputs of a functional model are symbolic tensors, received 5"):
        Function(a, 5)
    with pytest.raises(ValueError, match="sparse or ragged, not both"):
        KerasTensor((2,), sparse=True, ragged=True)
    with pytest.raises(ValueError, match="a string without slashes, received name='a/b'"):
        Function(a, a + 1, name="a/b")


@pytest.mark.parametrize(
    "use",
    [bool, float, int, np.asarray, len, iter, lambda x: x.numpy()],
    ids=["bool", "float", "int", "array", "len", "iter", "numpy"],
)
def test_symbols_have_no_values(use: object) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError), match=r"symbolic|KerasTensor|numpy|no value"):
        use(KerasTensor((None, 3)))  # type: ignore[operator]


def test_wrong_shapes_are_found_while_recording(backend: Backend) -> None:
    a, b = KerasTensor((None, 3)), KerasTensor((None, 4))
    with pytest.raises(ValueError, match=r"\(None, 3\).*\(None, 4\)|shape"):
        a + b
