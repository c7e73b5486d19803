"""Cropping, padding and upsampling over one to three axes, and repeated vectors."""

from __future__ import annotations

from typing import Any

from tests.layers.rows_convolution import BY_RANK, FIRST, IMAGES, STEPS, VOLUMES, first
from tests.layers.table import Row, integers, normal, row

COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "float16"}
BARE: dict[str, Any] = {"gradient": False, "mixed": False}
#: For each number of axes: one number for all, one an axis (both ends of one axis), a pair an axis.
ENDS: dict[int, tuple[Any, ...]] = {
    1: (1, (2, 0), [0, 3]),
    2: (1, (2, 0), [[1, 2], [0, 3]]),
    3: (1, (0, 2, 1), [[1, 0], [0, 3], [1, 1]]),
}


def end_rows(layer: str, argument: str, rank: int) -> list[Row]:
    """Of Cropping or ZeroPadding."""
    name, x = f"{layer}{rank}D", BY_RANK[rank]
    number, each, pairs = ENDS[rank]
    formats = {} if name == "Cropping1D" else FIRST
    config, unknown = COMMON | formats | {argument: pairs}, tuple(range(rank + 1))
    return [
        row(name, {argument: number}, x, config=config, unknown=unknown, gradient=False),
        row(name, {argument: each}, x, name="axes", **BARE),
        row(name, {argument: pairs}, x, name="pairs", unknown=(0, 1), **BARE),
        *([row(name, {argument: pairs} | FIRST, first(x), name="first", **BARE)] if formats else []),
        row(name, {}, x, name="default", **BARE),
        row(name, {argument: 0}, integers(-5, 5, *x.shape), name="nothing", **BARE),
    ]


ROWS: list[Row] = [
    *(each for rank in (1, 2, 3) for each in end_rows("Cropping", "cropping", rank)),
    *(each for rank in (1, 3) for each in end_rows("ZeroPadding", "padding", rank)),
    row("UpSampling1D", {}, STEPS, config=COMMON | {"size": 3}, unknown=(0, 1), gradient=False),
    row("UpSampling1D", {"size": 1}, STEPS, name="one", **BARE),
    row("UpSampling3D", {}, VOLUMES, config=COMMON | FIRST | {"size": [2, 3, 1]}, unknown=(0, 1, 2, 3), gradient=False),
    row("UpSampling3D", {"size": (1, 3, 2)} | FIRST, VOLUMES, name="first", **BARE),
    row("RepeatVector", {"n": 3}, normal(2, 4), config=COMMON | {"n": 2}, unknown=(0, 1), gradient=False),
    row("RepeatVector", {"n": 1}, integers(0, 5, 3, 2), name="integers", **BARE),
]

ERRORS: list[Any] = [
    ("Cropping1D", {"cropping": -1}, (STEPS,), r"'cropping1d.*': cropping is an integer of at least 0, .* received -1"),
    ("Cropping1D", {"cropping": (1, 2, 3)}, (STEPS,), r"cropping is .* received \(1, 2, 3\)"),
    ("Cropping1D", {"cropping": ((1, 2),)}, (STEPS,), r"cropping is .* received \(\(1, 2\),\)"),
    (
        "Cropping1D",
        {"cropping": (3, 4)},
        (STEPS,),
        r"cropping=\(3, 4\) leaves nothing of the inputs of shape \(2, 7, 4\)",
    ),
    ("Cropping1D", {}, (IMAGES,), "expected ndim=3, received ndim=4"),
    ("Cropping2D", {"cropping": (1, 2, 3)}, (IMAGES,), "2 of them, or 2 pairs of them, received"),
    ("Cropping2D", {"cropping": ((0, 0), (3, 3))}, (IMAGES,), "spatial axis 1 has the size 6, of which 6 would go"),
    ("Cropping3D", {"cropping": 2}, (VOLUMES,), "spatial axis 0 has the size 4, of which 4 would go"),
    ("Cropping3D", {"cropping": "all"}, (VOLUMES,), "cropping is .* received 'all'"),
    ("ZeroPadding1D", {"padding": (1, -2)}, (STEPS,), r"padding is an integer of at least 0, .* received \(1, -2\)"),
    ("ZeroPadding1D", {"padding": 1.0}, (STEPS,), r"padding is .* received 1\.0"),
    ("ZeroPadding3D", {"padding": (1, 2)}, (VOLUMES,), r"3 pairs of them, received \(1, 2\)"),
    ("ZeroPadding3D", {}, (IMAGES,), "expected ndim=5, received ndim=4"),
    ("UpSampling1D", {"size": 0}, (STEPS,), r"size is an integer of at least 1, .* received \(0,\)"),
    ("UpSampling3D", {"size": (1, 2)}, (VOLUMES,), r"size is .* or 3 of them, received \(1, 2\)"),
    ("UpSampling3D", {}, (IMAGES,), "expected ndim=5, received ndim=4"),
    ("RepeatVector", {"n": 2.0}, (IMAGES[0, 0],), r"n is a positive integer, received 2\.0"),
    ("RepeatVector", {"n": 0}, (IMAGES[0, 0],), "n is a positive integer, received 0"),
    ("RepeatVector", {"n": 2}, (STEPS,), "expected ndim=2, received ndim=3"),
]
