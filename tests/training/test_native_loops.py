"""What frameworks' own loops do to models: parallel steps, tapes, modules."""

from __future__ import annotations

import copy
import logging
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests.alone import run_alone
from triceras import layers
from triceras.backends import registry

AVAILABLE = registry.available_backends()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 5, 4)).astype("float32")
Y = RNG.integers(0, 3, 16).astype("int32")

# ---- jax -------------------------------------------------------------------------------------------------------------

BODIES: dict[str, Callable[[], list[Any]]] = {
    "layer normalization": lambda: [layers.LayerNormalization(), layers.Flatten()],
    "rms normalization": lambda: [layers.RMSNormalization(), layers.Flatten()],
    "group normalization": lambda: [layers.GroupNormalization(2), layers.Flatten()],
    "batch normalization": lambda: [layers.BatchNormalization(), layers.Flatten()],
    "lstm": lambda: [layers.LSTM(3)],
    "gru": lambda: [layers.GRU(3)],
    "simple rnn": lambda: [layers.SimpleRNN(3)],
    "rnn of cells": lambda: [layers.RNN([layers.LSTMCell(3), layers.GRUCell(3)])],
    "convolution": lambda: [layers.Conv1D(3, 2, activation="gelu"), layers.GlobalMaxPooling1D()],
    "dropout": lambda: [layers.Dropout(0.5), layers.Flatten()],
}


@pytest.mark.skipif("jax" not in AVAILABLE, reason="jax isn't installed")
@pytest.mark.parametrize("name", BODIES)
def test_gradients_in_shard_map(name: str) -> None:
    """JAX checks what varies over devices by types; on a mesh of one device, so that the numbers are those of no mesh."""
    import jax
    from jax.sharding import Mesh, PartitionSpec

    same, rows = PartitionSpec(), PartitionSpec("data")
    criterion = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with registry.backend_scope("jax"):
        triceras.utils.set_random_seed(0)
        model = triceras.Sequential([triceras.Input((5, 4)), *BODIES[name](), layers.Dense(3)])
        binary = triceras.losses.BinaryCrossentropy(from_logits=True)

        def loss(trainable: Any, other: Any, x: Any, y: Any) -> Any:
            logits, other = model.stateless_call(trainable, other, x, training=True)
            return criterion(y, logits) + binary(logits * 0 + 1, logits), other

        def step(trainable: Any, other: Any, x: Any, y: Any) -> Any:
            def averaged(trainable: Any) -> Any:
                value, changed = loss(trainable, other, x, y)
                return jax.lax.pmean(value, "data"), [jax.lax.pmean(v, "data") if v.ndim else v for v in changed]

            (value, _), gradients = jax.value_and_grad(averaged, has_aux=True)(trainable)
            return value, gradients

        trainable = [v.value for v in model.trainable_variables]
        other = [v.value for v in model.non_trainable_variables]
        mesh = Mesh(np.array(jax.devices()[:1]), ("data",))
        parallel = jax.shard_map(step, mesh=mesh, in_specs=(same, same, rows, rows), out_specs=(same, same))
        value, gradients = jax.jit(parallel)(trainable, other, X, Y)
        (expected, _), expected_gradients = jax.value_and_grad(loss, has_aux=True)(trainable, other, X, Y)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


# ---- tensorflow ------------------------------------------------------------------------------------------------------

MIRRORED = """
import warnings

import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import triceras
from triceras import layers

triceras.config.set_backend("tensorflow")
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
y = x.sum(1, keepdims=True)
batches = [v for v in strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices((x, y)).batch(16))] * 4


def make(**options):
    triceras.utils.set_random_seed(0)
    model = triceras.Sequential([triceras.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    optimizer = triceras.optimizers.Adam(0.01, **options)
    optimizer.build(model.trainable_variables)
    return model, optimizer, triceras.metrics.Mean()


def step(model, optimizer, metric, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((model(x, training=True) - y) ** 2) / 16
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    metric.update_state(loss * 2)


for options in ({}, {"global_clipnorm": 0.1}, {"gradient_accumulation_steps": 2}, {"use_ema": True}):
    with strategy.scope():
        replicated = make(**options)
    single = make(**options)
    run = tf.function(lambda x, y: step(*replicated, x, y))
    for batch in batches:
        strategy.run(run, args=batch)
        step(*single, x, y)
    for ours, theirs in zip(replicated[0].variables, single[0].variables):
        copies = [copy.numpy() for copy in ours.state.values]
        np.testing.assert_array_equal(copies[0], copies[1])
        np.testing.assert_allclose(copies[0], theirs.numpy(), rtol=1e-5, atol=1e-6)
    assert int(replicated[1].iterations) == int(single[1].iterations)
    # Each replica took half the loss in: the mean over all of them is half that of whole batches, times two above.
    np.testing.assert_allclose(replicated[2].result() * 2, single[2].result(), rtol=1e-5)
    assert float(replicated[2].count) == 8.0

with strategy.scope():
    normalization = layers.BatchNormalization()
    normalization.build((None, 4))
    mine = triceras.Variable([0.0], trainable=False, aggregation="sum", synchronization="on_read")


def forward(x, y):
    normalization(x, training=True)
    mine.assign_add([1.0])


strategy.run(tf.function(forward), args=batches[0])
mean, _ = (v.state.values for v in normalization.non_trainable_variables)
np.testing.assert_array_equal(mean[0].numpy(), mean[1].numpy())
np.testing.assert_allclose(mean[0].numpy(), 0.01 * x.mean(0), rtol=1e-4, atol=1e-7)
np.testing.assert_array_equal(mine.numpy(), [2.0])

with strategy.scope():
    penalized = triceras.Sequential(
        [triceras.Input((4,)), layers.Dense(2, activity_regularizer="l2"), layers.BatchNormalization(), layers.Dense(1)]
    )


def penalties(x, y):
    penalized(x, training=True)  # replicas take turns where normalization averages over them
    hidden = tf.matmul(x, penalized.layers[0].kernel.value)
    (loss,) = penalized.losses
    return loss - 0.01 * tf.reduce_sum(hidden**2) / 8


for difference in strategy.run(tf.function(penalties), args=batches[0]).values:
    np.testing.assert_allclose(difference, 0.0, atol=1e-6)


def fitted(model):
    model.compile(triceras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history


with strategy.scope():
    mirrored = make()[0]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    history = fitted(mirrored)
assert [str(w.message)[:39] for w in caught] == ["The model's variables are mirrored over"], caught
for name, values in fitted(make()[0]).items():
    np.testing.assert_allclose(history[name], values, rtol=1e-5)
copies = [copy.numpy() for copy in mirrored.variables[0].state.values]
np.testing.assert_array_equal(copies[0], copies[1])
"""


@pytest.mark.skipif("tensorflow" not in AVAILABLE, reason="tensorflow isn't installed")
@pytest.mark.slow
def test_mirrored_variables(tmp_path: pathlib.Path) -> None:
    """Two devices are to be asked for before TensorFlow starts, hence a process."""
    path = tmp_path / "mirrored.py"
    path.write_text(MIRRORED)
    run_alone(str(path))


@pytest.fixture
def tensorflow_warnings() -> Iterator[list[str]]:
    tf = pytest.importorskip("tensorflow")
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Keep(level=logging.WARNING)
    tf.get_logger().addHandler(handler)
    with registry.backend_scope("tensorflow"):
        yield messages
    tf.get_logger().removeHandler(handler)


@pytest.mark.parametrize(
    "options", [{}, {"gradient_accumulation_steps": 2}, {"use_ema": True}, {"learning_rate": "schedule"}]
)
def test_autograph_leaves_optimizers_and_metrics_alone(options: dict[str, Any], tensorflow_warnings: list[str]) -> None:
    import tensorflow as tf

    if "learning_rate" in options:
        options = {"learning_rate": triceras.optimizers.schedules.CosineDecay(0.1, 10)}
    model = triceras.Sequential(
        [
            triceras.Input((4,)),
            layers.Dense(3, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
        ]
    )
    optimizer = triceras.optimizers.SGD(**options)
    metric = triceras.metrics.SparseCategoricalAccuracy()
    compiled = triceras.Variable(0.0)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = triceras.losses.sparse_categorical_crossentropy(y, model(x, training=True))
            loss = tf.reduce_mean(loss) + sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        metric.update_state(y, model(x))
        compiled.assign_add(1.0)
        values = [v.value for v in model.trainable_variables]
        model.stateless_call(values, [v.value for v in model.non_trainable_variables], x)
        optimizer.stateless_apply([v.value for v in optimizer.variables], gradients, values)
        if loss > 0.0:  # the user's own code is converted
            loss += 1.0
        return loss

    assert float(step(X[:, 0], Y)) > 1.0
    assert tensorflow_warnings == []


@pytest.mark.skipif("tensorflow" not in AVAILABLE, reason="tensorflow isn't installed")
@pytest.mark.parametrize("rule", ["SGD", "Adam", "Ftrl", "Adagrad"])
@pytest.mark.parametrize(
    "options", [{}, {"gradient_accumulation_steps": 2}, {"clipnorm": 0.1}, {"loss_scale_factor": 2.0}]
)
def test_gradients_of_embeddings_may_be_sparse(rule: str, options: dict[str, Any]) -> None:
    import tensorflow as tf

    with registry.backend_scope("tensorflow"):
        weights = []
        for dense in (False, True):
            triceras.utils.set_random_seed(0)
            model = triceras.Sequential([triceras.Input((2,), dtype="int32"), layers.Embedding(5, 3), layers.Flatten()])
            optimizer = getattr(triceras.optimizers, rule)(0.1, **options)
            for _ in range(2):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_sum(model(np.array([[1, 2], [2, 2]])) ** 2)
                (gradient,) = tape.gradient(loss, model.trainable_variables)
                assert isinstance(gradient, tf.IndexedSlices)
                optimizer.apply([tf.convert_to_tensor(gradient) if dense else gradient], model.trainable_variables)
            weights.append(model.get_weights()[0])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)


# ---- torch -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def module() -> Iterator[Any]:
    pytest.importorskip("torch")
    with registry.backend_scope("torch"):
        triceras.utils.set_random_seed(0)
        yield triceras.Sequential(
            [
                triceras.Input((4,)),
                layers.Dense(3, "tanh", name="first"),
                layers.BatchNormalization(name="second"),
                layers.Dropout(0.5),
                layers.Dense(1, name="last"),
            ]
        )


def test_a_module_computes_with_what_torch_puts_into_it(module: Any) -> None:
    import torch

    x = torch.from_numpy(X[:, 0])
    parameters = {name: torch.zeros_like(value) for name, value in module.named_parameters()}
    parameters["last.bias"] += 2.0
    assert torch.func.functional_call(module, parameters, (x,)).unique().tolist() == [2.0]
    assert (module(x) != 2.0).all()
    gradients = torch.func.grad(lambda p: torch.func.functional_call(module, p, (x,)).sum())(parameters)
    assert gradients["last.bias"].item() == 16.0


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_a_module_stores_in_the_dtype_it_is_moved_to(module: Any, dtype: str) -> None:
    import torch

    assert module.to(getattr(torch, dtype)) is module
    floats = [v for v in module.variables if v.path.rpartition("/")[2] != "seed_generator_state"]
    assert {v.dtype for v in floats} == {dtype}
    assert {str(v.value.dtype) for v in floats} == {f"torch.{dtype}"}
    assert {v.dtype for v in module.variables} == {dtype, "int64"}
    for variable in floats:
        assert any(variable.value is tensor for tensor in (*module.parameters(), *module.buffers()))
    # In what it computes is its policy's to say.
    assert module(torch.from_numpy(X[:, 0]), training=True).dtype == torch.float32
    assert module.float().weights[0].dtype == "float32"


def test_copies_of_a_module_have_parameters_of_their_own(module: Any) -> None:
    twin = copy.deepcopy(module)
    assert list(twin.state_dict()) == list(module.state_dict())
    twin.set_weights([0 * w for w in twin.get_weights()])
    assert all(not tensor.any() for name, tensor in twin.state_dict().items())
    assert module.weights[0].value.any()
    assert all(v.value is p for v, p in zip(twin.trainable_variables, twin.parameters(), strict=True))


def test_hooks_run_around_calls_and_not_on_symbols(module: Any) -> None:
    import torch

    seen: list[Any] = []
    first = module.layers[0]
    handle = module.register_forward_hook(lambda layer, args, y: seen.append(("whole", tuple(y.shape))))
    first.register_forward_hook(lambda layer, args, y: seen.append((layer.name, tuple(y.shape))))
    first.register_forward_pre_hook(lambda layer, args: (args[0] * 0,))
    module.layers[-1].register_full_backward_hook(lambda layer, inner, outer: seen.append(("back", layer.name)))
    x = torch.from_numpy(X[:, 0])
    module(x, training=True).sum().backward()
    assert seen == [("first", (16, 3)), ("whole", (16, 1)), ("back", "last")]
    assert not first(x).any()
    handle.remove()
    seen.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module(triceras.Input((4,)))
    assert seen == []
    assert isinstance(module, triceras.Sequential)
    assert not triceras.models.clone_model(module).runs_hooks
    assert not module.predict(X[:, 0], verbose=0).std()
