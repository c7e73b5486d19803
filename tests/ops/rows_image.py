"""Rows for images."""

from __future__ import annotations

import numpy as np

from tests.ops.table import normal, row

IMAGES = normal(2, 6, 4, 3)


def _nearest(x: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    rows, columns = (
        np.floor((np.arange(n) + 0.5) * o / n).astype(int) for o, n in zip(x.shape[1:3], size, strict=True)
    )
    return x[:, rows][:, :, columns]


ROWS = [
    row("image.resize", IMAGES, (9, 5), "nearest", reference=_nearest),
    *(
        row("image.resize", IMAGES, size, interpolation, antialias, differentiable=True)
        for interpolation in ("bilinear", "bicubic", "lanczos3", "lanczos5")
        for size in ((12, 8), (3, 3))
        for antialias in (False, True)
    ),
    row("image.resize", IMAGES.transpose(0, 3, 1, 2), (12, 8), data_format="channels_first"),
    row("image.resize", IMAGES[0], (3, 2), "bilinear", True, reference=None),
    row("image.resize", IMAGES, (4, 8), crop_to_aspect_ratio=True),
    row("image.resize", IMAGES, (4, 8), pad_to_aspect_ratio=True, fill_value=2.0),
    row("image.resize", (normal(1, 4, 4, 1) * 50).astype("int32"), (7, 7)),
]
