"""Layers that disturb their inputs in training, and penalties on activations."""

from __future__ import annotations

from typing import Any

from tests.layers.table import Row, normal, row

X, STEPS = normal(2, 6), normal(2, 3, 6)
COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "mixed_bfloat16"}
#: What a spatial dropout takes of it, and writes.
NAMED: dict[str, Any] = {"name": "given", "dtype": "mixed_bfloat16", "rate": 0.3, "seed": 3}
TRAIN: dict[str, Any] = {"call": {"training": True}, "keras": "", "mixed": False, "name": "train"}
SAMPLES = {1: normal(2, 4, 6), 2: normal(2, 4, 3, 6), 3: normal(2, 2, 4, 3, 6)}
FIRST = {"data_format": "channels_first"}

ROWS: list[Row] = [
    row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, X, config=COMMON | {"l1": 0.1, "l2": 0.2}, gradient=False),
    row("GaussianNoise", {"stddev": 0.3}, X, config=COMMON | {"stddev": 0.3, "seed": 3}, gradient=False),
    row("GaussianNoise", {"stddev": 0.3, "seed": 3}, STEPS, **TRAIN),
    row("GaussianDropout", {"rate": 0.3}, X, config=COMMON | {"rate": 0.3, "seed": 3}, gradient=False),
    row("GaussianDropout", {"rate": 0.3, "seed": 3}, STEPS, **TRAIN),
    row(
        "AlphaDropout",
        {"rate": 0.3},
        X,
        config=COMMON | {"rate": 0.3, "noise_shape": [2, 1], "seed": 3},
        gradient=False,
    ),
    row("AlphaDropout", {"rate": 0.3, "seed": 3}, STEPS, **TRAIN),
    row("AlphaDropout", {"rate": 0.3, "seed": 3, "noise_shape": (None, 1, 6)}, STEPS, **TRAIN | {"name": "noise"}),
    row("AlphaDropout", {"rate": 1.0, "seed": 3}, STEPS, **TRAIN | {"name": "all"}),
    row("SpatialDropout1D", {"rate": 0.4}, SAMPLES[1], config=NAMED, gradient=False),
    *(row(f"SpatialDropout{n}D", {"rate": 0.4}, SAMPLES[n], config=NAMED | FIRST, gradient=False) for n in (2, 3)),
    *(row(f"SpatialDropout{n}D", {"rate": 0.4, "seed": 3}, x, **TRAIN) for n, x in SAMPLES.items()),
    *(
        row(f"SpatialDropout{n}D", {"rate": 0.4, "seed": 3} | FIRST, SAMPLES[n], **TRAIN | {"name": "first"})
        for n in (2, 3)
    ),
]

ERRORS: list[Any] = [
    ("GaussianNoise", {"stddev": -1}, (X,), "stddev lies between 0 and 1, received -1"),
    ("GaussianDropout", {"rate": 1}, (X,), "rate lies below 1"),
    ("GaussianDropout", {"rate": "a"}, (X,), "rate lies between 0 and 1, received 'a'"),
    ("AlphaDropout", {"rate": 2.0}, (X,), "rate lies between 0 and 1, received 2.0"),
    ("SpatialDropout1D", {"rate": 2.0}, (X,), "rate lies between 0 and 1, received 2.0"),
    ("SpatialDropout2D", {"rate": 0.5}, (X,), "expected ndim=4, received ndim=2"),
]
