"""Pooling over one to three axes: windows, given numbers of windows, and everything."""

from __future__ import annotations

from typing import Any

from tests.layers.rows_convolution import BY_RANK, FIRST, IMAGES, STEPS, VOLUMES, first
from tests.layers.table import Row, lengths, row

COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "float16", "data_format": "channels_first"}
BARE: dict[str, Any] = {"gradient": False, "mixed": False}


def window_rows(kind: str, rank: int) -> list[Row]:
    """Of MaxPooling or AveragePooling."""
    name, x = f"{kind}Pooling{rank}D", BY_RANK[rank]
    uneven = {"pool_size": (3, 2, 2)[:rank], "strides": (2, 3, 1)[:rank]}
    config = COMMON | {"pool_size": [3, 2, 4][:rank], "strides": [1, 2, 3][:rank], "padding": "same"}
    return [
        row(name, {"pool_size": 2}, x, config=config, unknown=tuple(range(rank + 1)), gradient=False),
        row(name, uneven | {"padding": "same"}, x, name="same", **BARE),
        row(name, uneven, x, name="strides", **BARE),
        row(name, uneven | FIRST | {"padding": "same"}, first(x), name="first", **BARE),
        row(name, {"pool_size": 2, "strides": 3}, x, name="apart", **BARE),
        row(name, {"pool_size": 9, "padding": "same"}, x - 5, name="wide", **BARE),
    ]


def global_rows(kind: str, rank: int) -> list[Row]:
    """Of GlobalMaxPooling or GlobalAveragePooling."""
    name, x = f"Global{kind}Pooling{rank}D", BY_RANK[rank]
    return [
        row(name, {}, x, config=COMMON | {"keepdims": True}, unknown=tuple(range(rank + 1)), gradient=False),
        row(name, {"keepdims": True} | FIRST, x, name="first", **BARE),
    ]


def adaptive_rows(kind: str, rank: int) -> list[Row]:
    """Of AdaptiveMaxPooling or AdaptiveAveragePooling."""
    name, x = f"Adaptive{kind}Pooling{rank}D", BY_RANK[rank]
    config = COMMON | {"output_size": [2, 3, 4][:rank]}
    return [
        row(name, {"output_size": (3, 2, 2)[:rank]}, x, config=config, unknown=tuple(range(rank + 1)), gradient=False),
        row(name, {"output_size": (2, 4, 3)[:rank]} | FIRST, first(x), name="first", **BARE),
        row(name, {"output_size": 1}, x, name="one", **BARE),
        row(name, {"output_size": 9}, x, name="more", **BARE),
    ]


BOTH = ("Max", "Average")
MASK = lengths(7, 3, 7)

ROWS: list[Row] = [
    *(each for kind in BOTH for rank in (1, 3) for each in window_rows(kind, rank)),
    *(each for kind in BOTH for each in window_rows(kind, 2)[1:]),
    *(each for kind in BOTH for rank in (1, 3) for each in global_rows(kind, rank)),
    *(each for kind in BOTH for rank in (1, 2, 3) for each in adaptive_rows(kind, rank)),
    row("GlobalAveragePooling1D", {}, STEPS, call={"mask": MASK}, name="mask", **BARE),
    row("GlobalAveragePooling1D", {"keepdims": True}, STEPS, call={"mask": MASK}, name="mask-kept", **BARE),
]

ERRORS: list[Any] = [
    (
        "MaxPooling1D",
        {"pool_size": 0},
        (STEPS,),
        r"'max_pooling1d.*': pool_size is an integer of at least 1, .* received 0",
    ),
    ("MaxPooling1D", {"strides": -1}, (STEPS,), "strides is an integer of at least 1, or 1 of them, received -1"),
    ("MaxPooling1D", {"padding": "causal"}, (STEPS,), "padding is 'valid' or 'same', received 'causal'"),
    ("MaxPooling1D", {"pool_size": 8}, (STEPS,), "a window of 8 doesn't fit an axis of 7"),
    ("MaxPooling1D", {"pools": 8}, (STEPS,), "arguments it doesn't know: pools"),
    ("MaxPooling3D", {"pool_size": (2, 2)}, (VOLUMES,), r"pool_size is .* or 3 of them, received \(2, 2\)"),
    ("AveragePooling1D", {"pool_size": 2}, (IMAGES,), "expected ndim=3, received ndim=4"),
    ("AveragePooling3D", {"pool_size": 4}, (VOLUMES,), "a window of 4 doesn't fit an axis of 3"),
    ("AveragePooling3D", {"pool_size": 2, "data_format": "first"}, (VOLUMES,), "first"),
    ("GlobalMaxPooling1D", {}, (IMAGES,), "expected ndim=3, received ndim=4"),
    ("GlobalAveragePooling3D", {}, (IMAGES,), "expected ndim=5, received ndim=4"),
    ("AdaptiveMaxPooling1D", {"output_size": 0}, (STEPS,), "output_size is an integer of at least 1, .* received 0"),
    ("AdaptiveMaxPooling2D", {"output_size": (2, None)}, (IMAGES,), r"output_size is .* received \(2, None\)"),
    ("AdaptiveAveragePooling2D", {"output_size": 2.5}, (IMAGES,), r"output_size is .* received 2\.5"),
    ("AdaptiveAveragePooling3D", {"output_size": 2}, (IMAGES,), "expected ndim=5, received ndim=4"),
]
