"""What training can do besides plain steps, on every backend: each weight after each training is what NumPy makes of it.

A model of two dense layers side by side, ``a(x) + b(x)``, whose gradients are a line of NumPy, is trained with the data in
memory (four steps in one call), from an iterable and step by step without being compiled. ``tests/optimizers`` compares the
updates alone with Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers, ops, optimizers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

RNG = np.random.default_rng(1)
ROWS, BATCH, EPOCHS = 22, 4, 2
X = RNG.normal(size=(ROWS, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 2)) + 2.0).astype("float32")
PATHS = ("a/kernel", "a/bias", "b/kernel", "b/bias")
START = {path: RNG.normal(size=(3, 2) if "kernel" in path else (2,)).astype("float32") for path in PATHS}
Weights = dict[str, np.ndarray]


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


# ---- the model, and how it is trained --------------------------------------------------------------------------------


def two_layers(optimizer: Any, *more: layers.Layer, **compiled: Any) -> triceras.Model:
    """``a(x) + b(x)`` with the weights of ``START``; what other layers make of the inputs is added."""
    triceras.utils.clear_session()
    x = triceras.Input((3,))
    made = [layers.Dense(2, name="a"), layers.Dense(2, name="b"), *more]
    model = triceras.Model(x, layers.Add()([layer(x) for layer in made]))
    for layer in made[:2]:
        layer.set_weights([START[f"{layer.name}/kernel"], START[f"{layer.name}/bias"]])
    model.compile(optimizer, "mse", **compiled)
    return model


def weights_of(model: triceras.Model) -> Weights:
    return {v.path: v.numpy() for v in model.variables if v.path in PATHS}


class Batches:
    """An iterable of batches, the last one smaller."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((self.x[i : i + BATCH], self.y[i : i + BATCH]) for i in range(0, len(self.x), BATCH))


def in_memory(model: triceras.Model, x: np.ndarray, y: np.ndarray, **options: Any) -> Any:
    model.steps_per_execution = 4
    return model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, **options)


def from_an_iterable(model: triceras.Model, x: np.ndarray, y: np.ndarray, **options: Any) -> Any:
    return model.fit(Batches(x, y), verbose=0, **options)


def eagerly(model: triceras.Model, x: np.ndarray, y: np.ndarray, **options: Any) -> Any:
    model.run_eagerly = True
    return in_memory(model, x, y, **options)


WAYS = [in_memory, from_an_iterable, eagerly]


#: Adam's 1 - 0.999**step has four digits in float32, so that each of twelve steps of 0.05 may be off by 1.5e-6.
CLOSE = {"SGD": 2e-6, "Adam": 2e-5}


def agree(found: Weights, expected: Weights, rule: str = "SGD") -> None:
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-5, atol=CLOSE[rule], err_msg=path)


# ---- the same by NumPy in float64 ------------------------------------------------------------------------------------


class Trajectory:
    """The steps of SGD or Adam with all that an optimizer does around them.

    Args:
        rule: ``"SGD"`` or ``"Adam"``.
        excluded: which paths aren't decayed.
        options: those of the optimizer.
    """

    def __init__(self, rule: str, excluded: Callable[[str], bool] = lambda path: False, **options: Any) -> None:
        self.rule, self.excluded, self.options = rule, excluded, options
        self.weights: Weights = {path: value.astype("float64") for path, value in START.items()}
        self.slots = {path: [np.zeros_like(value) for _ in range(2)] for path, value in self.weights.items()}
        self.averages = {path: np.zeros_like(value) for path, value in self.weights.items()}
        self.pending: list[Weights] = []
        self.updates = 0

    def gradients(self, x: np.ndarray, y: np.ndarray) -> Weights:
        """Those of the mean squared error."""
        w = self.weights
        error = 2 * (x @ (w["a/kernel"] + w["b/kernel"]) + w["a/bias"] + w["b/bias"] - y) / y.size
        return {path: x.T @ error if "kernel" in path else error.sum(0) for path in PATHS}

    def step(self, x: np.ndarray, y: np.ndarray, trained: tuple[str, ...] = PATHS) -> None:
        """One batch; weights that aren't trained stay, with their slots."""
        found = self.gradients(x.astype("float64"), y.astype("float64"))
        self.pending.append({path: found[path] for path in trained})
        if len(self.pending) == (self.options.get("gradient_accumulation_steps") or 1):
            self._update({path: np.mean([g[path] for g in self.pending], axis=0) for path in trained})
            self.pending = []

    def epoch(self, x: np.ndarray, y: np.ndarray, trained: tuple[str, ...] = PATHS) -> None:
        for i in range(0, len(x), BATCH):
            self.step(x[i : i + BATCH], y[i : i + BATCH], trained)

    def _update(self, gradients: Weights) -> None:
        self.updates += 1
        options = self.options
        for path, gradient in self._clipped(gradients).items():
            weight = self.weights[path]
            if options.get("weight_decay") and not self.excluded(path):
                weight = weight - weight * options["learning_rate"] * options["weight_decay"]
            self.weights[path] = weight + self._moved(path, gradient)
            if options.get("use_ema"):
                keep = 0.0 if self.updates == 1 else options["ema_momentum"]
                self.averages[path] = keep * self.averages[path] + (1 - keep) * self.weights[path]
                if self.updates % (options.get("ema_overwrite_frequency") or 10**9) == 0:
                    self.weights[path] = self.averages[path]

    def _clipped(self, gradients: Weights) -> Weights:
        if limit := self.options.get("clipvalue"):
            return {path: np.clip(g, -limit, limit) for path, g in gradients.items()}
        if limit := self.options.get("clipnorm"):
            return {path: g * min(1.0, limit / np.linalg.norm(g)) for path, g in gradients.items()}
        if limit := self.options.get("global_clipnorm"):
            norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
            return {path: g * min(1.0, limit / norm) for path, g in gradients.items()}
        return gradients

    def _moved(self, path: str, gradient: np.ndarray) -> np.ndarray:
        rate, slots = self.options["learning_rate"], self.slots[path]
        if self.rule == "SGD":
            slots[0] = self.options.get("momentum", 0.0) * slots[0] - rate * gradient
            return slots[0]
        slots[0] = 0.9 * slots[0] + 0.1 * gradient
        slots[1] = 0.999 * slots[1] + 0.001 * gradient**2
        size = rate * np.sqrt(1 - 0.999**self.updates) / (1 - 0.9**self.updates)
        return -size * slots[0] / (np.sqrt(slots[1]) + 1e-7)


# ---- what optimizers do around their steps ---------------------------------------------------------------------------

Exclude = Callable[[Any, triceras.Model], None]
#: Name -> (rule, options, how weights are left out of decay, whether a path is).
FEATURES: dict[str, tuple[str, dict[str, Any], Exclude | None, Callable[[str], bool]]] = {
    "accumulation": ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 3}, None, bool),
    "accumulation with Adam": ("Adam", {"gradient_accumulation_steps": 2, "clipnorm": 0.5}, None, bool),
    "averages": ("Adam", {"use_ema": True, "ema_momentum": 0.8}, None, bool),
    "averages that take the weights' place": (
        "SGD",
        {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3, "clipvalue": 0.4},
        None,
        bool,
    ),
    "decay but for some": (
        "Adam",
        {"weight_decay": 0.3, "clipnorm": 0.3},
        lambda optimizer, model: optimizer.exclude_from_weight_decay(var_list=[model.get_layer("a").kernel]),
        lambda path: path == "a/kernel",
    ),
    "decay but for names": (
        "SGD",
        {"weight_decay": 0.3, "global_clipnorm": 0.5, "momentum": 0.5, "loss_scale_factor": 8.0},
        lambda optimizer, model: optimizer.exclude_from_weight_decay(var_names=["bias", "b/"]),
        lambda path: "bias" in path or "b/" in path,
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FEATURES)
def test_optimizers(training_backend: Backend, name: str, way: Callable[..., Any]) -> None:
    """Twelve steps of two epochs, every sixth on a smaller batch."""
    rule, options, exclude, excluded = FEATURES[name]
    options = {"learning_rate": 0.05, **options}
    optimizer = getattr(optimizers, rule)(**options)
    model = two_layers(optimizer)
    expected = Trajectory(rule, (lambda path: False) if exclude is None else excluded, **options)
    if exclude is not None:
        exclude(optimizer, model)
    way(model, X, Y, epochs=EPOCHS)
    for _ in range(EPOCHS):
        expected.epoch(X, Y)
    agree(weights_of(model), expected.averages if options.get("use_ema") else expected.weights, rule)
    assert int(np.asarray(optimizer.iterations)) == expected.updates


@pytest.mark.parametrize("rule", ["SGD", "Adam"])
def test_accumulated_steps_are_one_step_on_the_joined_batch(training_backend: Backend, rule: str) -> None:
    make = getattr(optimizers, rule)
    accumulated, joined = two_layers(make(0.05, gradient_accumulation_steps=3)), two_layers(make(0.05))
    accumulated.fit(X[:12], Y[:12], batch_size=2, epochs=3, shuffle=False, verbose=0)
    joined.fit(X[:12], Y[:12], batch_size=6, epochs=3, shuffle=False, verbose=0)
    agree(weights_of(accumulated), weights_of(joined), rule)


@pytest.mark.parametrize("way", WAYS)
def test_loss_scaling(training_backend: Backend, way: Callable[..., Any]) -> None:
    """The scale doubles after two good steps; a step that overflows halves it and changes nothing else."""
    x = X.copy()
    x[9] = np.inf
    optimizer = optimizers.LossScaleOptimizer(optimizers.Adam(0.05), initial_scale=64.0, dynamic_growth_steps=2)
    model = two_layers(optimizer)
    way(model, x, Y, epochs=EPOCHS)
    expected, scale, good = Trajectory("Adam", learning_rate=0.05), 64.0, 0
    for _ in range(EPOCHS):
        for i in range(0, ROWS, BATCH):
            if i <= 9 < i + BATCH:
                scale, good = scale / 2, 0
                continue
            expected.step(x[i : i + BATCH], Y[i : i + BATCH])
            good += 1
            scale, good = (scale * 2, 0) if good == 2 else (scale, good)
    agree(weights_of(model), expected.weights, "Adam")
    assert float(optimizer.dynamic_scale.numpy()) == scale
    assert int(optimizer.step_counter.numpy()) == good
    assert int(np.asarray(optimizer.iterations)) == expected.updates == 10


# ---- freezing --------------------------------------------------------------------------------------------------------

SGD = {"learning_rate": 0.05, "momentum": 0.9}
OF_B = ("b/kernel", "b/bias")


@pytest.mark.parametrize("way", WAYS)
def test_freezing_between_fits(training_backend: Backend, way: Callable[..., Any]) -> None:
    """From the next ``fit`` on, without ``compile`` too; a layer that thaws goes on with its momentum."""
    model, expected = two_layers(optimizers.SGD(**SGD)), Trajectory("SGD", **SGD)
    for trainable in (True, False, True):
        model.get_layer("a").trainable = trainable
        way(model, X, Y)
        expected.epoch(X, Y, PATHS if trainable else OF_B)
        agree(weights_of(model), expected.weights)
    model.get_layer("a").trainable = False
    model.compile(optimizers.SGD(**SGD), "mse")
    way(model, X, Y)
    anew = Trajectory("SGD", **SGD)
    anew.weights = expected.weights
    anew.epoch(X, Y, OF_B)
    agree(weights_of(model), anew.weights)


@pytest.mark.parametrize("way", WAYS)
def test_freezing_from_a_callback(training_backend: Backend, way: Callable[..., Any]) -> None:
    """It holds from the epoch that begins, on every backend."""

    class Freezes(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self.model.get_layer("a").trainable = epoch != 1

    model, expected = two_layers(optimizers.SGD(**SGD)), Trajectory("SGD", **SGD)
    way(model, X, Y, epochs=3, callbacks=[Freezes()])
    for trained in (PATHS, OF_B, PATHS):
        expected.epoch(X, Y, trained)
    agree(weights_of(model), expected.weights)


@pytest.mark.parametrize("way", WAYS)
def test_compiling_in_a_callback(training_backend: Backend, way: Callable[..., Any]) -> None:
    """The new optimizer and the new metrics are those of the next epoch."""

    class Compiles(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            if epoch == 1:
                self.model.compile(optimizers.SGD(0.01), "mse", metrics=["mae"], run_eagerly=self.model.run_eagerly)

    model, expected = two_layers(optimizers.SGD(**SGD)), Trajectory("SGD", **SGD)
    history = way(model, X, Y, epochs=2, callbacks=[Compiles()]).history
    expected.epoch(X, Y)
    other = Trajectory("SGD", learning_rate=0.01)
    other.weights = expected.weights
    other.epoch(X, Y)
    agree(weights_of(model), other.weights)
    assert {name: len(values) for name, values in history.items()} == {"loss": 2, "mae": 1}


def test_a_layer_that_was_frozen_when_it_was_compiled(training_backend: Backend) -> None:
    model = two_layers(optimizers.SGD(**SGD))
    model.get_layer("a").trainable = False
    in_memory(model, X, Y)
    model.get_layer("a").trainable = True
    with pytest.raises(
        ValueError, match=r"doesn't know 'a/kernel'\. Compile the model again after a layer became trainable"
    ):
        in_memory(model, X, Y)


# ---- weights that aren't trained, or by nothing ----------------------------------------------------------------------


class Extra(layers.Layer):
    """Adds nothing; has a weight that enters no loss, a counter of its calls and a trainable weight of integers."""

    def __init__(self) -> None:
        super().__init__(name="extra")
        self.unused = self.add_weight(shape=(2,), initializer="ones", name="unused")
        self.calls = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="calls")
        self.choice = self.add_weight(shape=(2,), initializer="ones", dtype="int32", name="choice")

    def call(self, inputs: Any) -> Any:
        self.calls.assign(self.calls + 1)
        return inputs[:, :2] * ops.cast(self.choice - 1, "float32")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "rule, options",
    [
        ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
        ("Adam", {"use_ema": True, "ema_momentum": 0.5, "clipnorm": 1.0}),
    ],
)
def test_unused_weights_and_integers(
    training_backend: Backend, way: Callable[..., Any], rule: str, options: dict[str, Any]
) -> None:
    """An unused weight has a gradient of zero: only decay changes it. Integers change by assignment alone."""
    options = {"learning_rate": 0.05, **options}
    extra = Extra()
    optimizer = getattr(optimizers, rule)(**options)
    model, expected = two_layers(optimizer, extra), Trajectory(rule, **options)
    extra.calls.assign(0)
    way(model, X, Y, epochs=EPOCHS)
    for _ in range(EPOCHS):
        expected.epoch(X, Y)
    agree(weights_of(model), expected.averages if options.get("use_ema") else expected.weights, rule)
    steps = EPOCHS * -(-ROWS // BATCH)
    decayed = (1 - 0.05 * options.get("weight_decay", 0.0)) ** steps
    np.testing.assert_allclose(extra.unused.numpy(), [decayed] * 2, rtol=1e-6)
    assert int(extra.calls.numpy()) == steps
    assert extra.choice.numpy().tolist() == [1, 1]
    assert [str(v.dtype) for v in (extra.calls, extra.choice)] == ["int32", "int32"]
    model.evaluate(X, Y, batch_size=BATCH, verbose=0)
    assert int(extra.calls.numpy()) == steps + -(-ROWS // BATCH)
