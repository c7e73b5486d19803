"""Training: the same curves on all backends, whatever the data and however the steps run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 2)) + 0.1 * RNG.normal(size=(50, 2))).astype("float32")
LABELS = (X.sum(1) > 0).astype("int32") + (X[:, 0] > 1)


@pytest.fixture(params=TRAINING)
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def mlp(dropout: float = 0.0, outputs: int = 2, **compiled: object) -> triceras.Model:
    triceras.utils.clear_session()
    triceras.utils.set_random_seed(5)
    model = triceras.Sequential(
        [
            triceras.Input((4,)),
            layers.Dense(16, "relu"),
            layers.Dropout(dropout),
            layers.Dense(16, "tanh"),
            layers.Dense(outputs),
        ]
    )
    model.compile(**({"optimizer": triceras.optimizers.Adam(0.01), "loss": "mse"} | compiled))
    return model


class Batches(callbacks.Callback):
    """Gathers the running loss after every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.losses.append((logs or {})["loss"])


def curves(run: Callable[[], list[float]]) -> dict[str, list[float]]:
    found = {}
    for name in TRAINING:
        with backend_scope(name):
            found[name] = run()
    return found


def agree(found: dict[str, list[float]], rtol: float = 1e-4) -> None:
    reference = found[TRAINING[0]]
    for name, values in found.items():
        np.testing.assert_allclose(values, reference, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_fifty_steps_give_the_same_losses(rate: float) -> None:
    def run() -> list[float]:
        model = mlp(rate)
        watcher = Batches()
        model.fit(X, Y, batch_size=10, epochs=10, verbose=0, callbacks=[watcher])
        assert len(watcher.losses) == 50
        return watcher.losses

    found = curves(run)
    agree(found)
    assert all(values[-1] < 0.7 * values[0] for values in found.values())


#: Name -> (arguments of compile, arguments of fit, the figures to expect).
WAYS: dict[str, tuple[dict[str, object], dict[str, object], set[str]]] = {
    "partial last batch": ({}, {"batch_size": 16}, {"loss"}),
    "one batch": ({}, {"batch_size": 500}, {"loss"}),
    "no shuffling": ({}, {"shuffle": False}, {"loss"}),
    "metrics": ({"metrics": ["mae", triceras.metrics.MeanSquaredError]}, {}, {"loss", "mae", "mean_squared_error"}),
    "weighted metrics": (
        {"metrics": ["mae"], "weighted_metrics": ["mse"]},
        {"sample_weight": np.linspace(0, 1, 50)},
        {"loss", "mae", "mse"},
    ),
    "sample weights": ({}, {"sample_weight": np.linspace(0, 1, 50)}, {"loss"}),
    "validation split": ({}, {"validation_split": 0.2}, {"loss", "val_loss"}),
    "validation data": ({"metrics": ["mae"]}, {"validation_data": (X[:7], Y[:7])}, {"loss", "val_loss", "mae", "val_mae"}),
    "validation weights": (
        {},
        {"validation_data": (X[:7], Y[:7], np.arange(7)), "validation_batch_size": 3},
        {"loss", "val_loss"},
    ),
    "steps per epoch": ({}, {"steps_per_epoch": 2, "batch_size": 10}, {"loss"}),
    "steps per execution": ({"steps_per_execution": 3}, {"batch_size": 8}, {"loss"}),
    "automatic steps": ({"steps_per_execution": "auto"}, {"batch_size": 8}, {"loss"}),
    "eager": ({"run_eagerly": True}, {}, {"loss"}),
    "jit": ({"jit_compile": True}, {}, {"loss"}),
    "no jit": ({"jit_compile": False}, {}, {"loss"}),
    "loss weights": ({"loss_weights": 0.5}, {}, {"loss"}),
    "regularized": ({"optimizer": "sgd"}, {}, {"loss"}),
    "clipping and averages": (
        {"optimizer": triceras.optimizers.AdamW},
        {},
        {"loss"},
    ),
}  # fmt: skip


def made(value: object) -> object:
    if isinstance(value, list):
        return [made(v) for v in value]
    return value() if isinstance(value, type) else value


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_train_agree_on_all_backends(name: str) -> None:
    compiled, fitted, figures = WAYS[name]

    def run() -> list[float]:
        model = mlp(**{key: made(value) for key, value in compiled.items()})
        before = [w.copy() for w in model.get_weights()]
        kept = model.get_weights()
        history = model.fit(X, Y, epochs=3, verbose=0, **fitted)
        assert set(history.history) == figures
        assert all(len(values) == 3 for values in history.history.values())
        assert history.epoch == [0, 1, 2]
        for a, b in zip(before, kept, strict=True):
            np.testing.assert_array_equal(a, b)
        evaluated = model.evaluate(X, Y, verbose=0, return_dict=True)
        return [*(v for key in sorted(figures) for v in history.history[key]), *evaluated.values()]

    agree(curves(run))


@pytest.mark.parametrize("option", [{"run_eagerly": True}, {"jit_compile": False}, {"steps_per_execution": 4}])
def test_compiled_and_eager_steps_agree(training_backend: Backend, option: dict[str, object]) -> None:
    def losses(**compiled: object) -> list[float]:
        return mlp(0.2, **compiled).fit(X, Y, batch_size=8, epochs=4, verbose=0).history["loss"]

    np.testing.assert_allclose(losses(**option), losses(), rtol=1e-5)


def test_sources_of_data_agree(training_backend: Backend) -> None:
    """Arrays, lists, tensors of the framework, a generator, an iterable of batches, a dictionary."""

    class Source:
        def __len__(self) -> int:
            return 5

        def __iter__(self) -> Iterator[object]:
            return ((X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10))

    def forever() -> Iterator[object]:
        while True:
            yield from Source()

    tensors = [triceras.ops.convert_to_tensor(a) for a in (X, Y)]
    plain = {"shuffle": False, "batch_size": 10}
    expected = mlp().fit(X, Y, epochs=2, verbose=0, **plain).history["loss"]
    for x, y, options in (
        (X.tolist(), Y.tolist(), plain),
        (X.astype("float64"), Y, plain),
        (*tensors, plain),
        (Source(), None, {}),
        (forever(), None, {"steps_per_epoch": 5}),
    ):
        if isinstance(x, list):
            x, y = np.array(x), np.array(y)
        history = mlp().fit(x, y, epochs=2, verbose=0, **options)
        np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-5)


def test_tensors_of_any_framework_are_data(training_backend: Backend) -> None:
    for name in TRAINING:
        with backend_scope(name):
            x, y = triceras.ops.convert_to_tensor(X), triceras.ops.convert_to_tensor(Y)
        model = mlp()
        assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])
        np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_class_weights(training_backend: Backend) -> None:
    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    per_sample = np.array([weights[int(c)] for c in LABELS])
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    by_class = mlp(outputs=3, loss=loss).fit(X, LABELS, class_weight=weights, verbose=0).history["loss"]
    by_sample = mlp(outputs=3, loss=loss).fit(X, LABELS, sample_weight=per_sample, verbose=0).history["loss"]
    one_hot = triceras.utils.to_categorical(LABELS, 3)
    loss = triceras.losses.CategoricalCrossentropy(from_logits=True)
    hot = mlp(outputs=3, loss=loss).fit(X, one_hot, class_weight=weights, verbose=0).history["loss"]
    np.testing.assert_allclose(by_class, by_sample, rtol=1e-6)
    np.testing.assert_allclose(by_class, hot, rtol=1e-5)


def test_initial_epoch_and_continuing(training_backend: Backend) -> None:
    model = mlp()
    first = model.fit(X, Y, epochs=2, verbose=0)
    second = model.fit(X, Y, epochs=5, initial_epoch=2, verbose=0)
    assert second.epoch == [2, 3, 4]
    assert second.history["loss"][0] < first.history["loss"][0]
    assert model.history is second


def test_validation_frequency(training_backend: Backend) -> None:
    history = mlp().fit(X, Y, epochs=4, validation_split=0.2, validation_freq=2, verbose=0).history
    assert len(history["val_loss"]) == 2
    history = mlp().fit(X, Y, epochs=4, validation_split=0.2, validation_freq=[1], verbose=0).history
    assert len(history["val_loss"]) == 1


def two_outputs(**compiled: object) -> triceras.Model:
    triceras.utils.clear_session()
    triceras.utils.set_random_seed(5)
    x = triceras.Input((4,), name="x")
    hidden = layers.Dense(8, "relu")(x)
    outputs = {"value": layers.Dense(2, name="v")(hidden), "kind": layers.Dense(3, "softmax", name="k")(hidden)}
    model = triceras.Model({"x": x}, outputs)
    model.compile(optimizer="adam", **compiled)
    return model


def test_several_outputs_by_name() -> None:
    def run() -> list[float]:
        model = two_outputs(
            loss={"value": "mse", "kind": "sparse_categorical_crossentropy"},
            loss_weights={"value": 0.5, "kind": 2.0},
            metrics={"value": ["mae"], "kind": "accuracy"},
        )
        history = model.fit({"x": X}, {"value": Y, "kind": LABELS}, epochs=3, verbose=0).history
        assert set(history) == {"loss", "value_loss", "kind_loss", "value_mae", "kind_accuracy"}
        for total, value, kind in zip(history["loss"], history["value_loss"], history["kind_loss"], strict=True):
            assert total == pytest.approx(0.5 * value + 2.0 * kind, rel=1e-4)
        return [v for key in sorted(history) for v in history[key]]

    agree(curves(run))


def test_several_outputs_in_a_list(training_backend: Backend) -> None:
    x = triceras.Input((4,))
    model = triceras.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.0], metrics=[["mse"], []])
    figures = model.fit(X, [Y, Y], epochs=1, verbose=0).history
    assert set(figures) == {"loss", "a_loss", "b_loss", "a_mse"}
    assert figures["loss"] == pytest.approx(figures["a_loss"])
    one = triceras.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    one.compile("sgd", {"a": "mse"})
    assert np.isfinite(one.fit(X, {"a": Y, "b": Y}, verbose=0).history["loss"][0])


def test_single_batches(training_backend: Backend) -> None:
    model = mlp(metrics=["mae"])
    loss, mae = model.train_on_batch(X, Y)
    assert loss > 0
    figures = model.train_on_batch(X, Y, sample_weight=np.ones(50), return_dict=True)
    assert set(figures) == {"loss", "mae"}
    model.reset_metrics()
    tested = model.test_on_batch(X, Y, return_dict=True)
    assert tested == pytest.approx(model.evaluate(X, Y, verbose=0, return_dict=True), rel=1e-5)
    predicted = model.predict_on_batch(X)
    assert isinstance(predicted, np.ndarray)
    np.testing.assert_allclose(predicted, model.predict(X, verbose=0, batch_size=7), rtol=1e-5, atol=1e-6)
    loss, mae = model.evaluate(X, Y, verbose=0, batch_size=7)
    np.testing.assert_allclose(loss, np.mean((predicted - Y) ** 2), rtol=1e-4)
    np.testing.assert_allclose(mae, np.mean(np.abs(predicted - Y)), rtol=1e-4)
    assert isinstance(mlp().evaluate(X, Y, verbose=0), float)


def test_freezing_between_fits(training_backend: Backend) -> None:
    model = mlp()
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    frozen, free = model.layers[0].kernel.numpy(), model.layers[-1].kernel.numpy()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), frozen)
    assert not np.array_equal(model.layers[-1].kernel.numpy(), free)


def test_variables_that_were_given_one_value(training_backend: Backend) -> None:
    """Each has memory of its own to train in, and the frozen one keeps its value."""
    model = triceras.Sequential([triceras.Input((4,)), layers.Dense(4), layers.Dense(4), layers.Dense(4)])
    first, second, frozen = model.layers
    second.kernel.assign(first.kernel.value)
    frozen.kernel.assign(first.kernel.value)
    frozen.trainable = False
    start = frozen.kernel.numpy()
    model.compile(triceras.optimizers.SGD(0.05), "mse")
    model.fit(X, X, epochs=2, verbose=0)
    np.testing.assert_array_equal(frozen.kernel.numpy(), start)
    changed = [first.kernel.numpy(), second.kernel.numpy()]
    assert not any(np.array_equal(kernel, start) for kernel in changed)
    assert not np.array_equal(*changed)


def test_mixed_precision_trains(training_backend: Backend) -> None:
    for policy in ("mixed_bfloat16", "mixed_float16"):
        triceras.config.set_dtype_policy(policy)
        try:
            model = mlp()
            losses = model.fit(X, Y, epochs=8, verbose=0).history["loss"]
        finally:
            triceras.config.set_dtype_policy(None)
        assert losses[-1] < losses[0]
        assert {v.dtype for v in model.trainable_variables} == {"float32"}


def test_numpy_predicts_and_evaluates_but_does_not_train() -> None:
    with backend_scope("numpy"):
        model = mlp()
        assert model.predict(X, verbose=0).shape == (50, 2)
        assert model.evaluate(X, Y, verbose=0) > 0
        with pytest.raises(ValueError, match="was made on the numpy backend, which doesn't train"):
            model.fit(X, Y)
