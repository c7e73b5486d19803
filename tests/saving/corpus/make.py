"""The files beside this script, which Keras of many versions wrote.

    KERAS_BACKEND=torch PYTHONPATH=<a folder with Keras 3.4 or 3.8> python make.py
    KERAS_BACKEND=tensorflow PYTHONPATH=<a folder with Keras 3.0> python make.py
    KERAS_BACKEND=jax PYTHONPATH=<a folder with Keras 3.11, or nothing> python make.py
    PYTHONPATH=<a folder with TensorFlow 2.15> python make.py
    PYTHONPATH=<a folder with TensorFlow 2.12> python make.py keras.api._v2.keras
    python make.py tf_keras  # Keras 2.21

makes ``keras-<version>.zip``: models, weights, and ``predictions.npz`` with inputs ``NAME/x0`` … and outputs
``NAME/y0`` …, and for trained models ``NAME/labels`` and ``NAME/loss``, the losses of three more steps.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import tempfile
import zipfile
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

keras: Any = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "keras")
layers: Any = keras.layers
IS_3 = int(keras.__version__.split(".")[0]) > 2
VERSION = ".".join(keras.__version__.split(".")[:2])
OUT = pathlib.Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)
arrays: dict[str, np.ndarray] = {}


def normal(*shape: int) -> np.ndarray:
    """Gaussian data."""
    return rng.normal(size=shape).astype("float32")


@keras.utils.register_keras_serializable("corpus")
class Scale(layers.Layer):
    """A registered layer with a weight and a registered function."""

    def __init__(self, factor: float = 2.0, function: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.function = keras.activations.get(function)

    def build(self, input_shape: Any) -> None:
        """Make the weight."""
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="uniform", name="gain")
        self.built = True

    def call(self, x: Any) -> Any:
        """Scale."""
        return self.function(x * self.gain * self.factor)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        function = keras.activations.serialize(self.function)
        return {**super().get_config(), "factor": self.factor, "function": function}


@keras.utils.register_keras_serializable("corpus")
def halved(x: Any) -> Any:
    """A registered function."""
    return x * 0.5


def cnn() -> tuple[Any, list[np.ndarray]]:
    """A stack."""
    stack = [
        layers.Input((6, 6, 2)),
        layers.Conv2D(3, 3, padding="same", activation="relu", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.DepthwiseConv2D(2, depthwise_initializer=keras.initializers.HeNormal(seed=1)),
        layers.Dropout(0.3, noise_shape=None),
        layers.Flatten(),
        layers.Dense(3, activation="softmax", kernel_constraint=keras.constraints.MaxNorm(3.0)),
    ]
    return keras.Sequential(stack, name="cnn"), [normal(3, 6, 6, 2)]


def graph() -> tuple[Any, list[np.ndarray]]:
    """Two inputs, two outputs, a layer called twice, operators and functions on symbols."""
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    shared = layers.Dense(4, name="shared")
    u, v = shared(a), shared(b)
    if IS_3:
        w = keras.ops.where(u > v, u, keras.ops.exp(v) - 1.0)[:, 1:3]
        z = keras.ops.concatenate([w, keras.ops.sum(u * 2.0, axis=-1, keepdims=True)], axis=-1)
    else:
        import tensorflow as tf

        w = tf.where(u > v, u, tf.exp(v) - 1.0)[:, 1:3]
        z = tf.concat([w, tf.reduce_sum(u * 2.0, axis=-1, keepdims=True)], axis=-1)
    merged = layers.Concatenate()([layers.Add()([u, v]), layers.LeakyReLU(0.2)(z)])
    outputs = [layers.Dense(2, name="first")(merged), layers.Dense(1, activation="sigmoid", name="second")(merged)]
    return keras.Model([a, b], outputs, name="graph"), [normal(3, 4), normal(3, 4)]


def recurrent() -> tuple[Any, list[np.ndarray]]:
    """Recurrent layers, the first behind a mask."""
    stack = [
        layers.Input((5, 3)),
        layers.Masking(0.0),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.GRU(4, return_sequences=True),
        layers.TimeDistributed(layers.Dense(3)),
        layers.SimpleRNN(2),
    ]
    x = normal(3, 5, 3)
    x[1, 3:] = 0.0
    return keras.Sequential(stack, name="recurrent"), [x]


def attention() -> tuple[Any, list[np.ndarray]]:
    """Words with a mask, attention with state of its own, a state passed on."""
    words = layers.Input((6,), dtype="int32", name="words")
    x = layers.Embedding(11, 4, mask_zero=True)(words)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)]))
    x, _, state = layers.LSTM(4, return_sequences=True, return_state=True)(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(words, layers.Dense(2)(layers.Concatenate()([x, state])), name="attention")
    return model, [np.array([[1, 2, 3, 4, 5, 6], [7, 8, 9, 0, 0, 0], [10, 1, 0, 0, 0, 0]], "int32")]


def nested() -> tuple[Any, list[np.ndarray]]:
    """Models in models; one of them is called twice."""
    inner = layers.Input((3,))
    function = keras.Model(inner, layers.Dense(3, name="d")(inner), name="function")
    stack = keras.Sequential([layers.Input((3,)), layers.Dense(4), layers.BatchNormalization()], name="stack")
    a, b = layers.Input((3,)), layers.Input((3,))
    model = keras.Model([a, b], layers.Concatenate()([stack(function(a)), function(b)]), name="nested")
    return model, [normal(3, 3), normal(3, 3)]


def ending() -> tuple[Any, list[np.ndarray]]:
    """A model inside whose calls are the outputs, the second one first."""
    inner = layers.Input((3,))
    function = keras.Model(inner, layers.Dense(3, name="d")(inner), name="function")
    a, b = layers.Input((3,)), layers.Input((3,))
    first, second = function(a), function(b)
    return keras.Model([a, b], [second, first], name="ending"), [normal(3, 3), normal(3, 3)]


def custom() -> tuple[Any, list[np.ndarray]]:
    """Registered objects."""
    stack = [layers.Input((4,)), Scale(1.5, halved, name="s"), layers.Dense(2, activation=halved)]
    return keras.Sequential(stack, name="custom"), [normal(3, 4)]


def mixed() -> tuple[Any, list[np.ndarray]]:
    """Two dtype policies."""
    policy = "mixed_float16" if IS_3 else keras.mixed_precision.Policy("mixed_float16")
    stack = [
        layers.Input((4,)),
        layers.Dense(6, dtype=policy),
        layers.ReLU(dtype=policy),
        layers.Dense(2, dtype="float32"),
    ]
    return keras.Sequential(stack, name="mixed"), [normal(3, 4)]


def functions() -> tuple[Any, list[np.ndarray]]:
    """Functions of TensorFlow on symbols, called in every way that files tell apart; Keras 2 only."""
    import tensorflow as tf

    a, b = layers.Input((4, 6), name="a"), layers.Input((4, 6), name="b")
    parts = [
        1 - a,
        2.0 / (abs(a) + 1.0),
        a // b,
        a**2,
        -a,
        a % b,
        a * b,
        tf.maximum(a, 0.0),
        tf.math.divide_no_nan(a, b),
    ]
    parts += [
        tf.where(tf.logical_and(a > b, ~(a > 1)), a, 0.0),
        tf.cast(a >= b, "float32"),
        tf.clip_by_value(a, 0.0, 1.0),
    ]
    parts += [
        tf.nn.relu(a),
        tf.nn.leaky_relu(a),
        tf.nn.gelu(a),
        tf.nn.softmax(a, 1),
        tf.nn.silu(a),
        tf.math.softplus(a),
    ]
    parts += [tf.sqrt(tf.square(a)), tf.math.rsqrt(a * a + 1.0), tf.sin(a), tf.math.atan2(a, b), tf.round(a * 3.0)]
    parts += [tf.math.l2_normalize(a, -1), tf.cumsum(a, 1), tf.reverse(a, [1]), tf.nn.bias_add(a, [1.0, 2, 3, 4, 5, 6])]
    parts += [tf.reduce_mean(a, [1, 2])[:, None, None] + b, tf.reduce_max(a, axis=1, keepdims=True) + b]
    parts += [tf.math.reduce_std(a, 1, keepdims=True) + b, tf.expand_dims(a[:, :, 0], -1) + b, a[:, -1:, ::-1] + b]
    parts += [tf.squeeze(a[:, :1], 1)[:, None] + b, tf.gather(a, [0, 2, 1, 3], axis=1), tf.repeat(a[:, :2], 2, axis=1)]
    parts += [
        tf.tile(a[:, :2], [1, 2, 1]),
        tf.pad(a[:, 1:3], [[0, 0], [1, 1], [0, 0]]),
        tf.identity(b),
    ]
    parts += [tf.transpose(tf.reshape(a, [-1, 6, 4]), [0, 2, 1]), tf.unstack(a, axis=1)[2][:, None] + b]
    parts += [tf.one_hot(tf.argmax(a, -1), 6), tf.stack([a, b], axis=1)[:, 1], tf.math.top_k(a, 6)[0], tf.zeros_like(a)]
    parts += [tf.matmul(a, tf.transpose(b, [0, 2, 1]))[:, :, :1] + b, tf.stop_gradient(a)]
    parts += [tf.split(a, 2, axis=2)[1][:, :, :1] + b]
    return keras.Model([a, b], tf.concat(parts, -1), name="functions"), [normal(3, 4, 6), normal(3, 4, 6)]


def dense() -> Any:
    """What is trained."""
    stack = [layers.Input((4,)), layers.Dense(5, activation="tanh"), layers.BatchNormalization(), layers.Dense(3)]
    return keras.Sequential(stack, name="dense")


def optimizers() -> dict[str, Any]:
    """Name -> optimizer of the trained models."""
    rules = keras.optimizers
    rate = rules.schedules.ExponentialDecay(0.02, 10, 0.9)
    found = {"adam": rules.Adam(rate, clipnorm=1.0)}
    if not IS_3:
        old = rules.legacy
        found |= {
            "sgd": rules.SGD(0.02, momentum=0.9, nesterov=True),
            "rmsprop": rules.RMSprop(0.003, momentum=0.5, centered=True),
            "old_adam": old.Adam(0.01, decay=0.01, clipvalue=0.5),
            "old_sgd": old.SGD(0.02, momentum=0.9),
            "old_rmsprop": old.RMSprop(0.003),
            "old_adagrad": old.Adagrad(0.05),
            "old_adamax": old.Adamax(0.01),
            "old_nadam": old.Nadam(0.01),
            "old_adadelta": old.Adadelta(0.5),
            "old_ftrl": old.Ftrl(0.05),
        }
    return found


MODELS = {m.__name__: m for m in (cnn, graph, recurrent, attention, nested, ending, custom, mixed)}
if not IS_3:
    MODELS["functions"] = functions
#: What is written of each model, besides ``.keras`` files.
WITH_WEIGHTS = ("recurrent", "nested")


def begin(seed: int) -> None:
    """A new session."""
    keras.utils.set_random_seed(seed)
    keras.backend.clear_session()


def note(name: str, model: Any, inputs: list[np.ndarray]) -> None:
    """Keep the inputs and the predictions."""
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    arrays.update(
        {f"{name}/x{i}": a for i, a in enumerate(inputs)} | {f"{name}/y{i}": a for i, a in enumerate(outputs)}
    )


def write_models() -> None:
    """The models of the table, with weights that aren't those of the beginning."""
    for i, (name, make) in enumerate(MODELS.items()):
        begin(i)
        model, inputs = make()
        model.set_weights([w + abs(normal(*w.shape)) * 0.1 for w in model.get_weights()])
        note(name, model, inputs)
        model.save(OUT / f"{name}.keras")
        if not IS_3:
            model.save(OUT / f"{name}.h5")
            (OUT / f"{name}.json").write_text(model.to_json())
        if name in WITH_WEIGHTS:
            model.save_weights(OUT / f"{name}.weights.h5")
        if VERSION == "3.15":
            model.save(OUT / f"{name}.h5")
        if not IS_3 and name in WITH_WEIGHTS:
            model.save_weights(OUT / f"{name}.by_name.h5", save_format="h5")


def write_trained() -> None:
    """Models after three steps, and their losses in three more."""
    x, y = normal(8, 4), rng.integers(0, 3, 8)
    for name, optimizer in optimizers().items():
        begin(99)
        model = dense()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"])
        for _ in range(3):
            model.train_on_batch(x, y)
        note(name, model, [x])
        if not name.startswith("old_"):
            model.save(OUT / f"{name}.keras")  # first, for after the other kind Keras 3.15 forgets the optimizer
        if not IS_3 or VERSION == "3.15":
            model.save(OUT / f"{name}.h5")
        arrays[f"{name}/labels"] = y
        losses = []
        for _ in range(3):
            model.reset_metrics()  # or some versions return the mean of all steps
            losses.append(model.train_on_batch(x, y)[0])
        arrays[f"{name}/loss"] = np.array(losses)


if __name__ == "__main__":
    write_models()
    write_trained()
    np.savez(OUT / "predictions.npz", **arrays)
    target = pathlib.Path(__file__).parent / f"keras-{VERSION}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted(OUT.iterdir()):
            archive.write(path, path.name)
