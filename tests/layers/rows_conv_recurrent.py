"""Convolutional recurrent layers."""

from __future__ import annotations

from typing import Any

from tests.layers.table import Row, lengths, normal, row

LINES, IMAGES, VOLUMES = normal(2, 3, 6, 2), normal(2, 3, 5, 6, 2), normal(2, 2, 3, 4, 3, 2)
SEQUENCES = {"return_sequences": True}
STATES = SEQUENCES | {"return_state": True}
ALL: dict[str, Any] = {
    "name": "given",
    "trainable": False,
    "dtype": "mixed_bfloat16",
    "filters": 3,
    "kernel_size": 2,
    "strides": 2,
    "padding": "same",
    "data_format": "channels_first",
    "dilation_rate": 1,
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_normal",
    "bias_initializer": "ones",
    "unit_forget_bias": False,
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l1",
    "bias_regularizer": "l2",
    "activity_regularizer": "l1",
    "kernel_constraint": "non_neg",
    "recurrent_constraint": "max_norm",
    "bias_constraint": "unit_norm",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "seed": 3,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
}
SMALL = {"filters": 3, "kernel_size": 2}

ROWS: list[Row] = [
    row("ConvLSTM1D", SMALL, LINES, config=ALL, unknown=(0, 1, 2)),
    row("ConvLSTM1D", SMALL | {"padding": "same", "strides": 2} | STATES, LINES, name="states"),
    row("ConvLSTM2D", SMALL, IMAGES, config=ALL, unknown=(0, 1, 2, 3), jit=True),
    row("ConvLSTM2D", SMALL | {"padding": "same", "dilation_rate": 2} | STATES, IMAGES, name="dilated"),
    row(
        "ConvLSTM2D",
        SMALL | {"data_format": "channels_first"} | SEQUENCES,
        normal(2, 3, 2, 5, 6),
        keras="torch",
        name="first",
    ),
    row("ConvLSTM2D", SMALL | {"go_backwards": True, "use_bias": False} | SEQUENCES, IMAGES, name="backwards"),
    row("ConvLSTM2D", SMALL | SEQUENCES, IMAGES, call={"mask": lengths(3, 2, 3)}, keras="torch", name="mask"),
    row("ConvLSTM2D", SMALL | {"stateful": True}, IMAGES, unknown=(), calls=2, name="stateful", mixed=False),
    row(
        "ConvLSTM2D",
        SMALL | {"dropout": 0.3, "recurrent_dropout": 0.3, "seed": 3},
        IMAGES,
        call={"training": True},
        keras="",
        mixed=False,
        name="drop",
    ),
    row("ConvLSTM3D", SMALL | {"padding": "same"}, VOLUMES, config=ALL, gradient=False),
    row("ConvLSTM3D", SMALL | {"kernel_size": (1, 2, 2)} | SEQUENCES, VOLUMES, name="sizes"),
]

ERRORS: list[Any] = [
    ("ConvLSTM2D", {"filters": 0, "kernel_size": 2}, (IMAGES,), "filters is a positive integer, received 0"),
    (
        "ConvLSTM2D",
        {"filters": 3, "kernel_size": (2, 2, 2)},
        (IMAGES,),
        "kernel_size is an integer of at least 1, or 2",
    ),
    ("ConvLSTM2D", SMALL | {"padding": "causal"}, (IMAGES,), "padding is 'valid' or 'same', received 'causal'"),
    ("ConvLSTM2D", SMALL | {"strides": 2, "dilation_rate": 2}, (IMAGES,), "can't both exceed 1"),
    ("ConvLSTM2D", SMALL, (LINES,), "expected ndim=5, received ndim=4"),
    ("ConvLSTM2D", SMALL | {"kernel_size": 9}, (IMAGES,), "a window of 9 doesn't fit an axis of 5"),
]
