"""Sources of batches."""

from __future__ import annotations

import numpy as np
import pytest

import triceras
from triceras import tree
from triceras.backends import registry
from triceras.backends.registry import Backend
from triceras.training.data.array_source import ArraySource
from triceras.training.data.batch_sources import IteratorSource
from triceras.training.data.batches import (
    Layout,
    as_array,
    is_array_like,
    lists_as_arrays,
    pack_x_y_sample_weight,
    train_validation_split,
    unpack_x_y_sample_weight,
    weights_by_class,
)
from triceras.training.data.sources import make_source
from triceras.utils import set_random_seed

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


@pytest.mark.parametrize(
    "data, expected",
    [
        (1, (1, None, None)),
        ((1,), (1, None, None)),
        ((1, 2), (1, 2, None)),
        ((1, 2, 3), (1, 2, 3)),
        ([1, 2], (1, 2, None)),
        ({"a": 1}, ({"a": 1}, None, None)),
    ],
)
def test_unpacking(data: object, expected: tuple[object, ...]) -> None:
    assert unpack_x_y_sample_weight(data) == expected
    assert unpack_x_y_sample_weight(pack_x_y_sample_weight(*expected)) == expected


def test_layouts_flatten_and_rebuild_batches() -> None:
    batch = ({"b": 1, "a": [2, None]}, 3, None)
    layout = Layout(batch)
    assert layout.flatten(batch) == [2, 1, 3]
    assert layout.unflatten([20, 10, 30]) == ({"b": 10, "a": [20, None]}, 30, None)
    with pytest.raises(ValueError, match="The batches change their structure"):
        layout.flatten(({"b": 1, "a": [2, 3]}, 3, None))
    assert layout.key != Layout((1, 2, 3)).key


@pytest.mark.parametrize(
    "value, dtype",
    [
        (X.astype("float64"), "float32"),
        (X.astype("float16"), "float32"),
        (Y, "int64"),
        ([[1, 2], [3, 4]], "int64"),
        (X > 3, "bool"),
        (np.arange(3, dtype="uint8"), "uint8"),
    ],
)
def test_host_data_keeps_its_kind(value: object, dtype: str) -> None:
    assert as_array(value).dtype == dtype


def test_frames_are_read_by_their_own_method() -> None:
    class Frame:
        def to_numpy(self) -> np.ndarray:
            return X.astype("float64")

    np.testing.assert_array_equal(as_array(Frame()), X)


def test_class_weights_by_label_or_one_hot() -> None:
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    labels = np.array([0, 2, 1, 5])
    assert weights_by_class(labels, weights).tolist() == [1.0, 3.0, 2.0, 1.0]
    assert weights_by_class(labels[:3, None], weights).tolist() == [1.0, 3.0, 2.0]
    assert weights_by_class(np.eye(3)[labels[:3]], weights).tolist() == [1.0, 3.0, 2.0]


def test_arrays_in_batches(backend: Backend) -> None:
    source = ArraySource({"x": X}, Y, batch_size=4, backend=backend)
    assert (source.rows, source.batch_size, source.steps) == (10, 4, 3)
    first = source.first_batch()
    assert tuple(first[0]["x"].shape) == (4, 2)
    assert first[2] is None
    assert source.order()[:].tolist() == list(range(10))


def test_orders_are_the_same_everywhere_and_differ_by_epoch() -> None:
    orders = []
    for name in registry.available_backends():
        set_random_seed(3)
        source = ArraySource(X, Y, shuffle=True, backend=registry.get_backend(name))
        orders.append([source.order().tolist() for _ in range(3)])
    assert all(order == orders[0] for order in orders)
    assert orders[0][0] != orders[0][1]
    assert sorted(orders[0][2]) == list(range(10))


def test_iterators_peek_without_losing_a_batch(backend: Backend) -> None:
    source = IteratorSource(
        iter([(X[:4], Y[:4]), (X[4:8], Y[4:8]), (X[8:], Y[8:])]), class_weight=None, backend=backend
    )
    assert source.steps is None
    assert tuple(source.first_batch()[0].shape) == (4, 2)
    assert [tuple(batch[0].shape) for batch, _, _ in source.batches()] == [(4, 2), (4, 2), (2, 2)]
    assert list(source.batches()) == []


def test_iterables_begin_again(backend: Backend) -> None:
    batches = [(X[:4], Y[:4]), (X[4:8], Y[4:8])]

    class Again:
        def __len__(self) -> int:
            return 2

        def __iter__(self) -> object:
            return iter(batches)

    source = make_source(Again(), None, None, batch_size=None, shuffle=False, class_weight={3: 9.0}, backend=backend)
    assert source.steps == 2
    for _ in range(2):
        assert [np.asarray(backend.to_numpy(b[2])).tolist() for b, _, _ in source.batches()] == [
            [1.0, 1.0, 1.0, 9.0],
            [1.0] * 4,
        ]


def test_what_counts_as_arrays() -> None:
    assert is_array_like(X)
    assert is_array_like({"a": X, "b": [X, None]})
    assert is_array_like([[1, 2], [3, 4]])
    assert not is_array_like(iter([X]))
    assert not is_array_like("text")


def test_splitting_takes_the_end() -> None:
    (x, y, _), (val_x, val_y, weight) = train_validation_split(({"a": X}, Y, None), 0.3)
    assert (len(x["a"]), len(y), len(val_x["a"])) == (7, 7, 3)
    assert val_y.tolist() == [7, 8, 9]
    assert weight is None


@pytest.mark.parametrize(
    "data, shapes",
    [
        ([[1.0, 2.0], [3.0, 4.0]], (2, 2)),
        ([0, True, np.float32(3)], (3,)),
        ((0, 1), (2,)),
        ([], (0,)),
        ([X, X], [(10, 2), (10, 2)]),
        ([X, [1, 2]], [(10, 2), (2,)]),
        ({"a": [[1], [2]], "b": X}, {"a": (2, 1), "b": (10, 2)}),
    ],
)
def test_nested_lists_of_numbers_are_arrays(data: object, shapes: object) -> None:
    assert tree.map_structure(np.shape, lists_as_arrays(data)) == tree.map_structure(lambda x: x, shapes)


def test_lists_of_numbers_train_like_arrays() -> None:
    """In every place that takes data, on every backend, with the numbers of the arrays."""
    x, y, weights = X.tolist(), Y.tolist(), [1.0] * 9 + [0.0]

    def figures(x: object, y: object, weights: object) -> list[object]:
        set_random_seed(0)
        model = triceras.Sequential([triceras.Input((2,)), triceras.layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(x, y, sample_weight=weights, validation_split=0.3, epochs=2, verbose=0)
        return [
            history.history["loss"],
            history.history["val_loss"],
            model.fit(x, y, validation_data=(x, y), verbose=0).history["val_loss"],
            model.fit(x, y, class_weight={0: 2.0}, verbose=0).history["loss"],
            model.evaluate(x, y, verbose=0),
            model.train_on_batch(x, y),
            model.test_on_batch(x, y),
            model.predict(x, verbose=0),
            model.predict_on_batch(x),
            model.fit(iter([(x, y)] * 2), verbose=0).history["loss"],
        ]

    for name in registry.available_backends():
        if name != "numpy":
            with registry.backend_scope(name):
                as_lists, as_arrays = figures(x, y, weights), figures(X, Y, np.array(weights))
            for got, wanted in zip(as_lists, as_arrays, strict=True):
                np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_rows_of_different_lengths(backend: Backend) -> None:
    with pytest.raises(ValueError, match=r"nested list of numbers .* rows of one length, received .* Pad the rows"):
        ArraySource([[1.0], [2.0, 3.0]], backend=backend)
