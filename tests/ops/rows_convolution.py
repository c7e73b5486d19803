"""Rows for convolutions and pooling: every rank, layout, padding, stride, dilation and grouping, against plain loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tests.ops.table import Row, normal, row

SIZES = (7, 6, 5)


def _tuple(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * rank


def _last(x: np.ndarray, data_format: str | None) -> np.ndarray:
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _back(x: np.ndarray, data_format: str | None) -> np.ndarray:
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _patches(x: np.ndarray, window: Any, strides: Any, padding: str, dilation: Any, fill: float) -> np.ndarray:
    """``(*places, batch, *window, channels)`` of a channels-last array."""
    pads: list[tuple[int, int]] = []
    counts: list[int] = []
    for size, w, s, d in zip(x.shape[1:-1], window, strides, dilation, strict=True):
        span = (w - 1) * d + 1
        count = -(-size // s) if padding == "same" else (size - span) // s + 1
        total = max((count - 1) * s + span - size, 0) if padding == "same" else 0
        pads.append((total // 2, total - total // 2))
        counts.append(count)
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    result = np.empty((*counts, x.shape[0], *window, x.shape[-1]))
    for place in itertools.product(*map(range, counts)):
        key = [
            slice(p * s, p * s + (w - 1) * d + 1, d)
            for p, s, w, d in zip(place, strides, window, dilation, strict=True)
        ]
        result[place] = x[(slice(None), *key)]
    return result


def _conv(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> np.ndarray:
    rank = x.ndim - 2
    x = _last(x, data_format)
    patches = _patches(x, kernel.shape[:rank], _tuple(strides, rank), padding, _tuple(dilation_rate, rank), 0)
    groups = x.shape[-1] // kernel.shape[-2]
    axes = list(range(-rank - 1, 0))
    parts = [
        np.tensordot(p, k, (axes, list(range(rank + 1))))
        for p, k in zip(np.split(patches, groups, -1), np.split(kernel, groups, -1), strict=True)
    ]
    return _back(np.moveaxis(np.concatenate(parts, -1), rank, 0), data_format)


def _depthwise(x: np.ndarray, kernel: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    return _conv(x, kernel.reshape(*kernel.shape[:-2], 1, -1), *args, **kwargs)


def _separable(x: np.ndarray, depthwise: np.ndarray, pointwise: np.ndarray, *args: Any) -> np.ndarray:
    return _conv(_depthwise(x, depthwise, *args), pointwise, 1, "valid", args[2] if len(args) > 2 else None)


def _pool(reduction: Any) -> Any:
    def pool(
        x: np.ndarray, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
    ) -> np.ndarray:
        rank = x.ndim - 2
        window = _tuple(pool_size, rank)
        strides = _tuple(pool_size if strides is None else strides, rank)
        patches = _patches(_last(x, data_format), window, strides, padding, (1,) * rank, np.nan)
        return _back(np.moveaxis(reduction(patches, tuple(range(-rank - 1, -1))), rank, 0), data_format)

    return pool


def _adaptive(reduction: Any) -> Any:
    def pool(x: np.ndarray, output_size: Any, data_format: str | None = None) -> np.ndarray:
        x = _last(x, data_format)
        for axis, count in enumerate(_tuple(output_size, x.ndim - 2), 1):
            size = x.shape[axis]
            parts = [x.take(range(i * size // count, -(-(i + 1) * size // count)), axis) for i in range(count)]
            x = np.stack([reduction(p, axis) for p in parts], axis)
        return _back(x, data_format)

    return pool


def _inputs(rank: int, data_format: str, channels: int = 4) -> np.ndarray:
    return _back(normal(2, *SIZES[:rank], channels), data_format)


FORMATS = ("channels_last", "channels_first")
PADDINGS = ("valid", "same")
#: Two axes in every layout, one and three in one each.
CASES = [
    *itertools.product((2,), FORMATS, PADDINGS),
    *itertools.product((1,), FORMATS[:1], PADDINGS),
    *itertools.product((3,), FORMATS[1:], PADDINGS),
]
GRADIENT = {"differentiable": True, "tolerance": 1e-5}


def convolutions() -> list[Row]:
    """Every rank, layout and padding, with strides, gaps, groups and window sizes in turn."""
    settings = [(1, 1, 3, 4), (2, 1, 3, 4), (1, 2, 2, 2), (3, 1, 2, 1), (2, 2, 3, 4), (1, 1, 1, 4)]
    rows = []
    for rank, data_format, padding in CASES:
        for stride, dilation, window, channels in settings if rank == 2 else settings[:4]:
            kernel = normal(*(window,) * rank, channels, 8)
            name = f"conv{rank}d-{data_format}-{padding}-s{stride}-d{dilation}-w{window}-c{channels}"
            plain = max(stride, dilation) == 1 or min(stride, dilation) == 1
            rows.append(
                row(
                    "conv",
                    _inputs(rank, data_format),
                    kernel,
                    stride,
                    padding,
                    data_format,
                    dilation,
                    reference=_conv,
                    name=name,
                    differentiable=plain and rank < 3,
                    tolerance=1e-5,
                )
            )
    return rows


def depthwise() -> list[Row]:
    """Depthwise and separable ones over one and two axes."""
    rows = []
    for rank, data_format, padding in itertools.product((1, 2), FORMATS, PADDINGS):
        x = _inputs(rank, data_format)
        for stride, dilation, multiplier in ((1, 1, 1), (2, 1, 2), (1, 2, 2), ((2, 1)[:rank], 1, 1)):
            rows.append(
                row(
                    "depthwise_conv",
                    x,
                    normal(*(3,) * rank, 4, multiplier),
                    stride,
                    padding,
                    data_format,
                    dilation,
                    reference=_depthwise,
                    name=f"depthwise{rank}d-{data_format}-{padding}-{stride}-{dilation}",
                    **GRADIENT,
                )
            )
        rows.append(
            row(
                "separable_conv",
                x,
                normal(*(3,) * rank, 4, 2),
                normal(*(1,) * rank, 8, 5),
                2,
                padding,
                data_format,
                reference=_separable,
                name=f"separable{rank}d-{data_format}-{padding}",
                tolerance=1e-5,
                differentiable=True,
            )
        )
    return rows


def transposed() -> list[Row]:
    """Transposed ones; their agreement with gradients of ``conv`` is tested by itself."""
    settings = [(1, 1, 3, None), (2, 1, 3, None), (3, 1, 2, None), (2, 1, 3, 1), (1, 2, 3, None)]
    rows = []
    for rank, data_format, padding in CASES:
        for stride, dilation, window, extra in settings:
            rows.append(
                row(
                    "conv_transpose",
                    _inputs(rank, data_format),
                    normal(*(window,) * rank, 5, 4),
                    stride,
                    padding,
                    extra,
                    data_format,
                    dilation,
                    name=f"transpose{rank}d-{data_format}-{padding}-{stride}-{dilation}-{extra}",
                    differentiable=rank < 3,
                    tolerance=1e-5,
                )
            )
    return rows


def pools() -> list[Row]:
    """Maxima and means, with windows that overlap, touch and leave gaps."""
    rows = []
    for rank, data_format, padding in CASES:
        x = _inputs(rank, data_format)
        for window, stride in ((2, None), (3, 2), (2, 1), (2, 3)):
            for op, reduction in (("max_pool", np.nanmax), ("average_pool", np.nanmean)):
                rows.append(
                    row(
                        op,
                        x,
                        window,
                        stride,
                        padding,
                        data_format,
                        reference=_pool(reduction),
                        name=f"{op}{rank}d-{data_format}-{padding}-{window}-{stride}",
                        **GRADIENT,
                    )
                )
        for op, reduction in (("adaptive_max_pool", np.max), ("adaptive_average_pool", np.mean)):
            reference = _adaptive(reduction)
            rows.extend(
                row(op, x, size, data_format, reference=reference, tolerance=2e-6, differentiable=True)
                for size in (1, 2, 3)
            )
    return rows


ROWS = [*convolutions(), *depthwise(), *transposed(), *pools()]
