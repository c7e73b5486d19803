"""Sparse data in fit, evaluate and predict: the numbers of the same data given dense, never all of it made dense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.core.errors import SparseError, UnsupportedError
from triceras.training.data.array_source import ArraySource
from triceras.training.data.batch_sources import IteratorSource
from triceras.training.data.sparse_rows import SparseRows
from triceras.utils import set_random_seed

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
X = scipy.sparse.random(45, 12, density=0.2, format="csr", random_state=0, dtype="float32")
Y = np.random.default_rng(0).random((45, 1)).astype("float32")


def _figures(x: Any, sparse: bool) -> list[Any]:
    """Losses of two epochs with validation, the evaluation, predictions, and a step on one batch."""
    set_random_seed(0)
    inputs = triceras.Input((12,), sparse=sparse)
    model = triceras.Model(inputs, layers.Dense(1)(layers.Dense(3, "relu")(inputs)))
    model.compile("adam", "mse")
    history = model.fit(x, Y, batch_size=16, epochs=2, verbose=0, validation_split=0.2).history
    evaluated = model.evaluate(x, Y, batch_size=16, verbose=0)
    predicted = model.predict(x, batch_size=16, verbose=0)
    np.testing.assert_allclose(model.predict_on_batch(x), predicted, 1e-5, 1e-6)
    return [*history["loss"], *history["val_loss"], evaluated, *predicted.ravel(), model.train_on_batch(x, Y)]


@pytest.mark.parametrize("name", TRAINING)
def test_sparse_data_trains_like_dense_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with registry.backend_scope(name) as backend:
        expected = _figures(X.toarray(), sparse=False)
        native = ops.convert_to_tensor(X)
        monkeypatch.setattr(type(backend), "to_dense", None)
        monkeypatch.setattr(scipy.sparse.csr_matrix, "toarray", None)
        for data in (X, native):
            np.testing.assert_allclose(_figures(data, sparse=True), expected, 1e-5, 1e-6)


@pytest.mark.parametrize("name", TRAINING)
def test_batches_of_a_generator(name: str) -> None:
    """Batches of SciPy's and native ones, whose numbers of elements differ, beside a dense input."""
    with registry.backend_scope(name) as backend:
        losses = []
        for sparse in (False, True):
            set_random_seed(0)
            inputs = [triceras.Input((12,), sparse=sparse), triceras.Input((1,))]
            model = triceras.Model(inputs, layers.Dense(1)(inputs[0]) + inputs[1])
            model.compile("sgd", "mse", run_eagerly=name == "torch")

            def batches(sparse: bool = sparse) -> Iterator[Any]:
                for start in range(0, 40, 8):
                    rows = X[start : start + 8]
                    x = (ops.convert_to_tensor(rows) if start % 16 else rows) if sparse else rows.toarray()
                    yield [x, Y[start : start + 8]], Y[start : start + 8]

            losses.append(model.fit(batches(), verbose=0).history["loss"])
        np.testing.assert_allclose(losses[1], losses[0], 1e-5)
        assert backend.is_sparse(IteratorSource(batches(), backend=backend).first_batch()[0][0])


def test_rows_are_cut_in_any_order() -> None:
    rows = SparseRows.of(X)
    order = np.array([7, 3, 44, 3])
    for name in TRAINING:
        backend = registry.get_backend(name)
        part = rows.tensor(order, backend)
        assert backend.is_sparse(part)
        np.testing.assert_array_equal(ops.convert_to_numpy(part), X.toarray()[order])
    cube = SparseRows.of(scipy.sparse.coo_array(np.eye(8).reshape(4, 2, 8)))
    assert (cube.shape, cube[1:3].shape, cube.dtype) == ((4, 2, 8), (2, 2, 8), "float32")


def test_programs_are_compiled_for_few_numbers_of_elements() -> None:
    """Room is a power of two, or what the fullest rows of the data need."""
    dense = np.zeros((6, 9))
    dense[np.arange(6).repeat(3), np.arange(18) % 9] = 1  # three elements in each row
    source = SparseRows.of(scipy.sparse.csr_matrix(dense))
    assert [source._capacity(count, 6) for count in (0, 1, 3, 5, 9, 17)] == [1, 1, 4, 8, 16, 18]


def test_what_sparse_data_cannot_do(backend: Any) -> None:
    model = triceras.Sequential([layers.Dense(1)])
    if backend.name not in TRAINING:
        with pytest.raises(UnsupportedError, match="The numpy backend has no sparse tensors"):
            model.predict(X, verbose=0)
        return
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="The arrays have different numbers of samples: x: 45, y: 44"):
        model.fit(X, Y[:-1], verbose=0)
    with pytest.raises(SparseError, match=r"^softmax\(\) doesn't take sparse tensors"):
        triceras.Sequential([layers.Softmax()]).predict(X, verbose=0)
    assert not ArraySource(X, backend=backend).on_device


@pytest.mark.parametrize("name", TRAINING)
def test_symbolic_layers_say_what_they_compute(name: str) -> None:
    """A symbol is sparse where the tensor is: for layers of one input and of two."""
    with registry.backend_scope(name) as backend:
        x, dense = ops.convert_to_tensor(X), X.toarray()
        sparse, other = triceras.Input((12,), sparse=True), triceras.Input((12,))
        single = [
            layers.Flatten(),
            layers.Reshape((3, 4)),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
        made = [layer(sparse) for layer in single]
        for merge in (layers.Add, layers.Multiply, layers.Maximum, layers.Average, layers.Concatenate):
            made += [merge()([sparse, sparse]), merge()([sparse, other])]
        for symbol, value in zip(made, triceras.Model([sparse, other], made)([x, dense]), strict=True):
            assert (symbol.sparse, symbol.shape[1:]) == (backend.is_sparse(value), tuple(value.shape)[1:]), symbol
        assert not layers.Embedding(4, 3)(triceras.Input((2,), sparse=True)).sparse


def test_an_explicit_wish_for_xla_is_answered() -> None:
    if "tensorflow" not in TRAINING:
        return
    with registry.backend_scope("tensorflow"):
        model = triceras.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=True)
        with pytest.warns(UserWarning, match="runs as a graph without XLA: XLA has no kernels for products of sparse"):
            model.fit(X, Y, verbose=0)
