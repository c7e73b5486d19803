"""Attention, einsum and global pooling over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.layers.table import Row, lengths, normal, row

Q, V, K = normal(2, 5, 6), normal(2, 4, 7), normal(2, 4, 8)
Q_MASK, V_MASK = lengths(5, 3, 5), lengths(4, 4, 2)
MASK = normal(2, 5, 4) > -0.5
HEADS: dict[str, Any] = {"num_heads": 2, "key_dim": 3}
MHA_ALL = HEADS | {
    "value_dim": 5,
    "dropout": 0.2,
    "use_bias": False,
    "output_shape": [7],
    "attention_axes": [1],
    "sliding_window": 3,
    "flash_attention": False,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l2",
    "activity_regularizer": "l1",
    "kernel_constraint": "non_neg",
    "bias_constraint": "non_neg",
    "use_gate": True,
    "seed": 3,
}
SCORES = {"return_attention_scores": True}

GROUPS: dict[str, Any] = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
GQA_ALL = GROUPS | {
    "dropout": 0.2,
    "use_bias": False,
    "sliding_window": 3,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l2",
    "activity_regularizer": "l1",
    "kernel_constraint": "non_neg",
    "bias_constraint": "non_neg",
    "use_gate": True,
    "seed": 3,
}
#: Query, value and key of one size; masks of the first two.
THREE = [normal(2, 5, 6), normal(2, 4, 7), normal(2, 4, 6)]
MASKS = [lengths(5, 3, 5), lengths(4, 4, 2)]
DROPPED: dict[str, Any] = {"call": {"training": True}, "keras": "", "mixed": False, "name": "drop"}

ROWS: list[Row] = [
    row("Attention", {}, THREE[::2], config={"use_scale": True, "score_mode": "concat", "dropout": 0.1, "seed": 3}),
    row("Attention", {"use_scale": True}, THREE, call=SCORES, unknown=(0, 1), name="key", jit=True),
    row("Attention", {"use_scale": True, "score_mode": "concat"}, THREE, name="concat"),
    row("Attention", {}, THREE, call={"mask": MASKS} | SCORES, name="masks"),
    row("Attention", {"score_mode": "concat"}, THREE, call={"use_causal_mask": True, "mask": MASKS}, name="causal"),
    row("Attention", {"dropout": 0.3, "seed": 3}, THREE, **DROPPED),
    row("AdditiveAttention", {}, THREE[::2], config={"use_scale": False, "dropout": 0.1, "seed": 3}, unknown=(0, 1)),
    row("AdditiveAttention", {"use_scale": False}, THREE, call={"mask": MASKS} | SCORES, name="masks"),
    row("AdditiveAttention", {}, THREE, call={"use_causal_mask": True}, name="causal", jit=True),
    row("GroupQueryAttention", GROUPS, Q, Q, config=GQA_ALL, unknown=(0, 1), jit=True),
    row("GroupQueryAttention", GROUPS, Q, V, K, call=SCORES, name="key"),
    row("GroupQueryAttention", GROUPS | {"use_gate": True}, Q, V, call={"attention_mask": MASK}, name="mask"),
    row("GroupQueryAttention", GROUPS, Q, Q, call={"use_causal_mask": True, "value_mask": Q_MASK}, name="causal"),
    row("GroupQueryAttention", GROUPS | {"sliding_window": 2}, Q, Q, call=SCORES, name="window"),
    row("GroupQueryAttention", GROUPS | {"num_key_value_heads": 1}, Q, V, name="one"),
    row("GroupQueryAttention", GROUPS | {"dropout": 0.3, "seed": 3}, Q, V, **DROPPED),
    row("MultiHeadAttention", HEADS, Q, Q, config=MHA_ALL, unknown=(0, 1), jit=True),
    row("MultiHeadAttention", HEADS | {"value_dim": 5, "output_shape": 7}, Q, V, K, call=SCORES, name="key"),
    # Keras has no kernel for values of another size than the keys' here.
    row("MultiHeadAttention", HEADS | {"value_dim": 5}, Q, V, K, keras="", name="value-dim"),
    row("MultiHeadAttention", HEADS | {"use_bias": False}, Q, V, call=SCORES, name="scores"),
    row("MultiHeadAttention", HEADS, Q, V, call={"attention_mask": MASK}, name="mask"),
    row("MultiHeadAttention", HEADS, Q, V, call={"attention_mask": MASK} | SCORES, name="mask-scores"),
    row("MultiHeadAttention", HEADS, Q, Q, call={"use_causal_mask": True}, name="causal"),
    row(
        "MultiHeadAttention",
        HEADS,
        Q,
        Q,
        call={"use_causal_mask": True, "query_mask": Q_MASK, "value_mask": Q_MASK},
        name="c",
    ),
    row("MultiHeadAttention", HEADS, Q, V, K, call={"value_mask": V_MASK, "key_mask": V_MASK} | SCORES, name="masks"),
    row("MultiHeadAttention", HEADS | {"sliding_window": 2}, Q, Q, name="window"),
    row("MultiHeadAttention", HEADS | {"use_gate": True}, Q, Q, name="gate"),
    row("MultiHeadAttention", HEADS, normal(2, 3, 4, 6), normal(2, 2, 5, 6), call=SCORES, name="two-axes"),
    row(
        "MultiHeadAttention",
        HEADS | {"attention_axes": (2,)},
        normal(2, 3, 4, 6),
        normal(2, 3, 5, 6),
        call=SCORES,
        name="one-of-two",
    ),
    row("MultiHeadAttention", HEADS | {"output_shape": (2, 4)}, Q, Q, name="shape"),
    row(
        "MultiHeadAttention",
        HEADS | {"dropout": 0.3, "seed": 4},
        Q,
        V,
        call={"training": True},
        keras="",
        mixed=False,
        name="drop",
    ),
    row(
        "EinsumDense",
        {"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d", "activation": "tanh"},
        Q,
        config={
            "equation": "abc,cd->abd",
            "output_shape": [5, 4],
            "activation": "relu",
            "bias_axes": "bd",
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l2",
            "activity_regularizer": "l1",
            "kernel_constraint": "non_neg",
            "bias_constraint": "non_neg",
        },
        unknown=(0, 1),
    ),
    row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4}, normal(2, 3), name="plain"),
    row("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, Q, name="ellipsis"),
    row("EinsumDense", {"equation": "abc,bce->abe", "output_shape": (5, 4), "bias_axes": "be"}, Q, name="per-step"),
    row("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"}, Q, name="behind"),
    row("GlobalAveragePooling1D", {}, Q, config={"data_format": "channels_first", "keepdims": True}, unknown=(0, 1)),
    row("GlobalAveragePooling1D", {"keepdims": True}, Q, call={"mask": Q_MASK}, name="mask"),
    row("GlobalAveragePooling1D", {"data_format": "channels_first"}, Q, call={"mask": lengths(6, 2, 6)}, name="first"),
]

#: Rows whose parts others compile and run in mixed precision.
_FORWARD_ONLY = ("value-dim", "scores", "mask-scores", "c", "shape", "behind", "ellipsis", "two-axes")
for _row in ROWS:
    if _row.name in _FORWARD_ONLY:
        _row.gradient = _row.mixed = False

ERRORS: list[Any] = [
    ("Attention", {"score_mode": "sum"}, (THREE,), "score_mode is one of dot, concat, received 'sum'"),
    ("Attention", {"dropout": 2}, (THREE,), "dropout lies between 0 and 1, received 2"),
    ("Attention", {}, (Q,), r"is called with a list \[query, value\] or \[query, value, key\], received one input"),
    ("Attention", {}, ([Q],), "received 1"),
    ("AdditiveAttention", {}, (Q,), "received one input"),
    ("GroupQueryAttention", GROUPS | {"num_key_value_heads": 3}, (Q, Q), "must be a multiple of num_key_value_heads"),
    ("GroupQueryAttention", GROUPS | {"head_dim": 0}, (Q, Q), "positive integer, received 0"),
    ("MultiHeadAttention", {"num_heads": 0, "key_dim": 3}, (Q, Q), "num_heads is a positive integer, received 0"),
    ("MultiHeadAttention", HEADS, (Q, np.zeros((2, 3))), "same number of axes"),
    ("MultiHeadAttention", HEADS, (Q, V, K[:, :2]), "of the same length"),
    ("EinsumDense", {"equation": "ab->c", "output_shape": 4}, (Q,), "equation looks like"),
    ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4}, (Q,), "expects inputs with the axes 'ab'"),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (4, 4)}, (Q,), "gives the axis 'b'"),
]
