"""Models that both packages make, by the same code."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.layers.table import integers, make, map_arrays, normal, realize, weight_value

A, B = normal(5, 4), normal(5, 4, seed=1)
TOKENS = integers(1, 9, 5, 6)
TARGETS, MORE = normal(5, 2, seed=2), normal(5, 2, seed=3)


@functools.cache
def custom(k: Any) -> SimpleNamespace:
    """Registered classes and functions."""
    registered = k.saving.register_keras_serializable

    @registered("cross", name="half")
    def halved(x: Any) -> Any:
        return x * 0.5

    @registered("cross")
    def distance(y_true: Any, y_pred: Any) -> Any:
        return k.ops.mean(k.ops.abs(y_true - y_pred), axis=-1)

    @registered("cross")
    class Threes(k.initializers.Initializer):
        def __init__(self, value: float = 3.0) -> None:
            self.value = value

        def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
            return k.ops.full(shape, self.value, dtype=dtype)

        def get_config(self) -> dict[str, Any]:
            return {"value": self.value}

    @registered("cross")
    class Penalty(k.regularizers.Regularizer):
        def __init__(self, factor: float = 1.0) -> None:
            self.factor = factor

        def __call__(self, x: Any) -> Any:
            return self.factor * k.ops.sum(k.ops.square(x))

        def get_config(self) -> dict[str, Any]:
            return {"factor": self.factor}

    @registered("cross")
    class Scale(k.layers.Layer):
        def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, input_shape: Any) -> None:
            self.gain = self.add_weight(shape=(input_shape[-1],), initializer="uniform", name="gain")
            self.offset = self.add_weight(shape=(), initializer="zeros", trainable=False, name="offset")

        def call(self, x: Any) -> Any:
            return x * self.gain * self.factor + self.offset

        def get_config(self) -> dict[str, Any]:
            return super().get_config() | {"factor": self.factor}

    @registered("cross")
    class Block(k.layers.Layer):
        """Layers in lists, in dictionaries, and in lists of them."""

        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.steps = [k.layers.Dense(units), Scale(), k.layers.Dense(units)]
            self.heads = {"b": k.layers.Dense(units), "a": k.layers.Dense(units, use_bias=False)}
            self.pairs = [[k.layers.Dense(units), Scale(3.0)], (k.layers.LayerNormalization(),)]
            self.norm = k.layers.BatchNormalization()

        def build(self, input_shape: Any) -> None:
            shape = (*input_shape[:-1], self.units)
            self.steps[0].build(input_shape)
            for layer in [*self.steps[1:], *self.heads.values(), *self.pairs[0], *self.pairs[1], self.norm]:
                layer.build(shape)

        def call(self, x: Any) -> Any:
            for step in self.steps:
                x = step(x)
            x = self.heads["a"](x) + self.heads["b"](x)
            for pair in self.pairs:
                for step in pair:
                    x = step(x)
            return self.norm(x)

        def get_config(self) -> dict[str, Any]:
            return super().get_config() | {"units": self.units}

    @registered("cross")
    class Whole(k.Model):
        """A subclassed model with layers, models and containers of both."""

        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.block = Block(units)
            self.blocks = [k.layers.Dense(units), k.layers.Dense(units)]
            self.towers = {"x": stack(k, units), "y": k.layers.Dense(2)}
            self.graph = graph(k, units)
            self._hidden = k.layers.Dense(2)
            self.drop = k.layers.Dropout(0.5, seed=3)
            self.again = self.blocks

        def call(self, x: Any) -> Any:
            x = self.block(x)
            for block in self.blocks:
                x = block(x)
            return self._hidden(self.drop(self.graph(self.towers["x"](x)))) + self.towers["y"](x)

        def get_config(self) -> dict[str, Any]:
            return super().get_config() | {"units": self.units}

    @registered("cross")
    class Measured(k.Model):
        """A functional subclass, and attributes of its own beside the graph."""

        def measure(self, x: Any) -> Any:
            return self(x)

    @registered("cross")
    class Made(k.Model):
        """A functional model that makes its graph itself."""

        def __init__(self, units: int, **kwargs: Any) -> None:
            x = k.Input((4,))
            super().__init__(x, k.layers.Dense(2)(k.layers.Dense(units)(x)), **kwargs)
            self.units = units

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units, "name": self.name}

    return SimpleNamespace(
        Made=Made,
        halved=halved,
        distance=distance,
        Threes=Threes,
        Penalty=Penalty,
        Scale=Scale,
        Block=Block,
        Whole=Whole,
        Measured=Measured,
    )


def stack(k: Any, units: int) -> Any:
    """A Sequential model without an input."""
    return k.Sequential([k.layers.Dense(units), k.layers.Dense(units, name="own_name"), k.layers.LayerNormalization()])


def graph(k: Any, units: int) -> Any:
    """A functional model with a Sequential one in it and a shared layer."""
    x = k.Input((units,))
    shared = k.layers.Dense(units)
    inner = stack(k, units)
    return k.Model(x, shared(inner(shared(x))), name="graph")


def _sequential(k: Any) -> Any:
    return k.Sequential([k.Input((4,)), k.layers.Dense(3), k.layers.Dense(2)]), A


def _deferred(k: Any) -> Any:
    model = k.Sequential([k.layers.Dense(3, activation="relu"), k.layers.Dropout(0.5), k.layers.Dense(2)], name="own")
    model.build((None, 4))
    return model, A


def _listed(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(3)
    joined = k.layers.Concatenate()([shared(a), shared(b)])
    return k.Model([a, b], [joined, k.layers.Dense(2, name="out")(joined)], trainable=False), [A, B]


def _named(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = k.layers.Add()([a, k.layers.Dense(4)(b)])
    return k.Model({"a": a, "b": b}, {"sum": x, "dense": k.layers.Dense(2)(x)}), {"a": A, "b": B}


def _nested_structure(k: Any) -> Any:
    a, b, c = k.Input((4,)), k.Input((4,), name="b"), k.Input((4,))
    x = k.layers.Subtract()([a, b])
    inputs, outputs = [a, {"b": b, "c": c}], {"x": [x, k.layers.Dense(2)(c)], "y": k.layers.Multiply()([x, c])}
    return k.Model(inputs, outputs), [A, {"b": B, "c": A * B}]


def _calls(k: Any) -> Any:
    """Ops, arguments by name, tuples, a mask, several outputs of a layer and calls with training."""
    tokens, x = k.Input((6,), dtype="int32"), k.Input((4,))
    embedded = k.layers.Embedding(9, 4, mask_zero=True)(tokens)
    sequence, h, c = k.layers.LSTM(4, return_sequences=True, return_state=True)(embedded, initial_state=[x, x])
    attended = k.layers.MultiHeadAttention(2, 2)(sequence, value=embedded, use_causal_mask=True)
    pooled = k.layers.GlobalAveragePooling1D()(attended)
    normed = k.layers.BatchNormalization()(pooled + h * 2.0, training=False)
    return k.Model([tokens, x], k.ops.concatenate([normed[:, :2], k.ops.tanh(c)], axis=-1)), [TOKENS, A]


def _nested(k: Any) -> Any:
    x = k.Input((4,))
    inner = k.Sequential([graph(k, 4), k.layers.Dense(8), stack(k, 8)], name="inner")
    pair = k.Input((8,))
    head = k.Model(pair, [k.layers.Dense(2)(pair), k.layers.Dense(8)(pair)], name="head")
    first, second = head(inner(x))
    return k.Model(x, [first, head(second)[0]]), A


def _custom(k: Any) -> Any:
    own = custom(k)
    x = k.Input((4,))
    y = k.layers.Dense(
        3, activation=own.halved, kernel_initializer=own.Threes(2.0), kernel_regularizer=own.Penalty(0.5)
    )(x)
    return own.Measured(x, own.Block(3)(own.Scale(3.0, name="scaled")(y))), A


def _subclassed(k: Any) -> Any:
    model = custom(k).Whole(3)
    model(A)
    return model, A


def _made_inside(k: Any) -> Any:
    return k.Sequential([k.Input((4,)), custom(k).Made(3)]), A


def _mixed(k: Any) -> Any:
    x = k.Input((4,))
    h = k.layers.Dense(3, dtype="mixed_float16")(x)
    h = k.layers.Dense(3, dtype=k.DTypePolicy("mixed_bfloat16"))(h)
    h = k.layers.Dense(3, dtype="bfloat16")(h)
    return k.Model(x, k.layers.Dense(2, dtype="float32")(h)), A


def _policies(k: Any) -> Any:
    given = {"first": k.DTypePolicy("mixed_float16"), "seco.*": k.DTypePolicy("float16")}
    policies = k.dtype_policies.DTypePolicyMap("float32", given)
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, name="first", dtype=policies), k.layers.Dense(2)]), A


def _bidirectional(k: Any) -> Any:
    x = k.Input((3, 4))
    y = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True))(x)
    y = k.layers.TimeDistributed(k.layers.Dense(2))(y)
    cells = [k.layers.LSTMCell(3), k.layers.GRUCell(2)]
    return k.Model(x, k.layers.RNN(cells)(y)), normal(2, 3, 4)


def _branches(k: Any) -> Any:
    """Layers of one class in branches of unequal depth, whose order in files follows from the graph."""
    x = k.Input((4,))
    deep = k.layers.Dense(4)(k.layers.Dense(4, activation="tanh")(k.layers.Dense(4)(x)))
    shared = k.layers.Dense(4)
    wide = k.layers.Concatenate()([shared(x), k.layers.Dense(4, use_bias=False)(shared(deep)), k.layers.Dense(4)(x)])
    return k.Model(x, [k.layers.Dense(4)(x), k.layers.Dense(4)(k.layers.Dense(4)(x)), k.layers.Dense(4)(wide)]), A


def _optional(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b", optional=True)
    return k.Model([a, b], k.layers.Dense(2)(k.layers.Add()([a, b]))), [A, B]


MODELS = {
    "sequential": _sequential,
    "deferred": _deferred,
    "listed": _listed,
    "named": _named,
    "nested_structure": _nested_structure,
    "calls": _calls,
    "nested": _nested,
    "custom": _custom,
    "subclassed": _subclassed,
    "made_inside": _made_inside,
    "mixed": _mixed,
    "policies": _policies,
    "bidirectional": _bidirectional,
    "branches": _branches,
    "optional": _optional,
}


# ---- training --------------------------------------------------------------------------------------------------------


def _with_weights(model: Any) -> Any:
    model.set_weights([weight_value(w.name, w.shape, i) for i, w in enumerate(model.weights)])
    return model


def trained(k: Any, row: Any) -> Any:
    """A model with an optimizer, and what it is trained on."""
    layers = [k.layers.Dense(6, activation="tanh"), k.layers.Dense(2)]
    model = _with_weights(k.Sequential([k.Input((4,)), *layers]))
    model.compile(realize(make(row[0], **row[1]), k), "mse")
    return model, (A, TARGETS)


def _one(k: Any) -> Any:
    return k.Sequential([k.Input((4,)), k.layers.Dense(2, activation="sigmoid")]), (A, np.abs(np.sign(TARGETS)))


def _pair(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, [k.layers.Dense(2, name="a")(x), k.layers.Dense(2, name="b")(x)]), (A, [TARGETS, MORE])


def _dict(k: Any) -> Any:
    x = k.Input((4,))
    outputs = {"u": k.layers.Dense(2, name="a")(x), "v": k.layers.Dense(2, name="b")(x)}
    return k.Model(x, outputs), (A, {"u": TARGETS, "v": MORE})


def _half(k: Any) -> Any:
    layers = [k.layers.Dense(2, dtype="mixed_float16")]
    return k.Sequential([k.Input((4,)), *layers]), (A, TARGETS)


SMOOTH = make("losses.BinaryCrossentropy", from_logits=True, label_smoothing=0.25)
AUC = make("metrics.AUC", name="auc", num_thresholds=7)
MEAN, RATE = make("metrics.MeanSquaredError", name="q"), make("metrics.MeanAbsoluteError")
COSINE = make("optimizers.schedules.CosineDecay", initial_learning_rate=0.1, decay_steps=10)
#: A model, and the arguments of ``compile``.
COMPILED: dict[str, tuple[Any, dict[str, Any]]] = {
    "names": (_one, {"optimizer": "adam", "loss": "mse", "metrics": ["mae", "accuracy"]}),
    "defaults": (_one, {"loss": "binary_crossentropy"}),
    "class-names": (_one, {"optimizer": "SGD", "loss": "BinaryCrossentropy", "metrics": ["MeanSquaredError"]}),
    "objects": (
        _one,
        {
            "optimizer": make("optimizers.SGD", learning_rate=COSINE, momentum=0.5),
            "loss": make("losses.BinaryCrossentropy", label_smoothing=0.25),
            "metrics": [AUC, MEAN],
            "weighted_metrics": ["mae", RATE],
            "loss_weights": 0.5,
            "steps_per_execution": 2,
            "jit_compile": False,
        },
    ),
    "functions": (
        _one,
        {"optimizer": "sgd", "loss": "function:losses.mean_squared_error", "metrics": ["function:own"]},
    ),
    "own": (_one, {"optimizer": "sgd", "loss": "function:own", "metrics": ["function:metrics.mean_absolute_error"]}),
    "eager": (_one, {"optimizer": "sgd", "loss": "mse", "run_eagerly": True, "jit_compile": False}),
    "one-metric": (_one, {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mse"]}),
    "lists": (
        _pair,
        {
            "optimizer": "rmsprop",
            "loss": ["mse", SMOOTH],
            "loss_weights": [0.5, 2.0],
            "metrics": [["mae", MEAN], "mse"],
            "weighted_metrics": [[], [RATE]],
        },
    ),
    "one-for-both": (_pair, {"optimizer": "sgd", "loss": "mse", "metrics": ["mae", "mse"]}),
    "some": (_pair, {"optimizer": "sgd", "loss": [None, "mse"], "metrics": [None, ["mae"]]}),
    "by-layer": (_pair, {"optimizer": "sgd", "loss": {"a": "mse", "b": SMOOTH}, "metrics": {"b": ["mae"]}}),
    "dicts": (
        _dict,
        {
            "optimizer": "sgd",
            "loss": {"u": "mse", "v": SMOOTH},
            "loss_weights": {"u": 0.5, "v": 2.0},
            "metrics": {"u": ["mae", MEAN], "v": "mse"},
            "weighted_metrics": {"v": [RATE]},
        },
    ),
    "scaled": (_half, {"optimizer": "sgd", "loss": "mse"}),
    "unscaled": (_half, {"optimizer": "sgd", "loss": "mse", "auto_scale_loss": False}),
}


def compiled(k: Any, row: Any) -> Any:
    """A compiled model with the weights of the tests, and what it is trained on."""
    model, data = row[0](k)

    def resolved(x: Any) -> Any:
        if isinstance(x, dict):
            return {key: resolved(value) for key, value in x.items()}
        if isinstance(x, list):
            return [resolved(value) for value in x]
        if isinstance(x, str) and x.startswith("function:"):
            name = x.removeprefix("function:")
            return custom(k).distance if name == "own" else functools.reduce(getattr, name.split("."), k)
        return realize(x, k)

    _with_weights(model).compile(**resolved(row[1]))
    return model, map_arrays(lambda a: a, data)
