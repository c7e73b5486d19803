"""Convolutions and pooling, in TensorFlow.

Its CPU kernels know the channels last only, groups not at all, and no window that is strided and dilated at once; what
they lack is done with transposes, slices and several calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from triceras.backends.base import Tensor
from triceras.core import windows

#: By the number of axes. Without it eager gradients over three axes fail (TensorFlow 2.21).
_LAYOUTS: dict[int, Any] = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _last(x: Tensor, data_format: str) -> Tensor:
    if data_format == "channels_last":
        return x
    return tf.transpose(x, [0, *range(2, x.shape.rank), 1])


def _restored(x: Tensor, data_format: str) -> Tensor:
    if data_format == "channels_last":
        return x
    return tf.transpose(x, [0, x.shape.rank - 1, *range(1, x.shape.rank - 1)])


def _padded(x: Tensor, window: Any, strides: Any, dilation: Any, value: float = 0) -> Tensor:
    """With the padding of ``"same"`` around."""
    sizes = x.shape.as_list()[1:-1]
    if None in sizes:
        raise ValueError(
            f"Windows of {window} with strides {strides} and dilation {dilation} need known sizes, received {x.shape}."
        )
    pads = windows.window_pads(sizes, window, strides, dilation, "same")
    return tf.pad(x, [(0, 0), *pads, (0, 0)], constant_values=tf.cast(value, x.dtype))


def _strided(x: Tensor, strides: Sequence[int]) -> Tensor:
    return x[(slice(None), *(slice(None, None, s) for s in strides))]


def _in_groups(x: Tensor, kernel: Tensor, function: Any) -> Tensor:
    groups = x.shape[-1] // kernel.shape[-2]
    pairs = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
    return tf.concat([function(part, weight) for part, weight in pairs], -1)


def _of_rows(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A convolution of a batch; of one without rows what is left of one with a row of zeros.

    On some CPUs oneDNN gives an empty batch the shape of the input instead of the result's (TensorFlow 2.21).
    """
    if x.shape[0] != 0:
        return function(x)
    return function(tf.concat([x, tf.zeros((1, *x.shape[1:]), x.dtype)], 0))[:0]


def _convolve(x: Tensor, kernel: Tensor, strides: Any, padding: Any, data_format: str, dilation_rate: Any) -> Tensor:
    rank = x.shape.rank - 2
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    x = _last(x, data_format)
    if max(kernel.shape[:-2]) == 1 and max(strides) > 1:
        # A gradient with respect to such a window writes past its memory (oneDNN issue 6035, TensorFlow 2.21).
        x, strides = _strided(x, strides), (1,) * rank
    if max(strides) > 1 and max(dilation) > 1:
        x = _padded(x, kernel.shape[:-2], strides, dilation) if padding == "same" else x
        y = _convolve(x, kernel, 1, "valid", "channels_last", dilation)
        return _restored(_strided(y, strides), data_format)

    def plain(x: Tensor, kernel: Tensor) -> Tensor:
        layout = _LAYOUTS[rank]
        return _of_rows(x, lambda x: tf.nn.convolution(x, kernel, strides, padding.upper(), layout, dilations=dilation))

    if kernel.shape[-2] == x.shape[-1]:
        return _restored(plain(x, kernel), data_format)
    if kernel.shape[-2] == 1 and rank < 3:
        channels = x.shape[-1]
        kernel = tf.reshape(kernel, (*kernel.shape[:-2], channels, kernel.shape[-1] // channels))
        return _restored(_depthwise(x, kernel, strides, padding, dilation), data_format)
    return _restored(_in_groups(x, kernel, plain), data_format)


def _depthwise(x: Tensor, kernel: Tensor, strides: Any, padding: Any, dilation: Any) -> Tensor:
    """Over one or two axes of a channels-last tensor."""
    if len(strides) == 1:
        y = _depthwise(x[:, None], kernel[None], strides * 2, padding, (1, *dilation))
        return tf.squeeze(y, 1)
    if strides[0] != strides[1] or (max(strides) > 1 and max(dilation) > 1):
        x = _padded(x, kernel.shape[:-2], strides, dilation) if padding == "same" else x
        return _strided(_depthwise(x, kernel, (1, 1), "valid", dilation), strides)
    steps = [1, *strides, 1]
    return _of_rows(x, lambda x: tf.nn.depthwise_conv2d(x, kernel, steps, padding.upper(), dilations=dilation))


def _convolve_depthwise(
    x: Tensor, kernel: Tensor, strides: Any, padding: Any, data_format: str, dilation_rate: Any
) -> Tensor:
    rank = x.shape.rank - 2
    if rank == 3:
        kernel = tf.reshape(kernel, (*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))
        return _convolve(x, kernel, strides, padding, data_format, dilation_rate)
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    return _restored(_depthwise(_last(x, data_format), kernel, strides, padding, dilation), data_format)


def _convolve_transposed(
    x: Tensor,
    kernel: Tensor,
    strides: Any,
    padding: str,
    output_padding: Sequence[int | None],
    data_format: str,
    dilation_rate: Any,
) -> Tensor:
    rank = x.shape.rank - 2
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    x = _last(x, data_format)
    if max(dilation) > 1:
        kernel, dilation = _spread_kernel(kernel, dilation), (1,) * rank
    static: Any = x.shape.as_list()
    dynamic: Any = tf.shape(x) if None in static else None
    sizes = [dynamic[i] if d is None else d for i, d in enumerate(static)]
    window = kernel.shape.as_list()[:-2]
    shapes = [
        windows.transposed_size(*arguments[:-1], padding, arguments[-1])
        for arguments in zip(sizes[1:-1], window, strides, dilation, output_padding, strict=True)
    ]
    # Where each size is the stride's multiple and windows leave no gaps, the kernel's own "SAME" cuts at the same places.
    multiples = [d * s for d, s in zip(static[1:-1], strides, strict=True) if d is not None]
    if padding == "same" and shapes == multiples and all(w >= s for w, s in zip(window, strides, strict=True)):
        same: Any = [sizes[0], *shapes, kernel.shape[-2]]
        return _restored(tf.nn.conv_transpose(x, kernel, same, strides, "SAME"), data_format)
    # Else whole, then cut.
    whole = [d * s - s + w for d, w, s in zip(sizes[1:-1], window, strides, strict=True)]
    shape: Any = [sizes[0], *whole, kernel.shape[-2]]
    y = tf.nn.conv_transpose(x, kernel, shape, strides, "VALID")
    for axis, (size, total) in enumerate(zip(shapes, whole, strict=True), 1):
        y = _cut(y, axis, size, total, padding)
    known = [None if isinstance(s, tf.Tensor) else s for s in shapes]
    y.set_shape([static[0], *known, kernel.shape[-2]])
    return _restored(y, data_format)


def _cut(y: Tensor, axis: int, size: Any, total: Any, padding: str) -> Tensor:
    """An axis of ``total`` sizes brought to ``size``: cut at both ends for ``"same"``, else at the end or padded there."""
    if isinstance(size, int) and size == total:
        return y
    excess = total - size
    at_least_zero: Any = max if isinstance(excess, int) else tf.maximum
    before = at_least_zero(excess, 0) // 2 if padding == "same" else 0
    missing = at_least_zero(-excess, 0)
    if not isinstance(missing, int) or missing:
        pads = [[0, 0]] * y.shape.rank
        pads[axis] = [0, missing]
        y = tf.pad(y, pads)
    return y[(slice(None),) * axis + (slice(before, before + size),)]


def _spread_kernel(kernel: Tensor, dilation: Sequence[int]) -> Tensor:
    """A kernel with zeros in the gaps."""
    for axis, d in enumerate(dilation):
        if d > 1:
            pads = [[0, 0]] * (kernel.shape.rank + 1)
            pads[axis + 1] = [0, d - 1]
            spread = tf.pad(tf.expand_dims(kernel, axis + 1), pads)
            shape = kernel.shape.as_list()
            shape[axis] *= d
            size = windows.extent(kernel.shape[axis], d)
            kernel = tf.reshape(spread, shape)[(slice(None),) * axis + (slice(0, size),)]
    return kernel


#: (kind, axes) -> the kernel.
_KERNELS: dict[tuple[str, int], Any] = {
    ("MAX", 2): lambda x, k, s, p: tf.raw_ops.MaxPool(input=x, ksize=k, strides=s, padding=p),
    ("AVG", 2): lambda x, k, s, p: tf.raw_ops.AvgPool(value=x, ksize=k, strides=s, padding=p),
    ("MAX", 3): lambda x, k, s, p: tf.raw_ops.MaxPool3D(input=x, ksize=k, strides=s, padding=p),
    ("AVG", 3): lambda x, k, s, p: tf.raw_ops.AvgPool3D(input=x, ksize=k, strides=s, padding=p),
}


def _pool(x: Tensor, window: Any, kind: str, strides: Any, padding: str) -> Tensor:
    """TensorFlow pools volumes up to float32 (2.21); in float64 planes are pooled, then what lies behind one another."""
    if len(window) < 3 or x.dtype != tf.float64:
        # A third of the time of tf.nn.pool, which looks at dilations and more in Python.
        ksize, strides = ((1, *values, 1) for values in (window, strides))
        if len(window) == 1:
            y = _KERNELS[kind, 2](x[:, None], (1, *ksize), (1, *strides), padding)
            return tf.squeeze(y, 1)
        return _KERNELS[kind, len(window)](x, ksize, strides, padding)
    sizes = tf.shape(x)
    planes = tf.nn.pool(tf.reshape(x, [-1, *x.shape[2:]]), window[1:], kind, strides[1:], padding)
    height, width, channels = planes.shape[1:]
    rows = tf.reshape(planes, [sizes[0], sizes[1], height * width, channels])
    y = tf.nn.pool(rows, (window[0], 1), kind, (strides[0], 1), padding)
    return tf.reshape(y, [sizes[0], -1, height, width, channels])


def _pooled(x: Tensor, kind: str, pool_size: Any, strides: Any, padding: Any, data_format: str) -> Tensor:
    rank = x.shape.rank - 2
    strides, padding, _ = windows.conv_arguments(rank, strides, padding)
    window = windows.per_axis(pool_size, rank, "pool_size")
    if any(s > w for s, w in zip(strides, window, strict=True)):
        return _restored(_sparsely_pooled(_last(x, data_format), kind, window, strides, padding), data_format)
    return _restored(_pool(_last(x, data_format), window, kind, strides, padding.upper()), data_format)


def _sparsely_pooled(x: Tensor, kind: str, window: Any, strides: Any, padding: str) -> Tensor:
    """Pooling with gaps between the windows, which TensorFlow refuses: every place, then some of them."""
    ones = (1,) * len(window)

    def pooled(x: Tensor, value: float) -> Tensor:
        x = _padded(x, window, strides, ones, value) if padding == "same" else x
        return _strided(_pool(x, window, kind, ones, "VALID"), strides)

    if kind == "MAX":
        return pooled(x, x.dtype.min)
    return pooled(x, 0) / pooled(tf.ones_like(x[:1, ..., :1]), 0)


def _pool_max(x: Tensor, pool_size: Any, strides: Any, padding: Any, data_format: str) -> Tensor:
    if x.dtype.is_floating and not (
        x.dtype == tf.float16 and x.shape.rank == 5
    ):  # volumes have no float16 kernel (2.21)
        return _pooled(x, "MAX", pool_size, strides, padding, data_format)
    wide = tf.float32 if x.dtype == tf.float16 else tf.float64
    return tf.cast(_pooled(tf.cast(x, wide), "MAX", pool_size, strides, padding, data_format), x.dtype)


def _pool_average(x: Tensor, pool_size: Any, strides: Any, padding: Any, data_format: str) -> Tensor:
    if x.dtype == tf.float16:  # whose sums overflow where the mean doesn't
        return tf.cast(_pooled(tf.cast(x, tf.float32), "AVG", pool_size, strides, padding, data_format), x.dtype)
    return _pooled(x, "AVG", pool_size, strides, padding, data_format)


TABLE = {
    "convolve": _convolve,
    "convolve_depthwise": _convolve_depthwise,
    "convolve_transposed": _convolve_transposed,
    "pool_max": _pool_max,
    "pool_average": _pool_average,
}
