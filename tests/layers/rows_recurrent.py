"""Recurrent layers, their cells, and the layers around them."""

from __future__ import annotations

from typing import Any

from tests.layers.table import Row, lengths, make, normal, row

X = normal(2, 5, 3)
MASK = lengths(5, 3, 5)
#: Gaps and a masked start, too.
GAPS = MASK.copy()
GAPS[1, 0] = GAPS[1, 3] = False

REGULARIZED: dict[str, Any] = {
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l1",
    "bias_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "recurrent_constraint": "unit_norm",
    "bias_constraint": "non_neg",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "seed": 3,
}
LOOP: dict[str, Any] = {
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
    "activity_regularizer": "l2",
}
SIMPLE = {"units": 4, "activation": "relu", "use_bias": False} | REGULARIZED
GATED = SIMPLE | {"recurrent_activation": "hard_sigmoid"}
LSTM_ALL = GATED | {"unit_forget_bias": False}
GRU_ALL = GATED | {"reset_after": False}


def custom_cell(layers: Any, **more: Any) -> Any:
    """An RNN around a cell of the user's own, with one bare state and weights made in ``build``."""
    from triceras import ops

    class Mean(layers.Layer):
        state_size = 3

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")

        def call(self, inputs: Any, states: Any) -> Any:
            state = (states[0] + inputs * self.scale) / 2
            return ops.tanh(state), [state]

    return layers.RNN(Mean(**more), return_sequences=True, return_state=True, **more)


def _both(layer: str, **options: Any) -> list[Row]:
    """A fused layer's paths: by its op, masked, backwards, unrolled, with states, and not fused."""
    states = [normal(2, 4, seed=1), normal(2, 4, seed=2)][: 2 if layer == "LSTM" else 1]
    all_arguments = {"SimpleRNN": SIMPLE, "LSTM": LSTM_ALL, "GRU": GRU_ALL}[layer] | LOOP
    everything = {"return_sequences": True, "return_state": True}
    rows = [
        row(layer, {"units": 4}, X, config=all_arguments, unknown=(0, 1), jit=True),
        row(layer, {"units": 4} | everything, X, call={"initial_state": states}, name="states"),
        row(layer, {"units": 4, "use_bias": False, "go_backwards": True} | everything, X, name="backwards"),
        row(layer, {"units": 4} | everything, X, call={"mask": GAPS}, name="mask", jit=True),
        row(
            layer,
            {"units": 4, "zero_output_for_mask": True, "return_sequences": True},
            X,
            call={"mask": GAPS},
            name="zero",
        ),
        row(layer, {"units": 4, "go_backwards": True}, X, call={"mask": GAPS}, name="mask-backwards"),
        row(layer, {"units": 4, "unroll": True, "return_sequences": True}, X, name="unroll"),
        row(layer, {"units": 4, "activation": "relu", "return_sequences": True}, X, name="relu"),
        row(layer, {"units": 4, "stateful": True, "return_sequences": True}, X, calls=2, unknown=(), name="stateful"),
        row(
            layer,
            {"units": 4, "dropout": 0.3, "recurrent_dropout": 0.2, "seed": 5, "return_sequences": True},
            X,
            call={"training": True},
            keras="",
            mixed=False,
            name="dropout",
        ),
        row(
            layer,
            {"units": 4, "dropout": 0.3, "seed": 5},
            X,
            call={"training": True},
            keras="",
            mixed=False,
            name="drop",
        ),
    ]
    for each in rows:
        # What the layers share is compiled and run in mixed precision for the LSTM alone, and what several rows share once.
        each.mixed &= each.name in ("", "mask") or (layer == "LSTM" and each.name in ("states", "backwards"))
        each.gradient = each.name in ("", "mask", "backwards", "dropout") or (
            layer == "LSTM" and each.name in ("states", "mask-backwards", "unroll", "stateful")
        )
    return rows


STACK = [make("LSTMCell", units=4), make("GRUCell", units=5)]
EVERYTHING = {"return_sequences": True, "return_state": True}

ROWS: list[Row] = [
    *_both("SimpleRNN"),
    *_both("LSTM"),
    *_both("GRU"),
    row("GRU", {"units": 4, "reset_after": False, "return_sequences": True}, X, name="reset-before"),
    row("GRU", {"units": 4, "reset_after": False}, X, call={"mask": MASK}, name="reset-before-mask"),
    row("SimpleRNNCell", {"units": 4}, normal(2, 3), [normal(2, 4)], config=SIMPLE),
    row("LSTMCell", {"units": 4}, normal(2, 3), [normal(2, 4), normal(2, 4, seed=1)], config=LSTM_ALL),
    row("GRUCell", {"units": 4}, normal(2, 3), [normal(2, 4)], config=GRU_ALL),
    row("StackedRNNCells", {"cells": STACK}, normal(2, 3), [[normal(2, 4), normal(2, 4, seed=1)], [normal(2, 5)]]),
    row(
        "RNN", {"cell": make("LSTMCell", units=4)}, X, config={"cell": make("GRUCell", units=4), **LOOP}, unknown=(0, 1)
    ),
    row("RNN", {"cell": STACK} | EVERYTHING, X, name="list", jit=True),
    row("RNN", {"cell": STACK} | EVERYTHING, X, call={"mask": GAPS}, name="list-mask"),
    row(
        "RNN",
        {"cell": [make("LSTMCell", units=4, dropout=0.2, recurrent_dropout=0.1, seed=1), make("GRUCell", units=3)]},
        X,
        call={"training": True},
        keras="",
        mixed=False,
        name="list-dropout",
    ),
    row(custom_cell, {}, X, call={"mask": GAPS}, keras="", file=False),
    row("Bidirectional", {"layer": make("LSTM", units=4)}, X, unknown=(0, 1), jit=True),
    row("Bidirectional", {"layer": make("GRU", units=4, **EVERYTHING), "merge_mode": "sum"}, X, name="sum"),
    row("Bidirectional", {"layer": make("GRU", units=4, return_sequences=True), "merge_mode": "ave"}, X, name="ave"),
    row("Bidirectional", {"layer": make("GRU", units=4), "merge_mode": "mul"}, X, call={"mask": MASK}, name="mul"),
    row("Bidirectional", {"layer": make("LSTM", units=4, **EVERYTHING), "merge_mode": None}, X, name="pair"),
    row("Bidirectional", {"layer": make("LSTM", units=4, return_sequences=True)}, X, call={"mask": GAPS}, name="mask"),
    row(
        "Bidirectional",
        {
            "layer": make("LSTM", units=4, return_sequences=True),
            "backward_layer": make("GRU", units=3, return_sequences=True, go_backwards=True),
        },
        X,
        unknown=(),
        name="other",
    ),
    row(
        "Bidirectional",
        {"layer": make("GRU", units=4)},
        X,
        call={"initial_state": [normal(2, 4), normal(2, 4, seed=1)]},
        name="states",
    ),
    row("TimeDistributed", {"layer": make("Dense", units=4)}, X, unknown=(0, 1)),
    row("TimeDistributed", {"layer": make("Conv2D", filters=2, kernel_size=2)}, normal(2, 3, 4, 4, 2), name="conv"),
    row("TimeDistributed", {"layer": make("LSTM", units=4)}, normal(2, 3, 4, 2), name="lstm"),
    row("Wrapper", {"layer": make("Dense", units=4)}, normal(2, 3), keras=""),
]

#: Rows whose parts others compile and run in mixed precision.
_FORWARD_ONLY = {"Bidirectional": ("sum", "ave", "mask", "states"), "GRU": ("reset-before-mask",)}
for _row in ROWS:
    if _row.layer in _FORWARD_ONLY and _row.name in _FORWARD_ONLY[str(_row.layer)]:
        _row.gradient = _row.mixed = False

ERRORS: list[Any] = [
    ("LSTM", {"units": 0}, (X,), "units is a positive integer, received 0"),
    ("LSTM", {"units": 4}, (X[0],), "expected at least ndim=3, received ndim=2"),
    ("GRU", {"units": 4}, (X, [X[:, 0], X[:, 0]]), "has 1 states, received 2"),
    ("LSTMCell", {"units": 4}, (X[:, 0], [X[:, 0]]), "Layer 'lstm_cell.*' takes 2 states, received 1"),
    ("GRUCell", {"units": 4}, (X, [X[:, 0]]), "expected ndim=2, received ndim=3"),
    ("SimpleRNNCell", {"units": 1.5}, (X[:, 0], [X[:, 0]]), "units is a positive integer, received 1.5"),
    ("StackedRNNCells", {"cells": []}, (X[:, 0], []), "needs at least one cell"),
    ("StackedRNNCells", {"cells": [make("Dense", units=2)]}, (X[:, 0], []), "needs 'state_size'"),
    ("RNN", {"cell": 3}, (X,), "A cell of layer .* needs 'call'"),
    ("Bidirectional", {"layer": make("LSTM", units=4), "merge_mode": "max"}, (X,), "merge_mode is one of"),
    ("Bidirectional", {"layer": make("Dense", units=4)}, (X,), "recurrent layer"),
    ("TimeDistributed", {"layer": make("Dense", units=4)}, (X[0],), "at least 3 axes"),
    ("Wrapper", {"layer": 3}, (X,), "wraps a Layer, received layer=3"),
]
