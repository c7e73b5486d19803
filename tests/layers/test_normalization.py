"""What ``adapt`` takes and finds; batch normalization that shares its statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import triceras
from tests.layers.table import normal
from triceras import layers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

X = normal(10, 3) * [1.0, 5.0, 0.5] + [0.0, -3.0, 2.0]


class ByNumber:
    """Batches behind ``len`` and ``[]``, as data sets hold them."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        if i >= len(self):
            raise AssertionError("read past its length")
        return X[4 * i : 4 * i + 4], np.ones(4)


def _tensor() -> Any:
    return ops.convert_to_tensor(X, "float32")


def _tf_data() -> Any:
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(X.astype("float32")).batch(4)


def _loader() -> Any:
    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X)), batch_size=4)


SOURCES: dict[str, Callable[[], Any]] = {
    "array": lambda: X,
    "float32": lambda: X.astype("float32"),
    "tensor": _tensor,
    "nested list": lambda: X.tolist(),
    "list of batches": lambda: [X[:4], X[4:8], X[8:]],
    "generator": lambda: (X[i : i + 3] for i in range(0, 10, 3)),
    "generator of pairs": lambda: ((X[i : i + 3], 0) for i in range(0, 10, 3)),
    "by number": ByNumber,
    "tf.data": _tf_data,
    "DataLoader": _loader,
}


@pytest.mark.parametrize("source", SOURCES)
def test_adapt(backend: Backend, source: str) -> None:
    """The moments of all rows, however they come; and the layer then gives mean zero and variance one."""
    layer = layers.Normalization()
    layer.adapt(X * 7 + 1)  # what was adapted to before is forgotten
    layer.adapt(SOURCES[source]())
    np.testing.assert_allclose(ops.convert_to_numpy(layer.adapt_mean), X.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.adapt_variance), X.var(0), rtol=1e-5)
    result = ops.convert_to_numpy(layer(_tensor()))
    np.testing.assert_allclose(result, (X - X.mean(0)) / X.std(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axis, kept", [(None, ()), (-1, (2,)), (1, (1,)), ((1, 2), (1, 2)), ((-1, -2), (1, 2))])
def test_adapt_along_axes(backend: Backend, axis: Any, kept: tuple[int, ...]) -> None:
    x = normal(6, 3, 4)
    reduced = tuple(a for a in range(3) if a not in kept)
    expected = (x - x.mean(reduced, keepdims=True)) / x.std(reduced, keepdims=True)
    for data in (x, [x[:2], x[2:]]):
        layer = layers.Normalization(axis)
        layer.adapt(data)
        result = ops.convert_to_numpy(layer(ops.convert_to_tensor(x, "float32")))
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
        back = layers.Normalization(axis, invert=True)
        back.adapt(data)
        np.testing.assert_allclose(ops.convert_to_numpy(back(result)), x, rtol=1e-4, atol=1e-4)


def test_adapted_statistics_are_saved(backend: Backend, tmp_path: Any) -> None:
    layer = layers.Normalization()
    layer.adapt(X)
    model = triceras.Sequential([triceras.Input((3,)), layer])
    model.save(tmp_path / "m.keras")
    again = triceras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize(
    "data, message",
    [
        (iter([]), r"Layer 'norm': adapt\(\) was given no data"),
        (3.0, r"Layer 'norm': adapt\(\) takes an array or an iterable of batches, received float"),
        (
            [X, X[:, :2]],
            r"Layer 'norm': adapt\(\) received a batch of shape \(10, 2\), expected 2 axes with sizes \(3,\) in",
        ),
        ([X, X[0]], r"received a batch of shape \(3,\), expected 2 axes"),
    ],
    ids=["nothing", "number", "other width", "other rank"],
)
def test_adapt_to_bad_data(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layers.Normalization(name="norm").adapt(data)


def test_adapt_beside_given_statistics() -> None:
    with pytest.raises(ValueError, match="was given its mean and variance"):
        layers.Normalization(mean=0.0, variance=1.0).adapt(X)


@pytest.mark.parametrize("name", [name for name in registry.available_backends() if name != "numpy"])
def test_synchronized_batch_normalization_on_one_device(name: str) -> None:
    """Alone it is batch normalization as ever: outputs, statistics, gradients, in eager and compiled steps."""
    x, y = normal(12, 3).astype("float32"), normal(12, 1).astype("float32")
    results = []
    with backend_scope(name):
        for synchronized in (False, True):
            triceras.utils.set_random_seed(0)
            norm = layers.BatchNormalization(momentum=0.8, synchronized=synchronized)
            assert norm.get_config()["synchronized"] is synchronized
            eager = ops.convert_to_numpy(norm(ops.convert_to_tensor(x), training=True))
            model = triceras.Sequential([triceras.Input((3,)), norm, layers.Dense(1)])
            model.compile("sgd", "mse")
            history = model.fit(x, y, batch_size=4, epochs=2, verbose=0).history["loss"]
            results.append([eager, np.array(history), *model.get_weights()])
    for alone, shared in zip(*results, strict=True):
        np.testing.assert_allclose(shared, alone, rtol=1e-6, atol=1e-7)


def test_adapting_again_reaches_compiled_steps(backend: Backend) -> None:
    layer = layers.Normalization()
    layer.adapt(X)
    model = triceras.Sequential([triceras.Input(X.shape[1:]), layer])
    model.predict(X, verbose=0)
    layer.adapt(X * 10 + 1)
    expected = (X - (X * 10 + 1).mean(0)) / (X * 10).std(0)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5)
