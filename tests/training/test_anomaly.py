"""Where the first number that isn't finite arose: the same place on every backend, compiled or not, whenever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

ROWS = 24
RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 1.0, size=(ROWS, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


class Logarithm(layers.Layer):
    """Infinite where its input's last column is 0: a row of data can make it so."""

    def call(self, x: Any) -> Any:
        return ops.concatenate([x[:, :-1], ops.log(x[:, -1:])], axis=-1)


class Root(layers.Layer):
    """Finite where the last column is 0, but not its derivative."""

    def call(self, x: Any) -> Any:
        return ops.concatenate([x[:, :-1], ops.sqrt(x[:, -1:])], axis=-1)


def zero_in(row: int) -> np.ndarray:
    """The data with a 0 in the last column of a row."""
    x = X.copy()
    x[row, -1] = 0
    return x


def compiled(*chain: Any, loss: Any = "mse", **options: Any) -> triceras.Model:
    made = triceras.Sequential([triceras.Input((3,)), *chain], name="net")
    made.compile(triceras.optimizers.SGD(0.0), loss, **options)
    return made


def find(net: triceras.Model, x: Any = X, y: Any = Y, clean: bool = False, **options: Any) -> Any:
    """The place of what is found in a training, its epoch and batch; ``clean`` is after one on sound data without."""
    watcher = callbacks.AnomalyDetection(**options)
    if clean:
        net.fit(X, Y, batch_size=4, verbose=0, shuffle=False, callbacks=[watcher])
        assert watcher.anomaly is None
    with pytest.raises(FloatingPointError):
        net.fit(x, y, batch_size=4, epochs=2, verbose=0, shuffle=False, callbacks=[watcher])
    assert watcher.anomaly is not None
    place = watcher.anomaly.place
    return place.kind, watcher.anomaly.epoch, watcher.anomaly.batch, place.path, place.call, place.part


def fine(net: triceras.Model, x: Any = X, y: Any = Y, **options: Any) -> None:
    watcher = callbacks.AnomalyDetection(**options)
    net.fit(x, y, batch_size=4, verbose=0, shuffle=False, callbacks=[watcher])
    assert watcher.anomaly is None


# ---- forward ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eagerly", [False, True])
def test_the_layer_and_the_step(training_backend: Backend, eagerly: bool) -> None:
    """Row 13 of the data is in batch 3; all steps behind it have NaN everywhere, and the place stays the first."""
    net = compiled(Logarithm(name="log"), layers.Dense(1), run_eagerly=eagerly)
    assert find(net, zero_in(13), clean=True) == ("output", 0, 3, "net/log", 1, 0)
    assert net._observers == []
    assert all("call" not in layer.__dict__ for layer in net._flatten_layers())


def test_stopping_instead(training_backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    watcher = callbacks.AnomalyDetection(action="stop")
    net = compiled(layers.Dense(1))
    net.layers[0].build((None, 3))
    history = net.fit(
        np.full_like(X, 1e38), Y, batch_size=4, epochs=5, verbose=0, callbacks=[watcher], validation_data=(X, Y)
    )
    assert history.epoch == [0]
    assert capsys.readouterr().out.startswith("NaN or infinity in epoch 1, batch 1: ")
    again = net.fit(X, Y, verbose=0, callbacks=[watcher])
    assert again.epoch == [0]
    assert watcher.anomaly is not None
    assert watcher.anomaly.place.kind == "weight", "the first training left them so"


def test_a_later_epoch(training_backend: Backend) -> None:
    """The step is counted within its epoch."""
    net = compiled(Logarithm(name="log"), layers.Dense(1))
    x = X.copy()

    class Batches:
        epoch = 0

        def __iter__(self) -> Iterator[Any]:
            data = zero_in(9) if self.epoch == 2 else x
            for start in range(0, ROWS, 4):
                yield data[start : start + 4], Y[start : start + 4]
            self.epoch += 1

    message = (
        r"Training of model 'net' ends: NaN or infinity in epoch 3, batch 3: of finite inputs and weights, the output of layer "
        r"'net/log' \(Logarithm\) has it\. Look at what the layer computes"
    )
    with pytest.raises(FloatingPointError, match=message):
        net.fit(Batches(), epochs=9, verbose=0, callbacks=[callbacks.AnomalyDetection()])


class Block(layers.Layer):
    """Layers inside of a layer; itself it may spoil what they return."""

    def __init__(self, spoils: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.spoils = spoils
        self.first = layers.Dense(3, kernel_initializer="identity", name="first")
        self.log = Logarithm(name="log")
        self.last = layers.Dense(3, name="last")

    def build(self, input_shape: Any) -> None:
        self.first.build(input_shape)
        self.last.build(input_shape)

    def call(self, x: Any) -> Any:
        if self.spoils:
            return self.last(x) + ops.log(x)
        return self.last(self.log(self.first(x)))


def test_the_innermost_layer_is_named(training_backend: Backend) -> None:
    assert find(compiled(Block(name="block"), layers.Dense(1), run_eagerly=True), zero_in(0))[3] == "net/block/log"
    assert (
        find(compiled(Block(spoils=True, name="block"), layers.Dense(1), run_eagerly=True), zero_in(0))[3]
        == "net/block"
    )


def test_a_model_inside_and_a_layer_called_twice(training_backend: Backend) -> None:
    inner = triceras.Sequential([triceras.Input((3,)), layers.Dense(3, name="a"), Logarithm(name="log")], name="inner")
    log = Logarithm(name="shared")
    inputs = triceras.Input((3,))
    shifted = layers.Rescaling(1.0, offset=1.0)(inputs)
    outputs = layers.Dense(1)(layers.Add()([log(shifted), log(inputs)]))
    net = triceras.Model(inputs, outputs, name="outer")
    net.compile("sgd", "mse", run_eagerly=True)
    assert find(net, zero_in(5)) == ("output", 0, 1, "outer/shared", 2, 0)

    inner.get_layer("a").set_weights([np.eye(3), np.array([0, 0, -1.0])])
    inputs = triceras.Input((3,))
    net = triceras.Model(inputs, layers.Dense(1)(inner(inputs)), name="outer")
    net.compile("sgd", "mse", run_eagerly=True)
    assert find(net)[3] == "outer/inner/log"


class Both(layers.Layer):
    """Several outputs, one of which is no tensor of floats."""

    def call(self, x: Any) -> Any:
        return {"a": x, "b": ops.log(x), "c": ops.argmax(x, -1), "d": None}


class Uses(layers.Layer):
    def call(self, x: Any) -> Any:
        return x["a"] + x["b"]


def test_several_outputs(training_backend: Backend) -> None:
    class Net(triceras.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.both, self.uses, self.dense = Both(name="both"), Uses(name="uses"), layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(self.uses(self.both(x)))

    net = Net()
    net.compile("sgd", "mse", run_eagerly=True)
    assert find(net, zero_in(0)) == ("output", 0, 0, "net/both", 1, 2)


def test_masks_and_integers_are_passed_by(training_backend: Backend) -> None:
    inputs = triceras.Input((4,), dtype="int32")
    hidden = layers.LSTM(3)(layers.Embedding(5, 3, mask_zero=True)(inputs))
    net = triceras.Model(inputs, layers.Dense(1)(hidden))
    net.compile("sgd", "mse")
    fine(net, RNG.integers(0, 5, size=(ROWS, 4)).astype("int32"))


class Cell(layers.Layer):
    """A recurrent cell around another layer."""

    state_size = 3
    output_size = 3

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.log = Logarithm(name="log")

    def build(self, input_shape: Any) -> None:
        self.log.build(input_shape)

    def call(self, x: Any, states: Any) -> Any:
        new = self.log(x) + 0.1 * states[0]
        return new, [new]


def test_inside_of_loops_the_layer_around_is_named(training_backend: Backend) -> None:
    net = compiled(layers.Reshape((1, 3)), layers.RNN(Cell(name="cell"), name="rnn"), layers.Dense(1))
    assert find(net, zero_in(10)) == ("output", 0, 2, "net/rnn", 1, 0)


class Branch(layers.Layer):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.log = Logarithm(name="log")

    def build(self, input_shape: Any) -> None:
        self.log.build(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def call(self, x: Any) -> Any:
        mapped = ops.vectorized_map(lambda row: self.log(row[None])[0], x)
        return ops.cond(ops.sum(x) > -1.0, lambda: self.log(x), lambda: x) + 0.0 * mapped


def test_inside_of_branches_and_maps_too(training_backend: Backend) -> None:
    options = {
        "run_eagerly": not training_backend.traces_loops
    }  # a branch by a value can't be captured without tracing it
    assert find(compiled(Branch(name="branch"), layers.Dense(1), **options), zero_in(4))[2:4] == (1, "net/branch")


@pytest.mark.parametrize("mode", ["full", "activations"])
def test_rematerialized_layers_are_named(training_backend: Backend, mode: str) -> None:
    """What is computed again is looked at from outside: the layer itself, not those within."""
    with triceras.RematScope(mode=mode):
        chain = [Block(name="block"), layers.Dense(1, activation="tanh")]
    net = compiled(*chain)
    assert find(net, zero_in(0), clean=True)[3] == ("net/block" if mode == "full" else "net/block/log")


def test_layers_that_may_be_infinite(training_backend: Backend) -> None:
    class Finite(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.maximum(x, -5.0)

    net = compiled(Logarithm(name="log"), Finite(), layers.Dense(1), run_eagerly=True)
    fine(net, zero_in(3), ignore=["log"])
    if training_backend.updates_in_place:
        fine(net, zero_in(3), ignore="net/log")


# ---- data, weights, loss ---------------------------------------------------------------------------------------------


def test_data(training_backend: Backend) -> None:
    broken = X.copy()
    broken[9, 1] = np.nan
    assert find(compiled(layers.Dense(1), run_eagerly=True), broken) == ("data", 0, 2, "x", 1, 0)
    targets = Y.copy()
    targets[20] = np.inf
    assert find(compiled(layers.Dense(1), run_eagerly=True), X, targets) == ("data", 0, 5, "y", 1, 0)
    inputs = {"one": triceras.Input((3,), name="one"), "two": triceras.Input((3,), name="two")}
    net = triceras.Model(inputs, layers.Dense(1)(layers.Add()(list(inputs.values()))))
    net.compile("sgd", "mse", run_eagerly=True)
    assert find(net, {"one": X, "two": broken})[3] == "x['two']"


def test_data_that_the_model_cleans(training_backend: Backend) -> None:
    class Clean(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.nan_to_num(x)

    broken = X.copy()
    broken[9, 1] = np.nan
    fine(compiled(Clean(), layers.Dense(1), run_eagerly=True), broken)


def test_weights(training_backend: Backend) -> None:
    net = compiled(
        layers.Dense(2, name="a"), layers.BatchNormalization(name="norm"), layers.Dense(1, name="b"), run_eagerly=True
    )
    net.set_weights([np.full_like(w, np.nan) if i == 6 else w for i, w in enumerate(net.get_weights())])
    assert find(net) == ("weight", 0, 0, "net/b/kernel", 1, 0)


def test_an_update_that_overflows(training_backend: Backend) -> None:
    """The gradients of the step before are finite, so the weights of the next one are the first."""
    net = compiled(layers.Dense(1, name="dense"), run_eagerly=True)
    net.optimizer.learning_rate = np.inf
    kind, epoch, batch, path, _, _ = find(net)
    assert (kind, epoch, batch) == ("weight", 0, 1)
    assert path in ("net/dense/kernel", "net/dense/bias")


def test_loss(training_backend: Backend) -> None:
    def bad(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.log(y_true * 0.0) + y_pred, axis=-1)

    assert find(compiled(layers.Dense(1), loss=bad, run_eagerly=True)) == ("loss", 0, 0, "loss", 1, 0)


# ---- backward --------------------------------------------------------------------------------------------------------


def test_gradients(training_backend: Backend) -> None:
    """The root of 0 has no finite derivative: behind it gradients are finite, before it they aren't."""
    first = layers.Dense(3, kernel_initializer="identity", name="first")
    second = layers.Dense(3, kernel_initializer="identity", use_bias=False, name="second")
    net = compiled(first, second, Root(name="root"), layers.Dense(1, name="last"))
    assert find(net, zero_in(14), clean=True) == ("gradient", 0, 3, "net/second/kernel", 1, 0)


def test_gradients_with_a_scaler(training_backend: Backend) -> None:
    """Overflow that the scaler takes care of is none; numbers that aren't finite on the way to the loss are."""
    mixed = {"dtype": "mixed_float16"}

    def scaled(*chain: Any) -> triceras.Model:
        made = triceras.Sequential([triceras.Input((3,)), *chain], name="net")
        inner = triceras.optimizers.SGD(0.01)
        made.compile(triceras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**24), "mse")
        return made

    net = scaled(layers.Dense(2, **mixed), layers.Dense(1, **mixed))
    fine(net)
    assert float(net.optimizer.dynamic_scale.numpy()) < 2.0**24, "the scaler had something to do"
    assert find(scaled(Logarithm(name="log", **mixed), layers.Dense(1, **mixed)), zero_in(2))[3] == "net/log"


# ---- when it is read -------------------------------------------------------------------------------------------------


def test_it_is_looked_at_seldom_and_kept_exactly(training_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred steps later the first place is still known; the device is asked once a second at most."""
    net = compiled(Logarithm(name="log"), layers.Dense(1))
    watcher = callbacks.AnomalyDetection(interval=5.0)
    now = [0.0]
    watcher.clock = lambda: now[0]
    looks: list[int] = []
    look = watcher._look
    seen: list[int] = []

    def counted() -> None:
        looks.append(len(seen))
        look()

    monkeypatch.setattr(watcher, "_look", counted)

    class Ticks(callbacks.Callback):
        def wants_batches(self, kind: str) -> bool:
            return True

        def on_steps_end(self, kind: str, batch: int) -> None:
            seen.append(batch)
            now[0] += 1.0

    class Many:
        def __iter__(self) -> Iterator[Any]:
            for number in range(300):
                yield (zero_in(1) if number == 7 else X)[:4], Y[:4]

    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 8: .*'net/log'"):
        net.fit(Many(), verbose=0, callbacks=[Ticks(), watcher])
    assert looks == [5, 10]
    watcher.interval = 1e9
    looks.clear()
    net = compiled(Logarithm(name="log"), layers.Dense(1))
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 8: .*'net/log'"):
        net.fit(Many(), verbose=0, callbacks=[Ticks(), watcher])
    assert len(looks) == 1


def test_training_is_what_it_was(training_backend: Backend) -> None:
    """The weights are those of a training without it, and a second training compiles nothing."""

    def trained(watchers: list[Any]) -> triceras.Model:
        triceras.utils.set_random_seed(1)
        net = compiled(layers.Dense(4, activation="relu"), layers.Dropout(0.3), layers.Dense(1))
        net.fit(X, Y, batch_size=5, epochs=2, verbose=0, callbacks=watchers, validation_data=(X, Y))
        return net

    watcher = callbacks.AnomalyDetection()
    plain, net = trained([]), trained([watcher])
    for one, other in zip(plain.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    count = len(net._runners)
    net.fit(X, Y, batch_size=5, verbose=0, callbacks=[watcher])
    assert len(net._runners) == count


def test_loops_of_the_frameworks_own_are_left_alone() -> None:
    """Values of a loop that JAX traces can't be used outside of it, whoever wrote it."""
    import jax

    class Native(layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.log = Logarithm(name="log")

        def call(self, x: Any) -> Any:
            return jax.lax.scan(lambda carry, _: (self.log(carry * 0 + 1) + carry, None), self.log(x), None, 2)[0]

    with backend_scope("jax"):
        assert find(compiled(Native(name="native"), layers.Dense(1)), zero_in(0), clean=True)[3] == "net/native/log"


def test_an_error_in_a_layer_leaves_nothing_behind(training_backend: Backend) -> None:
    class Fails(layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                raise RuntimeError("no")
            return x

    net = compiled(Fails(), layers.Dense(1))
    with pytest.raises(RuntimeError, match="no"):
        net.fit(X, Y, verbose=0, callbacks=[callbacks.AnomalyDetection()])
    assert all("call" not in layer.__dict__ for layer in net._flatten_layers())


def test_flags_of_tensors(backend: Backend) -> None:
    """Exact for numbers whose sums or squares would overflow, in all floating dtypes."""
    largest = np.finfo("float32").max
    rows: list[tuple[Any, str, bool]] = [
        ([largest, largest, -largest], "float32", True),
        ([[1.0, np.nan]], "float32", False),
        ([[[-np.inf]]], "float32", False),
        (np.full((300,), 6e4), "float16", True),
        ([np.inf, 0.0], "float16", False),
        ([3e38], "bfloat16", True),
        ([1e300 if backend.canonical("float64") == "float64" else 1.0], "float64", True),
        ([complex(1.0, np.inf)], "complex64", False),
        (3.0, "float32", True),
    ]
    tensors = [ops.convert_to_tensor(values, dtype) for values, dtype, _ in rows]
    assert ops.convert_to_numpy(backend.finite(tensors)).tolist() == [ok for _, _, ok in rows]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="action is 'raise' or 'stop', received 'warn'"):
        callbacks.AnomalyDetection(action="warn")
