"""Cases of convolutions and pooling, against plain loops over windows in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.ops.cases import Case, values
from tests.ops.rows_convolution import _adaptive, _conv, _depthwise, _pool, _separable

FORMATS = ("channels_last", "channels_first")
SIZES = (7, 6, 5)
#: Strides, padding, dilation, size of the kernel, channels of it: groups are what is left of the input's four.
CONVOLUTIONS = (
    (1, "valid", 1, 3, 4),
    (2, "same", 1, 3, 4),
    (1, "same", 2, 2, 2),
    (3, "valid", 1, 1, 1),
    (1, "same", 1, 1, 4),
)
POOLS = ((2, None, "valid"), (3, 2, "same"), (2, 1, "same"), (2, 3, "valid"), (1, 1, "valid"))
FLOATS = ("float32", "float64", "float16", "bfloat16")
SLACK = 20.0


def _images(rank: int, data_format: str, dtype: str = "float32", batch: int = 2, sizes: Any = SIZES) -> np.ndarray:
    shape = (batch, *sizes[:rank], 4)
    return values(shape if data_format == "channels_last" else (batch, 4, *sizes[:rank]), dtype)


def convolutions() -> Iterator[Case]:
    """Every rank and layout; dtypes, an empty batch and axes of size one in two dimensions."""
    for (i, setting), rank, data_format in itertools.product(enumerate(CONVOLUTIONS), (1, 2, 3), FORMATS):
        stride, padding, dilation, size, channels = setting
        kernel = values((*(size,) * rank, channels, 8), "float32", -1, 1, seed=1)
        args = (_images(rank, data_format), kernel, stride, padding, data_format, dilation)
        repeated = i > 1 or rank == 3 or data_format == "channels_first"
        yield Case("conv", args, {}, _conv, f"float32 {rank}d {setting} {data_format}", SLACK, repeated)
    for dtype in FLOATS:
        args = (_images(2, FORMATS[0], dtype), values((3, 3, 4, 5), dtype, -1, 1, seed=1))
        yield Case("conv", args, {}, _conv, f"{dtype} 2d", SLACK, repeated=True)
    for batch, sizes in ((0, SIZES), (1, (1, 1))):
        args = (_images(2, FORMATS[0], "float32", batch, sizes), values((1, 1, 4, 3), "float32", seed=1))
        yield Case("conv", args, {}, _conv, f"float32 {batch} of {sizes}", SLACK)


def separable() -> Iterator[Case]:
    """One filter a channel, alone and with a product after it."""
    for rank, data_format, (stride, padding) in itertools.product((1, 2), FORMATS, ((1, "valid"), (2, "same"))):
        x = _images(rank, data_format)
        kernel = values((*(3,) * rank, 4, 2), "float32", -1, 1, seed=1)
        pointwise = values((*(1,) * rank, 8, 3), "float32", -1, 1, seed=2)
        what, repeated = f"float32 {rank}d {stride} {padding} {data_format}", data_format == "channels_first"
        rest = (stride, padding, data_format)
        yield Case("depthwise_conv", (x, kernel, *rest), {}, _depthwise, what, SLACK, repeated)
        yield Case("separable_conv", (x, kernel, pointwise, *rest), {}, _separable, what, 4 * SLACK, repeated)


def _conv_transpose(
    x: np.ndarray, kernel: np.ndarray, strides: int, padding: str, output_padding: Any, data_format: str, dilation: int
) -> np.ndarray:
    """Each element lays the kernel down where a convolution would have read it."""
    x = x if data_format == "channels_last" else np.moveaxis(x, 1, -1)
    rank, window = x.ndim - 2, kernel.shape[: x.ndim - 2]
    spans = [(w - 1) * dilation + 1 for w in window]
    whole = np.zeros((x.shape[0], *(s + (n - 1) * strides for s, n in zip(spans, x.shape[1:-1])), kernel.shape[-2]))
    for place in itertools.product(*map(range, x.shape[1:-1])):
        laid = np.tensordot(x[(slice(None), *place)], kernel, ((-1,), (-1,)))
        where = tuple(slice(p * strides, p * strides + s, dilation) for p, s in zip(place, spans))
        whole[(slice(None), *where)] += laid
    same = padding == "same"
    if output_padding is None:
        sizes = [n * strides + (0 if same else max(s - strides, 0)) for n, s in zip(x.shape[1:-1], spans)]
    else:
        inside = [2 * (s // 2) if same else 0 for s in spans]
        sizes = [w - i + output_padding for w, i in zip(whole.shape[1:-1], inside)]
    # What is left over falls away on both sides, or behind; what lacks is zero.
    starts = [max(w - n, 0) // 2 if same else 0 for w, n in zip(whole.shape[1:-1], sizes)]
    whole = np.pad(whole, [(0, 0), *((0, n) for n in sizes), (0, 0)])
    whole = whole[(slice(None), *(slice(start, start + n) for start, n in zip(starts, sizes)))]
    assert whole.ndim == rank + 2
    return whole if data_format == "channels_last" else np.moveaxis(whole, -1, 1)


#: Stride, padding, window, output padding, dilation.
TRANSPOSED = (
    *((1, "valid", 3), (2, "valid", 3), (2, "same", 3), (2, "same", 2), (3, "same", 4), (3, "valid", 2)),
    *((2, "same", 3, 1), (3, "same", 4, 2), (3, "valid", 2, 1), (2, "valid", 3, 0), (3, "same", 2, 0)),
    *((1, "same", 3, None, 2), (1, "valid", 2, None, 3), (1, "same", 3, 0, 2), (1, "valid", 3, 0, 2)),
)


def transposed() -> Iterator[Case]:
    """Transposed convolutions with output padding and dilation."""
    for rank, data_format, setting in itertools.product((1, 2, 3), FORMATS, TRANSPOSED):
        stride, padding, size, extra, dilation = (*setting, *(None, 1)[len(setting) - 3 :])
        x = _images(rank, data_format, sizes=(4, 3, 2))
        kernel = values((*(size,) * rank, 5, 4), "float32", -1, 1, seed=1)
        args = (x, kernel, stride, padding, extra, data_format, dilation)
        repeated = rank > 1 or data_format == "channels_first"
        what = f"float32 {rank}d {stride} {padding} {size} {extra} {dilation} {data_format}"
        yield Case("conv_transpose", args, {}, _conv_transpose, what, SLACK, repeated)


def _pooled(reduction: Any) -> Any:
    """Of integers as well: what lies outside is NaN."""
    pool = _pool(reduction)
    return lambda x, *args: pool(x.astype("float64"), *args)


def pools() -> Iterator[Case]:
    """Windows that overlap, leave gaps or stick out; integers where a maximum is taken."""
    for op, reduction in (("max_pool", np.nanmax), ("average_pool", np.nanmean)):
        for (i, setting), rank, data_format in itertools.product(enumerate(POOLS), (1, 2, 3), FORMATS):
            args = (_images(rank, data_format), *setting, data_format)
            repeated = i > 1 or rank == 3 or data_format == "channels_first"
            yield Case(op, args, {}, _pooled(reduction), f"float32 {rank}d {setting} {data_format}", SLACK, repeated)
        for dtype in (*FLOATS, *(("int32", "int8", "uint8") if op == "max_pool" else ())):
            args = (_images(2, FORMATS[0], dtype), 2, None, "valid", FORMATS[0])
            yield Case(op, args, {}, _pooled(reduction), f"{dtype} 2d", SLACK, repeated=True)
        empty = _images(2, FORMATS[0], "float32", 0)
        yield Case(op, (empty, 2, None, "valid", FORMATS[0]), {}, _pooled(reduction), "float32 of nothing", SLACK)
    for op, reduction in (("adaptive_max_pool", np.max), ("adaptive_average_pool", np.mean)):
        for rank, data_format, size in itertools.product((1, 2, 3), FORMATS, (1, 2, 3)):
            args = (_images(rank, data_format), size, data_format)
            repeated = rank > 1 or data_format == "channels_first"
            yield Case(op, args, {}, _adaptive(reduction), f"float32 {rank}d {size} {data_format}", SLACK, repeated)
