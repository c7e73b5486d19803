"""What rows can't say about neural-network ops: statistics of batches, transposes of convolutions, errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.ops.table import normal
from triceras import ops
from triceras.backends import registry
from triceras.ops.affine import affine
from triceras.ops.normalization import batch_norm_train

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
X = normal(3, 5, 4, 2).astype("float32")
MASK = np.arange(15).reshape(3, 5) % 3 > 0


@pytest.mark.parametrize("axis", [1, -1, 2])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_batch_statistics(backend: Any, axis: int, scaled: bool, masked: bool) -> None:
    """Batch normalization in training gives NumPy's mean, variance and result."""
    if masked and axis == 1:
        axis = -1
    size = X.shape[axis]
    gamma, beta = (normal(size).astype("float32"), normal(size, seed=1).astype("float32")) if scaled else (None, None)
    others = tuple(i for i in range(4) if i != axis % 4)
    weights = np.broadcast_to(MASK[..., None, None], X.shape) if masked else np.ones_like(X, bool)
    mean = X.mean(others, keepdims=True, where=weights)
    variance = np.square(X - mean).mean(others, keepdims=True, where=weights)
    expected = (X - mean) / np.sqrt(variance + 1e-3)
    shape = [size if i == axis % 4 else 1 for i in range(4)]
    expected = expected * gamma.reshape(shape) + beta.reshape(shape) if scaled else expected
    tensors = [None if v is None else backend.convert_to_tensor(v) for v in (X, gamma, beta)]
    results = batch_norm_train(*tensors, axis, 1e-3, MASK if masked else None)
    for actual, wanted in zip(results, (expected, mean.ravel(), variance.ravel()), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(actual), wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("axis", [1, -1])
def test_batch_norm_gradients_agree(axis: int) -> None:
    """The gradients of the training form agree across backends."""
    gradients = []
    size = X.shape[axis]
    arrays = [X, normal(size).astype("float32"), normal(size, seed=1).astype("float32")]
    weights = normal(*X.shape, seed=3).astype("float32")
    for name in TRAINING:
        with registry.backend_scope(name) as backend:

            def total(leaves: list[Any], backend: Any = backend) -> tuple[Any, None]:
                y = batch_norm_train(*leaves, axis, 1e-3)[0]
                return ops.sum(y * y * backend.convert_to_tensor(weights)), None

            tensors = [backend.convert_to_tensor(a) for a in arrays]
            gradients.append([backend.to_numpy(g) for g in backend.value_and_grad(total, tensors)[2]])
    for other in gradients[1:]:
        for actual, expected in zip(other, gradients[0], strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("backend_name", TRAINING)
def test_transposed_convolution_is_the_gradient(backend_name: str, stride: int, padding: str) -> None:
    """``conv_transpose`` applied to a tensor is the gradient of ``conv`` in that direction."""
    with registry.backend_scope(backend_name) as backend:
        y = backend.convert_to_tensor(normal(2, 3, 3, 4).astype("float32"))
        kernel = backend.convert_to_tensor(normal(3, 3, 5, 4).astype("float32"))
        transposed = ops.conv_transpose(y, kernel, stride, padding)
        x = backend.convert_to_tensor(np.zeros(transposed.shape, "float32"))

        def total(leaves: list[Any]) -> tuple[Any, None]:
            return ops.sum(ops.conv(leaves[0], kernel, stride, padding) * y), None

        (gradient,) = backend.value_and_grad(total, [x])[2]
        np.testing.assert_allclose(backend.to_numpy(transposed), backend.to_numpy(gradient), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((3, 3, 2, 8))), "3 input channels"),
        (lambda: ops.conv(np.ones((1, 4)), np.ones((3, 3))), "needs inputs of 3 to 5 axes"),
        (lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((3, 3, 3, 8)), padding="full"), "must be 'valid' or 'same'"),
        (
            lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((3, 3, 3, 8)), strides=0),
            "strides must be a positive integer",
        ),
        (lambda: ops.max_pool(np.ones((1, 4, 4, 3)), (2, 2, 2)), "pool_size must be a positive integer or 2"),
        (lambda: ops.glu(np.ones((2, 3))), "needs an even size along axis -1"),
        (lambda: ops.binary_crossentropy(np.ones((2, 3)), np.ones((2, 2))), "of one shape"),
        (lambda: ops.sparse_categorical_crossentropy(np.ones(3, "int32"), np.ones((2, 2))), "without the classes"),
        (lambda: ops.dot_product_attention(*(np.ones((2, 3, 4)),) * 3), "needs a query"),
        (lambda: ops.normalize(np.ones(3), order=0), "positive order"),
        (lambda: ops.multi_hot([[1]]), "needs num_classes"),
        (lambda: ops.depth_to_space(np.ones((1, 2, 2, 3)), 2), "channels divisible by 4"),
        (lambda: ops.scan(lambda c, x: (c, x), 0.0), "needs xs to go through or a length"),
    ],
)
def test_errors(backend: Any, call: Any, message: str) -> None:
    """Shapes and arguments that don't fit are named."""
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call()


@pytest.mark.skipif("jax" not in TRAINING, reason="jax isn't installed")
@pytest.mark.parametrize("heads", [4, 2])
@pytest.mark.parametrize("given", ["nothing", "bias", "mask", "both"])
@pytest.mark.parametrize("causal", [True, False])
def test_attention_by_a_kernel(monkeypatch: pytest.MonkeyPatch, heads: int, given: str, causal: bool) -> None:
    """On a GPU, JAX's own attention takes the arguments and gives what the definition does; here XLA stands for cuDNN."""
    import jax

    from triceras.backends.jax import attention

    with registry.backend_scope("jax") as backend:
        arrays = [normal(2, 5, n, 8, seed=n) for n in (4, heads, heads)]
        query, key, value = (ops.cast(backend.convert_to_tensor(a), "bfloat16") for a in arrays)
        bias = ops.cast(backend.convert_to_tensor(normal(4, 5, 5)), "bfloat16") if given in ("bias", "both") else None
        mask = backend.convert_to_tensor(np.arange(25).reshape(5, 5) % 3 != 1) if given in ("mask", "both") else None
        expected = ops.dot_product_attention(query, key, value, bias, mask, 0.5, causal)
        used = []
        native = jax.nn.dot_product_attention

        def kernel(*args: Any, **kwargs: Any) -> Any:
            used.append(kwargs["implementation"])
            return native(*args, **kwargs | {"implementation": "xla"})

        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        monkeypatch.setattr(jax.nn, "dot_product_attention", kernel)
        body = attention.TABLE["dot_product_attention"]
        found = body(query, key, value, bias, mask, 0.5, causal)
        assert used == ["cudnn"]
        assert body(query, key, value, bias, mask, 0.5, causal, False) is NotImplemented
        assert body(*(ops.cast(x, "float32") for x in (query, key, value))) is NotImplemented
    np.testing.assert_allclose(np.asarray(found, "float32"), np.asarray(expected, "float32"), atol=0.02)


def test_custom_gradient_is_used() -> None:
    """A function's own gradient replaces the true one."""
    for name in TRAINING:
        with registry.backend_scope(name) as backend:
            function = ops.custom_gradient(lambda a, b: (a * b, lambda upstream: (upstream * 7, upstream * 9)))
            tensors = [backend.convert_to_tensor(v) for v in ([2.0], [3.0])]
            value, _, gradients = backend.value_and_grad(lambda p, f=function: (ops.sum(f(*p)), None), tensors)
            assert backend.to_numpy(value) == 6
            assert [backend.to_numpy(g).item() for g in gradients] == [7, 9]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "bool"])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (0, 5), (2, 3, 5)])
def test_affine_is_a_product_and_a_sum(backend: Any, shape: tuple[int, ...], dtype: str) -> None:
    """A backend's own kernel gives what the definition does, dtypes and sizes of zero included."""
    x, kernel, bias = (ops.cast(normal(*s) * 3, dtype) for s in (shape, (5, 3), (3,)))
    expected = ops.add(ops.matmul(x, kernel), bias)
    result = affine(x, kernel, bias)
    assert (ops.dtype(result), ops.shape(result)) == (ops.dtype(expected), ops.shape(expected))
    tolerance = {"float32": 1e-6, "bfloat16": 2e-2}.get(dtype, 0)
    np.testing.assert_allclose(
        *(np.asarray(ops.convert_to_numpy(ops.cast(v, "float32"))) for v in (result, expected)), tolerance, tolerance
    )
