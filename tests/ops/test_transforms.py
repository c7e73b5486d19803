"""Functions made from functions: forward derivatives, and maps over every leading axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.test_table import COMPILERS, TRAINING
from triceras import ops
from triceras.backends.registry import Backend, backend_scope
from triceras.core.errors import UnsupportedError
from triceras.graph import Function, KerasTensor

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], np.float32)
V = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]], np.float32)


def host(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


# ---- jvp -------------------------------------------------------------------------------------------------------------

#: Name -> (function, its derivative at x in the direction v).
FUNCTIONS = {
    "sin": (ops.sin, lambda x, v: np.cos(x) * v),
    "sum of squares": (lambda x: ops.sum(x * x), lambda x, v: 2 * np.sum(x * v)),
    "product": (lambda x: ops.matmul(x, ops.transpose(x)), lambda x, v: v @ x.T + x @ v.T),
    "constant": (lambda x: ops.ones((2,)), lambda x, v: np.zeros(2)),
    "loop": (
        lambda x: ops.scan(lambda c, row: (c * row, c), ops.ones_like(x[0]), x)[0],
        lambda x, v: x[0] * v[1] + v[0] * x[1],
    ),
}


@pytest.mark.parametrize("backend", TRAINING)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jvp(backend: str, name: str) -> None:
    function, derivative = FUNCTIONS[name]
    with backend_scope(backend):
        expected = derivative(X, V)
        value, tangent = ops.jvp(function, (ops.convert_to_tensor(X),), (ops.convert_to_tensor(V),))
        np.testing.assert_allclose(host(value), host(function(ops.convert_to_tensor(X))), rtol=1e-6)
        np.testing.assert_allclose(host(tangent), expected, rtol=1e-5, atol=1e-6)
        tensors = [ops.convert_to_tensor(a) for a in (X, V)]
        compiled = COMPILERS[backend](lambda x, v: ops.jvp(function, [x], [v])[1], tensors)
        np.testing.assert_allclose(host(compiled), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", TRAINING)
@pytest.mark.parametrize("activation", ["softmax", "gelu", "layer_normalization", "log_softmax", "sort"])
def test_jvp_of_what_has_a_gradient_of_its_own(backend: str, activation: str) -> None:
    def function(x: Any) -> Any:
        return getattr(ops, activation)(x)

    with backend_scope(backend):
        step = 1e-3
        _, tangent = ops.jvp(function, (ops.convert_to_tensor(X),), (ops.convert_to_tensor(V),))
        ends = [host(function(ops.convert_to_tensor(X + s * V))) for s in (step, -step)]
        np.testing.assert_allclose(host(tangent), (ends[0] - ends[1]) / (2 * step), rtol=5e-3, atol=2e-3)


@pytest.mark.parametrize("backend", TRAINING)
def test_jvp_of_structures(backend: str) -> None:
    def function(pair: Any, scale: Any) -> Any:
        return {"a": pair[0] * scale, "b": [pair[1] + scale]}, pair[0] - 1

    with backend_scope(backend):
        primals = ([np.float32(2.0), np.float32(3.0)], np.float32(5.0))
        value, tangent, aux = ops.jvp(function, primals, ([1.0, 2.0], 10.0), has_aux=True)
        assert host(value["a"]) == 10
        assert host(tangent["a"]) == 5 + 20
        assert host(tangent["b"][0]) == 12
        assert host(aux) == 1


def test_jvp_on_symbols(backend: Backend) -> None:
    x = KerasTensor((None, 3))
    if not backend.trains:
        with pytest.raises(UnsupportedError, match=r"jvp\(\) differentiates, which the numpy backend doesn't"):
            ops.jvp(ops.sin, (X,), (V,))
        return
    value, tangent = ops.jvp(ops.sin, (x,), (x,))
    assert value.shape == tangent.shape == (None, 3)
    np.testing.assert_allclose(host(Function(x, tangent)(ops.convert_to_tensor(X))), np.cos(X) * X, rtol=1e-6)


@pytest.mark.parametrize("backend", TRAINING)
def test_misuse_of_jvp(backend: str) -> None:
    with backend_scope(backend):
        with pytest.raises(TypeError, match=r"jvp\(\) takes its primals as a tuple or a list"):
            ops.jvp(ops.sin, X, (V,))
        with pytest.raises(
            ValueError, match=r"needs tangents of the primals' shapes \[\(2, 3\)\], received \[\(3,\)\]"
        ):
            ops.jvp(ops.sin, (X,), (V[0],))


def test_a_custom_gradient_on_symbols(backend: Backend) -> None:
    @ops.custom_gradient
    def thrice(x: Any) -> Any:
        return x * 3, lambda upstream: upstream * 100

    x = KerasTensor((None, 3))
    y = thrice(x)
    assert y.shape == (None, 3)
    function = Function(x, y)
    np.testing.assert_allclose(host(function(ops.convert_to_tensor(X))), 3 * X)
    if backend.trains:
        gradient = backend.value_and_grad(lambda p: (ops.sum(function(p[0])), None), [ops.convert_to_tensor(X)])[2][0]
        np.testing.assert_allclose(host(gradient), np.full_like(X, 100))


# ---- vectorize -------------------------------------------------------------------------------------------------------


def test_vectorize_broadcasts(backend: Backend) -> None:
    add = ops.vectorize(lambda a, b: a + b * b)
    a, b = np.arange(6.0, dtype="float32").reshape(2, 1, 3), np.arange(4.0, dtype="float32")[:, None]
    np.testing.assert_allclose(host(add(a, b)), a + b * b)
    np.testing.assert_allclose(host(add(a, b=2.0)), a + 4)
    np.testing.assert_allclose(host(add(np.float32(1), np.float32(3))), 10)


SIGNATURES = {
    "(n),(n)->()": (lambda a, b: ops.sum(a * b), lambda a, b: np.sum(a * b, -1), (4, 3), (5, 1, 3)),
    "(m,n),(n)->(m)": (lambda a, b: ops.matmul(a, b), lambda a, b: (a @ b[..., None])[..., 0], (4, 2, 3), (3,)),
    "(), (n) -> (n)": (lambda a, b: a * b, lambda a, b: a[..., None] * b, (4,), (2, 1, 3)),
}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_vectorize_with_a_signature(backend: Backend, signature: str) -> None:
    function, reference, *shapes = SIGNATURES[signature]
    a, b = (np.random.default_rng(i).normal(size=shape).astype("float32") for i, shape in enumerate(shapes))
    result = host(ops.vectorize(function, signature=signature)(a, b))
    np.testing.assert_allclose(result, reference(a, b), rtol=1e-5, atol=1e-6)
    x = KerasTensor((None, *shapes[0][1:]))
    if shapes[0][0] not in shapes[1]:
        symbol = ops.vectorize(function, signature=signature)(x, ops.convert_to_tensor(b))
        assert len(symbol.shape) == result.ndim
        np.testing.assert_allclose(host(Function(x, symbol)(ops.convert_to_tensor(a))), result, rtol=1e-6)


def test_vectorize_returns_structures_and_leaves_arguments_out(backend: Backend) -> None:
    function = ops.vectorize(lambda a, b, scale: (a * b[0], a - scale), excluded={1, "scale"})
    first, second = function(X, [2.0, 3.0], scale=1.0)
    np.testing.assert_allclose(host(first), 2 * X)
    np.testing.assert_allclose(host(second), X - 1)


def test_vectorize_differentiates() -> None:
    for name in TRAINING:
        with backend_scope(name) as backend:

            def total(leaves: list[Any]) -> tuple[Any, None]:
                dot = ops.vectorize(lambda a, b: ops.sum(a * b), signature="(n),(n)->()")
                return ops.sum(dot(leaves[0], leaves[1]) ** 2), None

            leaves = [ops.convert_to_tensor(X), ops.convert_to_tensor(V[0])]
            gradient = host(backend.value_and_grad(total, leaves)[2][0])
            np.testing.assert_allclose(gradient, 2 * (X @ V[0])[:, None] * V[0], rtol=1e-5, atol=1e-6)


def test_misuse_of_vectorize(backend: Backend) -> None:
    with pytest.raises(ValueError, match=r"needs a signature like .*, received 'n->n'"):
        ops.vectorize(ops.sin, signature="n->n")
    dot = ops.vectorize(lambda a, b: ops.sum(a * b), signature="(n),(n)->()")
    with pytest.raises(ValueError, match=r"needs 2 arguments for the signature .*, received 1"):
        dot(X)
    with pytest.raises(ValueError, match=r"needs one size for the axis 'n' .*, received 3 and 2"):
        dot(X, X[:, :2])
    with pytest.raises(ValueError, match=r"needs at least the axes \['n'\] .*, received the shape \(\)"):
        dot(X, np.float32(1))


# ---- patterns, views, sets, spectra: errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "lengths", "message"),
    [
        ("a b", {}, r'needs a pattern like "a b -> b a", received'),
        ("a b -> a", {}, "each name on both sides .* b stands on one side only"),
        ("a b -> a b c", {}, "each name on both sides .* c stands on one side only"),
        ("a b c -> a b c", {}, r"needs a tensor of 3 axes .* received 2"),
        ("a a -> a", {}, "a name twice on one side"),
        ("(a b -> a b", {}, "parentheses that don't match"),
        ("((a) b) c -> a b c", {}, "parentheses that don't match"),
        ("a 2 -> 2 a", {}, "can't read '2'"),
        ("a b.c -> a b.c", {}, "can't read '.c'"),
        ("a (b c) -> a b c", {}, r"can't divide an axis of size 3 into \(b c\)"),
        ("a (b c) -> a b c", {"b": 2}, r"can't divide an axis of size 3 into \(b c\) .* \{'b': 2\}"),
        ("a b -> b a", {"b": 4}, r"can't divide an axis of size 3 into \(b\)"),
        ("a 1 -> a", {}, r"can't divide an axis of size 3 into \(1\)"),
        ("a b -> b a", {"z": 2}, r"received lengths of \['z'\]"),
        ("a b c ... -> a b c ...", {}, r"can't place the \.\.\."),
    ],
)
def test_misuse_of_rearrange(pattern: str, lengths: dict[str, int], message: str) -> None:
    with backend_scope("numpy"), pytest.raises(ValueError, match=message):
        ops.rearrange(X, pattern, **lengths)


def test_rearrange_with_unknown_sizes(backend: Backend) -> None:
    x = KerasTensor((None, None, 4))
    y = ops.rearrange(x, "b (h w) c -> (b h) w c", h=2)
    assert y.shape == (None, None, 4)
    result = host(Function(x, y)(ops.convert_to_tensor(np.zeros((3, 6, 4), "float32"))))
    assert result.shape == (6, 3, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.fft((X, V[:1])), r"fft\(\) takes a pair of tensors of one shape.*\[\(2, 3\), \(1, 3\)\]"),
        (lambda: ops.irfft((X, V, X)), r"irfft\(\) takes a pair of tensors of one shape.* received 3"),
        (lambda: ops.stft(X, 8, 4, 7), "an fft_length of at least the sequence_length, received sequence_length=8"),
        (
            lambda: ops.stft(X, 2, 1, 2, window="kaiser"),
            r"stft\(\) has no window 'kaiser'. Expected one of: hann, hamming",
        ),
        (lambda: ops.istft((X, X), 2, 1, 2, window=np.ones(3)), r"a window of the shape \(2,\), .* received \(3,\)"),
        (lambda: ops.extract_sequences(X, 0, 1), "a sequence_length and a sequence_stride of at least 1, received 0"),
        (lambda: ops.view(X, "float64"), r"can't read float32 of the shape \(2, 3\) as float64"),
        (lambda: ops.view(np.float32(1), "int16"), r"can't read float32 of the shape \(\) as int16"),
        (lambda: ops.view_as_complex(X), r"needs a last axis of size 2, .* received the shape \(2, 3\)"),
        (
            lambda: ops.nanquantile(X, 0.5, method="best"),
            r"nanquantile\(\) has no method 'best'. Expected one of: linear",
        ),
        (lambda: ops.ctc_decode(X, [1]), r"needs inputs \(batch, steps, classes\), received \(2, 3\)"),
        (lambda: ops.ctc_decode(X[None], [2], "best"), "no strategy 'best'. Expected one of: greedy, beam_search"),
        (lambda: ops.ctc_decode(X[None], [2], "beam_search", 2, 3), r"keeps beam_width=2 .* can't return top_paths=3"),
    ],
)
def test_misuse(call: Any, message: str) -> None:
    with backend_scope("numpy"), pytest.raises(ValueError, match=message):
        call()


def test_spectra_of_unknown_lengths_in_a_graph() -> None:
    """A TensorFlow function that doesn't know the sizes."""
    import tensorflow as tf

    signal = np.random.default_rng(0).normal(size=(2, 40)).astype("float32")
    with backend_scope("tensorflow"):
        spec = tf.TensorSpec([None, None], tf.float32)
        again = tf.function(lambda x: ops.istft(ops.stft(x, 8, 2, 8), 8, 2, 8), [spec], autograph=False)
        np.testing.assert_allclose(host(again(signal)), signal, atol=1e-5)
