"""Variables: values, operators, assignments, copies, and each framework's own way with them."""

from __future__ import annotations

import copy
import operator
import pickle

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.backends.registry import Backend, backend_scope
from triceras.core.blanks import Blanks
from triceras.core.scopes import AutocastScope, SymbolicScope

A = np.array([[1.5, -2.0], [0.5, 4.0]], np.float32)
B = np.array([[2.0, 3.0], [-1.5, 0.25]], np.float32)
K = np.array([[6, 3], [12, 5]], np.int32)
L = np.array([[2, 3], [1, 2]], np.int32)
M = np.array([True, False])

BINARY = [
    (operator.add, A, B),
    (operator.sub, A, B),
    (operator.mul, A, B),
    (operator.truediv, A, B),
    (operator.floordiv, A, B),
    (operator.mod, A, B),
    (operator.pow, np.abs(A), B),
    (operator.matmul, A, B),
    (operator.eq, A, B),
    (operator.ne, A, B),
    (operator.lt, A, B),
    (operator.le, A, B),
    (operator.gt, A, B),
    (operator.ge, A, B),
    (operator.floordiv, K, L),
    (operator.mod, K, L),
    (operator.and_, K, L),
    (operator.or_, K, L),
    (operator.xor, K, L),
    (operator.lshift, K, L),
    (operator.rshift, K, L),
    (operator.and_, M, ~M),
    (operator.or_, M, ~M),
    (operator.xor, M, ~M),
]
UNARY = [(operator.neg, A), (operator.pos, A), (abs, A), (operator.invert, K), (operator.invert, M)]


def host(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize("function, a, b", BINARY, ids=lambda v: getattr(v, "__name__", v.__class__.__name__))
def test_binary_operators(backend: Backend, function: object, a: np.ndarray, b: np.ndarray) -> None:
    expected = function(a, b)  # type: ignore[operator]
    v, w = triceras.Variable(a, trainable=False), triceras.Variable(b, trainable=False)
    for left, right in ((v, w), (v, b), (v, ops.convert_to_tensor(b)), (ops.convert_to_tensor(a), w)):
        result = function(left, right)  # type: ignore[operator]
        assert isinstance(result, backend.tensor_types), (type(left), type(right))
        assert host(result).dtype == expected.dtype
        np.testing.assert_allclose(host(result), expected, rtol=1e-6)


REFLECTED = [(o, A) for o in (operator.add, operator.sub, operator.mul, operator.truediv)]
REFLECTED += [(o, np.abs(A)) for o in (operator.floordiv, operator.mod, operator.pow)]


@pytest.mark.parametrize("function, a", REFLECTED, ids=lambda v: getattr(v, "__name__", "array"))
def test_numbers_on_either_side(backend: Backend, function: object, a: np.ndarray) -> None:
    v = triceras.Variable(a)
    np.testing.assert_allclose(host(function(2.0, v)), function(np.float32(2.0), a), rtol=1e-6)  # type: ignore[operator]
    np.testing.assert_allclose(host(function(v, 2)), function(a, np.float32(2)), rtol=1e-6)  # type: ignore[operator]
    assert host(function(2, v)).dtype == np.float32  # type: ignore[operator]


@pytest.mark.parametrize("function, a", UNARY, ids=lambda v: getattr(v, "__name__", "array"))
def test_unary_operators(backend: Backend, function: object, a: np.ndarray) -> None:
    np.testing.assert_allclose(host(function(triceras.Variable(a, trainable=False))), function(a))  # type: ignore[operator]


def test_divmod_and_rounding(backend: Backend) -> None:
    quotient, rest = divmod(triceras.Variable(A), B)
    np.testing.assert_allclose(host(quotient), np.floor_divide(A, B))
    np.testing.assert_allclose(host(rest), np.mod(A, B), rtol=1e-6)
    np.testing.assert_allclose(host(round(triceras.Variable([1.26, -0.55]), 1)), [1.3, -0.6], atol=0.051)


def test_indexing_and_iteration(backend: Backend) -> None:
    v = triceras.Variable(A)
    for key in (0, -1, (slice(None), 1), (..., slice(1, None)), (None, 0)):
        np.testing.assert_allclose(host(v[key]), A[key])
    assert len(v) == 2
    assert [host(row).tolist() for row in v] == A.tolist()
    with pytest.raises(TypeError, match="is a scalar and has no length"):
        len(triceras.Variable(1.0))


def test_scalars_become_numbers(backend: Backend) -> None:
    assert float(triceras.Variable(2.5)) == 2.5
    assert int(triceras.Variable(3)) == 3
    assert bool(triceras.Variable(True, trainable=False)) is True
    with pytest.raises(TypeError, match=r"Only a scalar variable becomes a Python float; .* has the shape \(2, 2\)"):
        float(triceras.Variable(A))


def test_assignments(backend: Backend) -> None:
    v = triceras.Variable(A, name="v")
    returned = v.assign(B)
    np.testing.assert_array_equal(host(returned), B)
    v.assign_add(A)
    v.assign_sub(np.ones_like(A))
    np.testing.assert_allclose(v.numpy(), A + B - 1)
    v.assign(triceras.Variable(A))
    v.assign(ops.convert_to_tensor(B))
    v.assign(A.tolist())
    np.testing.assert_array_equal(v.numpy(), A)
    v.assign(np.array([[1, 2], [3, 4]], np.int64))
    assert v.numpy().dtype == np.float32
    with pytest.raises(ValueError, match=r"'v' has the shape \(2, 2\), received a value of shape \(3,\)"):
        v.assign([1.0, 2.0, 3.0])


def test_what_it_is(backend: Backend) -> None:
    v = triceras.Variable(A, name="kernel", trainable=False)
    assert (v.name, v.path, v.shape, v.ndim, v.size, v.dtype, v.trainable) == (
        "kernel", "kernel", (2, 2), 2, 4, "float32", False,
    )  # fmt: skip
    assert repr(v).startswith(f"<Variable path=kernel, shape=(2, 2), dtype=float32, backend={backend.name}")
    array = np.asarray(v)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(np.array(v, dtype="float64"), A.astype("float64"))
    assert np.add(v, 1).shape == (2, 2)
    assert v in {v}
    assert {v: 1}[v] == 1
    with triceras.name_scope("outer"), triceras.name_scope("inner"):
        assert triceras.Variable(1.0, name="w").path == "outer/inner/w"


def test_initializers_and_dtypes(backend: Backend) -> None:
    made = triceras.Variable(triceras.initializers.Ones(), shape=(2, 3), dtype="float16")
    assert (made.shape, made.dtype) == ((2, 3), "float16")
    assert triceras.Variable(
        lambda shape, dtype: np.full(shape, 7, dtype), shape=(2,), dtype="int32"
    ).numpy().tolist() == [
        7,
        7,
    ]
    assert triceras.Variable([1, 2]).dtype == "int32"
    assert triceras.Variable(1.0).dtype == "float32"
    assert triceras.Variable([True]).dtype == "bool"
    half = triceras.Variable([1.0, 2.0], dtype="bfloat16")
    assert half.numpy().dtype.name == "bfloat16"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"initializer": lambda shape, dtype: 0}, "needs a shape: pass shape="),
        (
            {"initializer": lambda shape, dtype: 0, "shape": (None, 2)},
            r"needs a shape of known sizes, received \(None, 2\)",
        ),
        ({"initializer": [1.0], "shape": (2,)}, r"is given a value of shape \(1,\), expected \(2,\)"),
        ({"initializer": 1.0, "name": "a/b"}, "a string without slashes, received 'a/b'"),
        ({"initializer": 1.0, "aggregation": "median"}, "Unknown aggregation: 'median'. Expected one of: None, 'none'"),
        ({"initializer": 1.0, "synchronization": "never"}, "Unknown synchronization: 'never'"),
        ({"initializer": 1.0, "dtype": "float7"}, "float7"),
    ],
)
def test_misuse(backend: Backend, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        triceras.Variable(**arguments)


def test_autocast(backend: Backend) -> None:
    weight, fixed = triceras.Variable(A), triceras.Variable(A, autocast=False)
    count = triceras.Variable(3, trainable=False)
    with AutocastScope("bfloat16"):
        assert weight.dtype == "bfloat16"
        assert triceras.utils.standardize_dtype(weight.value.dtype) == "bfloat16"
        assert triceras.utils.standardize_dtype(ops.multiply(weight, 2).dtype) == "bfloat16"
        assert (fixed.dtype, count.dtype) == ("float32", "int32")
        weight.assign(B)
    np.testing.assert_array_equal(weight.numpy(), B)
    assert weight.dtype == weight.stored_dtype == "float32"


def test_constraint_regularizer_and_flags(backend: Backend) -> None:
    v = triceras.Variable(A, aggregation="mean", synchronization="on_read")
    v.constraint, v.regularizer = triceras.constraints.NonNeg(), triceras.regularizers.L2(0.1)
    assert (v.constraint(v.value) is not None, v.aggregation, v.synchronization) == (True, "mean", "on_read")
    v.trainable = False
    assert v.trainable is False
    v.overwrite_with_gradient = True
    with pytest.raises(TypeError, match="True or False, received 1"):
        v.overwrite_with_gradient = 1
    with pytest.raises(ValueError, match="constraint of a variable is a function"):
        v.constraint = "non_neg"


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_independent(backend: Backend, make: object) -> None:
    v = triceras.Variable(A, name="v", trainable=False)
    other = make(v)  # type: ignore[operator]
    v.assign(B)
    np.testing.assert_array_equal(other.numpy(), A)
    assert (other.name, other.trainable, other.backend, type(other)) == ("v", False, backend, type(v))
    other.assign_add(A)
    np.testing.assert_array_equal(other.numpy(), A + A)


def test_a_variable_keeps_its_backend(backend: Backend) -> None:
    v = triceras.Variable(A)
    for name in triceras.available_backends():
        with backend_scope(name):
            assert isinstance(v + 1.0, backend.tensor_types)
            assert isinstance(ops.matmul(v, B), backend.tensor_types)
            v.assign(v * 1.0)
    assert isinstance(v, triceras.Variable)


# ---- each framework's own way ----------------------------------------------------------------------------------------


def test_jax_takes_a_variable() -> None:
    import jax
    import jax.numpy as jnp

    with backend_scope("jax"):
        v = triceras.Variable(A)
    np.testing.assert_allclose(jnp.sin(v), np.sin(A), rtol=1e-6)
    np.testing.assert_allclose(jnp.matmul(v, jnp.asarray(B)), A @ B, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda x: x * v.value)(jnp.asarray(B)), A * B)
    np.testing.assert_allclose(jax.jit(lambda x, w: x * w)(jnp.asarray(B), v), A * B)
    np.testing.assert_allclose(jax.grad(lambda w: jnp.sum(w**2))(v), 2 * A)

    def loss(value: jax.Array) -> jax.Array:
        with triceras.StatelessScope([(v, value)]):
            return ops.sum(v * v)

    np.testing.assert_allclose(jax.grad(loss)(v.value), 2 * A)
    np.testing.assert_allclose(jnp.asarray(B) + v, A + B)


def test_torch_takes_a_variable() -> None:
    import torch

    with backend_scope("torch"):
        v = triceras.Variable(A)
    np.testing.assert_allclose(torch.sin(v).detach().numpy(), np.sin(A), rtol=1e-6)
    np.testing.assert_allclose(torch.stack([v, v]).detach().numpy(), np.stack([A, A]))
    np.testing.assert_allclose((torch.from_numpy(B) + v).detach().numpy(), A + B)
    assert isinstance(v.value, torch.nn.Parameter)
    torch.sum(v * v).backward()
    np.testing.assert_allclose(v.value.grad.numpy(), 2 * A)
    torch.optim.SGD([v.value], lr=0.5).step()
    np.testing.assert_allclose(v.numpy(), np.zeros_like(A))


def test_tensorflow_takes_a_variable() -> None:
    import tensorflow as tf

    with backend_scope("tensorflow"):
        v = triceras.Variable(A)
    np.testing.assert_allclose(tf.sin(v).numpy(), np.sin(A), rtol=1e-6)
    np.testing.assert_allclose((tf.constant(B) + v).numpy(), A + B)
    np.testing.assert_allclose(tf.function(lambda x: tf.matmul(x, v))(tf.constant(B)).numpy(), B @ A, rtol=1e-6)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(v * v)
    np.testing.assert_allclose(tape.gradient(value, [v])[0].numpy(), 2 * A)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(v.value)
    assert isinstance(tf.convert_to_tensor(v), tf.Tensor)


def test_blank_variables(backend: Backend) -> None:
    asked: list[tuple[str, int]] = []

    def ones(shape: tuple[int, ...], dtype: str) -> np.ndarray:
        return np.ones(shape, dtype)

    with Blanks(lambda name, size: asked.append((name, size))):
        given, read, left = (
            triceras.Variable(ones, (2, 3), "float32", name=name) for name in ("given", "read", "left")
        )
        assert [v.is_blank for v in (given, read, left)] == [True] * 3
        assert (given.shape, given.dtype, given.trainable) == ((2, 3), "float32", True)
        given.trainable = False
        given.assign(np.full((2, 3), 5.0, "float32"))
        with pytest.raises(ValueError, match=r"has the shape \(2, 3\), received a value of shape \(3, 2\)"):
            left.assign(np.zeros((3, 2), "float32"))
        assert read.numpy().sum() == 6
        assert asked == [("read", 24)]
        with SymbolicScope():
            assert tuple(left.value.shape) == (2, 3)
        assert left.is_blank
    assert asked == [("read", 24), ("left", 24)]
    assert [v.is_blank for v in (given, read, left)] == [False] * 3
    np.testing.assert_array_equal(given.numpy(), np.full((2, 3), 5.0))
    np.testing.assert_array_equal(left.numpy(), np.ones((2, 3)))


def test_a_refused_blank_stays_blank(backend: Backend) -> None:
    def refuses(name: str, size: int) -> None:
        raise MemoryError(f"{name} wants {size}")

    blanks = Blanks(refuses)
    blanks.__enter__()
    huge = triceras.Variable(lambda shape, dtype: np.zeros(shape, dtype), (10**6, 10**6), "float32", name="huge")
    with pytest.raises(MemoryError, match="huge wants 4000000000000"):
        blanks.__exit__(None)
    assert huge.is_blank
