"""Normalizations but that of batches, and activations with parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.layers.table import Row, integers, make, normal, row

X, STEPS, IMAGES = normal(2, 6), normal(2, 3, 6), normal(2, 4, 5, 6)
TOKENS = integers(0, 6, 2, 5)
COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "mixed_bfloat16"}
GROUP_ALL = COMMON | {
    "groups": 2,
    "axis": 1,
    "epsilon": 0.1,
    "center": False,
    "scale": False,
    "beta_initializer": "ones",
    "gamma_initializer": "zeros",
    "beta_regularizer": "l2",
    "gamma_regularizer": "l1",
    "beta_constraint": "non_neg",
    "gamma_constraint": "max_norm",
}
PRELU_ALL = COMMON | {
    "alpha_initializer": "ones",
    "alpha_regularizer": "l2",
    "alpha_constraint": "non_neg",
    "shared_axes": [1, 2],
}
TABLE_ALL = COMMON | {
    "input_dim": 6,
    "output_dim": 3,
    "tie_weights": False,
    "embeddings_initializer": "he_normal",
    "embeddings_regularizer": "l2",
    "embeddings_constraint": "unit_norm",
    "mask_zero": True,
    "reverse_dtype": "float32",
    "logit_soft_cap": 3.0,
    "activity_regularizer": "l1",
}
TABLE = {"input_dim": 6, "output_dim": 3}
BACK = {"reverse": True}

ROWS: list[Row] = [
    row("GroupNormalization", {"groups": 3}, IMAGES, config=GROUP_ALL, unknown=(0, 1, 2), jit=True),
    row("GroupNormalization", {"groups": 2, "axis": 1}, normal(2, 4, 3, 5), unknown=(0, 2, 3), name="first"),
    row("GroupNormalization", {"groups": -1}, IMAGES, name="instance"),
    row("GroupNormalization", {"groups": 1, "center": False}, X, name="one"),
    row("GroupNormalization", {"groups": 6, "scale": False, "epsilon": 0.1}, X, name="all"),
    row("GroupNormalization", {"groups": 2, "axis": -2}, STEPS[:, :2], name="middle", mixed=False),
    row("GroupNormalization", {"groups": 3}, IMAGES[:0], name="empty", gradient=False, mixed=False),
    row("RMSNormalization", {}, STEPS, config=COMMON | {"axis": [1, 2], "epsilon": 0.1}, unknown=(0, 1), jit=True),
    row("RMSNormalization", {"axis": (1, 2), "epsilon": 0.1}, STEPS, name="axes"),
    row("RMSNormalization", {"axis": 1}, STEPS, name="middle", keras=""),
    row("UnitNormalization", {}, STEPS, config=COMMON | {"axis": [1, 2]}, unknown=(0, 1), gradient=False),
    row("UnitNormalization", {"axis": (1, 2)}, STEPS, name="axes", gradient=False),
    row("UnitNormalization", {}, np.zeros((2, 3), "float32"), name="zeros", gradient=False),
    row(
        "SpectralNormalization",
        {"layer": make("Dense", units=4)},
        STEPS,
        config=COMMON | {"layer": make("Dense", units=4, name="inner"), "power_iterations": 3},
    ),
    row("SpectralNormalization", {"layer": make("Dense", units=4)}, X, call={"training": True}, name="train", calls=2),
    row(
        "SpectralNormalization",
        {"layer": make("Conv2D", filters=4, kernel_size=2), "power_iterations": 2},
        IMAGES,
        call={"training": True},
        name="conv",
        mixed=False,
    ),
    row(
        "SpectralNormalization", {"layer": make("Embedding", input_dim=6, output_dim=3)}, TOKENS, name="table", keras=""
    ),
    row("ELU", {"alpha": 0.5}, X, config=COMMON | {"alpha": 0.5}, gradient=False),
    row("LeakyReLU", {}, X, config=COMMON | {"negative_slope": 0.5}, gradient=False),
    row("PReLU", {}, IMAGES, config=PRELU_ALL),
    row(
        "PReLU",
        {"shared_axes": [1, 2], "alpha_initializer": "ones"},
        IMAGES,
        unknown=(0, 1, 2),
        name="shared",
        jit=True,
    ),
    row("PReLU", {"shared_axes": 1}, STEPS, unknown=(0, 1), name="one-axis", keras=""),
    row("Identity", {}, X, config=COMMON, gradient=False, mixed=False),
    row("Identity", {}, {"a": X, "b": [TOKENS, STEPS]}, gradient=False, mixed=False, name="structure"),
    row("ReversibleEmbedding", TABLE, TOKENS, config=TABLE_ALL, unknown=(0, 1)),
    row("ReversibleEmbedding", TABLE, normal(2, 5, 3), call=BACK, unknown=(0, 1), name="back", jit=True),
    row("ReversibleEmbedding", TABLE | {"tie_weights": False}, normal(2, 5, 3), call=BACK, name="untied"),
    row("ReversibleEmbedding", TABLE | {"logit_soft_cap": 0.5}, normal(2, 3), call=BACK, name="capped"),
]

ERRORS: list[Any] = [
    ("GroupNormalization", {"groups": 0}, (X,), "groups is a positive integer or -1, received 0"),
    ("GroupNormalization", {"groups": 4}, (X,), "a multiple of groups=4, received 6 of them at axis -1"),
    ("GroupNormalization", {"axis": 5}, (X,), r"the size of axis 5 must be known, received the shape \(2, 6\)"),
    ("LayerNormalization", {"axis": "a"}, (X,), "axis is an integer or several, received 'a'"),
    ("RMSNormalization", {"axis": "a"}, (X,), "axis is an integer or several, received 'a'"),
    ("RMSNormalization", {"axis": 4}, (X,), r"the size of axis 4 must be known, received the shape \(2, 6\)"),
    ("UnitNormalization", {"axis": "a"}, (X,), "axis is an integer or several, received 'a'"),
    ("UnitNormalization", {"axis": 4}, (X,), "axis"),
    ("ELU", {"alpha": None}, (X,), "alpha is a number, received None"),
    ("LeakyReLU", {"negative_slope": -1.0}, (X,), "negative_slope is at least 0, received -1.0"),
    ("LeakyReLU", {"negative_slope": None}, (X,), "negative_slope is at least 0, received None"),
    ("PReLU", {"shared_axes": [3]}, (X,), r"shared_axes are axes behind the batch of the inputs' 2, received \[3\]"),
]
