"""Dense and embedding layers, activations, dropout, shapes, and scaling of inputs."""

from __future__ import annotations

from typing import Any

from tests.layers.table import Row, integers, lengths, normal, row, uniform

X, STEPS = normal(2, 3), normal(2, 3, 4)
IMAGES = normal(2, 4, 4, 3)
TOKENS = integers(0, 6, 2, 5)
#: Steps of which one has the value that Masking looks for.
PADDED = STEPS.copy()
PADDED[1, 2] = 7.0

#: What every layer takes.
COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "mixed_bfloat16"}
DENSE_ALL = COMMON | {
    "units": 4,
    "activation": "relu",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "L1L2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "max_norm",
    "lora_rank": 2,
    "lora_alpha": 3.0,
}
EMBEDDING_ALL = COMMON | {
    "input_dim": 6,
    "output_dim": 3,
    "embeddings_initializer": "he_normal",
    "embeddings_regularizer": "l2",
    "activity_regularizer": "l1",
    "embeddings_constraint": "unit_norm",
    "mask_zero": True,
    "lora_rank": 2,
    "lora_alpha": 3.0,
}


def scaled(x: Any, factor: float = 2.0) -> Any:
    """A function for Lambda."""
    return x * factor


def unmasked(inputs: Any, mask: Any = None) -> None:
    """A function for the mask of Lambda."""


def scaled_in_training(x: Any, mask: Any = None, training: bool | None = None) -> Any:
    """A function that takes what Lambda passes on."""
    return x * 3.0 if training and mask is not None else x


def saved_lambda(layers: Any, **more: Any) -> Any:
    """A Lambda of registered functions, which files hold by their names."""
    from triceras.core.objects import register_keras_serializable

    registered = register_keras_serializable("test_layers")(scaled)
    no_mask = register_keras_serializable("test_layers")(unmasked)
    return layers.Lambda(registered, output_shape=[3], mask=no_mask, arguments={"factor": 3.0}, **more)


def embedding_with_weights(layers: Any, **more: Any) -> Any:
    """A table given to the constructor."""
    return layers.Embedding(6, 3, weights=[normal(6, 3)], **more)


def masked_after_embedding(layers: Any, **more: Any) -> Any:
    """Masks that layers hand on: made from tokens and from values, through layers that keep them, to one that uses them."""

    class Masked(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.steps = [
                layers.Embedding(6, 3, mask_zero=True),
                layers.Dense(4, activation="tanh"),
                layers.Activation("relu"),
                layers.Dropout(0.5),
                layers.LayerNormalization(),
                layers.GlobalAveragePooling1D(),
            ]

        def build(self, input_shape: Any) -> None:
            self.steps[0].build(input_shape)
            self.steps[1].build((*input_shape, 3))
            self.steps[4].build((*input_shape, 4))

        def call(self, x: Any) -> Any:
            for step in self.steps:
                x = step(x)
            return x

    return Masked(**more)


ROWS: list[Row] = [
    row("Dense", {"units": 4, "activation": "tanh"}, STEPS, config=DENSE_ALL, unknown=(0, 1), jit=True),
    row("Dense", {"units": 4, "use_bias": False}, X, name="plain", mixed=False),
    row("Dense", {"units": 4, "activation": "softmax"}, normal(2, 2, 2, 3), name="four-axes", mixed=False),
    row("Embedding", {"input_dim": 6, "output_dim": 3}, TOKENS, config=EMBEDDING_ALL, unknown=(0, 1)),
    row("Embedding", {"input_dim": 6, "output_dim": 3}, TOKENS.astype("float32"), name="floats", gradient=False),
    row(embedding_with_weights, {}, TOKENS, file=False, gradient=False, mixed=False),
    row(masked_after_embedding, {}, TOKENS, file=False, keras="torch"),
    row("Lambda", {"function": scaled, "arguments": {"factor": 3.0}}, X, file=False, mixed=False),
    row(
        "Lambda",
        {"function": scaled_in_training, "output_shape": (3, 4)},
        STEPS,
        call={"mask": lengths(3, 2, 3), "training": True},
        file=False,
        name="passed-on",
        gradient=False,
        mixed=False,
    ),
    row(saved_lambda, {}, X, keras="", gradient=False, mixed=False),
    row("Masking", {"mask_value": 7.0}, PADDED, config=COMMON | {"mask_value": 2.0}, unknown=(0, 1), gradient=False),
    row("Activation", {"activation": "gelu"}, X, config=COMMON | {"activation": "softplus"}, gradient=False),
    row(
        "ReLU",
        {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3},
        X,
        config=COMMON | {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3},
        gradient=False,
    ),
    row("Softmax", {"axis": 1}, STEPS, config=COMMON | {"axis": 1}, gradient=False),
    row("Softmax", {"axis": (1, 2)}, STEPS, name="two-axes", gradient=False, mixed=False),
    row("Softmax", {}, STEPS, call={"mask": normal(2, 3, 4) > -0.5}, name="mask", gradient=False),
    row("Dropout", {"rate": 0.4}, X, config=COMMON | {"rate": 0.3, "noise_shape": [2, 1], "seed": 3}, gradient=False),
    row("Dropout", {"rate": 0.4, "seed": 3}, IMAGES, call={"training": True}, keras="", mixed=False, name="train"),
    row(
        "Dropout",
        {"rate": 0.4, "seed": 3, "noise_shape": (None, 1, 1, 3)},
        IMAGES,
        call={"training": True},
        keras="",
        mixed=False,
        gradient=False,
        name="noise",
    ),
    row("Dropout", {"rate": 0.0}, X, call={"training": True}, name="nothing", gradient=False, mixed=False),
    row("Flatten", {}, IMAGES, config=COMMON | {"data_format": "channels_first"}, unknown=(0, 1), gradient=False),
    row("Flatten", {"data_format": "channels_first"}, IMAGES, name="first", gradient=False, mixed=False),
    row("Flatten", {}, normal(3), name="numbers", gradient=False, mixed=False),
    row("Reshape", {"target_shape": (2, -1)}, STEPS, config=COMMON | {"target_shape": [6, 2]}, gradient=False),
    row("Reshape", {"target_shape": (12,)}, STEPS, unknown=(0, 1), name="time", gradient=False, mixed=False),
    row("Permute", {"dims": (3, 1, 2)}, IMAGES, config=COMMON | {"dims": [2, 1]}, unknown=(0, 1), gradient=False),
    row("Rescaling", {"scale": 0.5, "offset": 1.0}, X, config=COMMON | {"scale": 2.0, "offset": -1.0}, gradient=False),
    row("Rescaling", {"scale": [0.5, 1.0, 2.0], "offset": [1.0, 0.0, -1.0]}, IMAGES, name="channels", gradient=False),
    row("Rescaling", {"scale": 1 / 255}, integers(0, 255, 2, 3).astype("uint8"), name="bytes", gradient=False),
    row(
        "Normalization",
        {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 1.0, 0.25]},
        IMAGES,
        config=COMMON | {"axis": 1, "mean": [1.0, 2.0], "variance": [3.0, 4.0], "invert": True},
        gradient=False,
    ),
    row(
        "Normalization",
        {"axis": None, "mean": 1.0, "variance": 4.0, "invert": True},
        X,
        name="invert",
        gradient=False,
    ),
    row("Normalization", {"axis": (1, 2)}, STEPS, name="axes", gradient=False, keras=""),
    row("Normalization", {"axis": (1, -1), "mean": normal(3, 4), "variance": uniform(1, 2, 3, 4)}, STEPS, name="given"),
]

ERRORS: list[Any] = [
    ("Dense", {"units": -1}, (X,), "units is a positive integer, received -1"),
    ("Dense", {"units": 4}, (normal(3),), "Input 0 of layer .* expected at least ndim=2, received ndim=1"),
    ("Embedding", {"input_dim": 0, "output_dim": 3}, (TOKENS,), "input_dim is a positive integer, received 0"),
    ("Embedding", {"input_dim": 2, "output_dim": 3}, (TOKENS + 2,), "indices lies between -2 and 1"),
    ("ReversibleEmbedding", {"input_dim": 2, "output_dim": 1.5}, (TOKENS,), "output_dim is a positive integer"),
    ("Lambda", {"function": 3}, (X,), "function is a callable, received 3"),
    ("ReLU", {"negative_slope": -1.0}, (X,), "negative_slope is at least 0, received -1.0"),
    ("ReLU", {"threshold": None}, (X,), "threshold is at least 0, received None"),
    ("Dropout", {"rate": 1.5}, (X,), "rate lies between 0 and 1, received 1.5"),
    ("Reshape", {"target_shape": (5,)}, (STEPS,), r"samples of shape \(3, 4\) have 12 elements"),
    ("Reshape", {"target_shape": (-1, -1)}, (STEPS,), "at most one -1"),
    ("Permute", {"dims": (1, 3)}, (STEPS,), r"dims names each axis from 1 once, received \(1, 3\)"),
    ("Permute", {"dims": (2, 1)}, (X,), "expected ndim=3, received ndim=2"),
    ("Normalization", {"mean": 1.0}, (X,), "pass mean and variance or neither"),
    ("Activation", {"activation": "no_such"}, (X,), "no_such"),
]
