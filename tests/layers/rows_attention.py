"""Attention and einsum layers."""

from __future__ import annotations

from tests.layers.table import Row, normal, row

ROWS: list[Row] = [
    row("Dense", {"units": 3}, normal(2, 5)),
    row("Dropout", {"rate": 0.3, "seed": 2}, normal(2, 5), call={"training": True}, keras=False),
    row("BatchNormalization", {}, normal(4, 5), call={"training": True}),
    row("Conv2D", {"filters": 3, "kernel_size": 2}, normal(2, 5, 5, 2)),
]
