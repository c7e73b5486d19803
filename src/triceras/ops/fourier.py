"""Fourier transforms and spectrograms. A complex tensor is a pair of real ones, its real and its imaginary part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.ops import core
from triceras.ops.creation import arange, ones
from triceras.ops.dispatch import Index, TensorLike, Tensors, composite, primitive
from triceras.ops.elementwise import divide, square
from triceras.ops.indexing import take
from triceras.ops.logic import greater, where
from triceras.ops.reduce import sum
from triceras.ops.shape import expand_dims, pad, reshape, swapaxes
from triceras.ops.specs import at_least_float32

#: Below it the windows over a sample add up to nothing that could be divided by.
_NO_WEIGHT = 1e-10


def _pair(op: str, x: Sequence[Any]) -> tuple[Any, Any]:
    if len(x) != 2 or tuple(x[0].shape) != tuple(x[1].shape):
        raise ValueError(
            f"{op}() takes a pair of tensors of one shape, the real and the imaginary part, received "
            f"{len(x)} of the shapes {[tuple(part.shape) for part in x]}. Of a complex tensor these are ops.real(x) and "
            "ops.imag(x)."
        )
    return x[0], x[1]


# ---- transforms ------------------------------------------------------------------------------------------------------


def _transform_spec(real: Spec, imaginary: Spec, axes: int, inverse: bool) -> tuple[Spec, Spec]:
    return real, imaginary


@primitive(at_least_float32, spec=_transform_spec)
def fourier_transform(real: TensorLike, imaginary: TensorLike, axes: int, inverse: bool) -> Any:
    """The discrete Fourier transform over the last ``axes`` axes, or its inverse, as a pair."""


def _half_spec(x: Spec, length: Any) -> tuple[Spec, Spec]:
    half = Spec((*x.shape[:-1], None if length is None else length // 2 + 1), x.dtype)
    return half, half


@primitive(at_least_float32, spec=_half_spec)
def half_spectrum(x: TensorLike, length: Any) -> Any:
    """``rfft`` with its length given."""


def _whole_spec(real: Spec, imaginary: Spec, length: Any) -> Spec:
    return Spec((*real.shape[:-1], length), real.dtype)


@primitive(at_least_float32, spec=_whole_spec)
def from_half_spectrum(real: TensorLike, imaginary: TensorLike, length: Any) -> Tensor:
    """``irfft`` with its length given."""


def _same_pair(x: Sequence[Spec]) -> tuple[Spec, Spec]:
    return _pair("fft", x)


@composite(at_least_float32, spec=_same_pair)
def fft(x: Tensors) -> tuple[Tensor, Tensor]:
    """The discrete Fourier transform over the last axis: ``y[k] = sum_n x[n] exp(-2 pi i k n / N)``.

    Args:
        x: a pair of tensors of one shape, the real and the imaginary part.

    Returns:
        The real and the imaginary part, of the same shape; float32, or float64 for float64.

    Raises:
        ValueError: it is no pair, or the shapes differ.

    Example:
        >>> real, imaginary = fft(([1.0, 2.0], [0.0, 0.0]))
        >>> convert_to_numpy(real).tolist()
        [3.0, -1.0]
    """
    return fourier_transform(*_pair("fft", x), 1, False)


@composite(at_least_float32, spec=_same_pair)
def fft2(x: Tensors) -> tuple[Tensor, Tensor]:
    """The discrete Fourier transform over the last two axes; arguments and result as for ``fft``.

    Example:
        >>> real, imaginary = fft2(([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]))
        >>> convert_to_numpy(real).tolist()
        [[10.0, -2.0], [-4.0, 0.0]]
    """
    return fourier_transform(*_pair("fft2", x), 2, False)


@composite(at_least_float32, spec=_same_pair)
def ifft2(x: Tensors) -> tuple[Tensor, Tensor]:
    """The inverse of ``fft2``; arguments and result as for ``fft``.

    Example:
        >>> real, imaginary = ifft2(([[10.0, -2.0], [-4.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]))
        >>> convert_to_numpy(real).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    return fourier_transform(*_pair("ifft2", x), 2, True)


def _rfft_spec(x: Spec, fft_length: int | None = None) -> tuple[Spec, Spec]:
    return _half_spec(x, x.shape[-1] if fft_length is None else fft_length)


@composite(at_least_float32, spec=_rfft_spec)
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """The discrete Fourier transform of real numbers over the last axis, without the half that mirrors the other.

    Args:
        x: a real tensor ``(..., n)``.
        fft_length: what ``n`` is cut or padded with zeros to; ``n`` by default.

    Returns:
        The real and the imaginary part, ``(..., fft_length // 2 + 1)``; float32, or float64 for float64.

    Example:
        >>> real, imaginary = rfft([1.0, 2.0, 3.0, 4.0])
        >>> convert_to_numpy(real).tolist(), convert_to_numpy(imaginary).tolist()
        ([10.0, -2.0, -2.0], [0.0, 2.0, 0.0])
    """
    return half_spectrum(x, core.shape(x)[-1] if fft_length is None else fft_length)


def _irfft_spec(x: Sequence[Spec], fft_length: int | None = None) -> Spec:
    real, imaginary = _pair("irfft", x)
    natural = None if real.shape[-1] is None else 2 * (real.shape[-1] - 1)
    return _whole_spec(real, imaginary, natural if fft_length is None else fft_length)


@composite(at_least_float32, spec=_irfft_spec)
def irfft(x: Tensors, fft_length: int | None = None) -> Tensor:
    """The inverse of ``rfft``.

    Args:
        x: a pair of tensors ``(..., m)``, the real and the imaginary part; what ``fft_length`` doesn't need is cut off,
            what it lacks is zero.
        fft_length: the size of the last axis of the result, ``2 * (m - 1)`` by default.

    Returns:
        Real numbers ``(..., fft_length)``.

    Example:
        >>> convert_to_numpy(irfft(([10.0, -2.0, -2.0], [0.0, 2.0, 0.0]))).tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    real, imaginary = _pair("irfft", x)
    natural = 2 * (core.shape(real)[-1] - 1)
    return from_half_spectrum(real, imaginary, natural if fft_length is None else fft_length)


# ---- frames ----------------------------------------------------------------------------------------------------------


def _frames(size: int | None, length: int, stride: int) -> int | None:
    return None if size is None else max(0, 1 + (size - length) // stride)


def _sequences_spec(x: Spec, sequence_length: int, sequence_stride: int) -> Spec:
    return Spec((*x.shape[:-1], _frames(x.shape[-1], sequence_length, sequence_stride), sequence_length), x.dtype)


@composite(spec=_sequences_spec)
def extract_sequences(x: Index, sequence_length: int, sequence_stride: int) -> Tensor:
    """The windows of a length along the last axis, so many elements apart.

    Args:
        x: a tensor ``(..., n)``.
        sequence_length: the length of each.
        sequence_stride: the distance between the beginnings of two.

    Returns:
        ``(..., count, sequence_length)``; what doesn't fill a last window is left out.

    Example:
        >>> convert_to_numpy(extract_sequences([1, 2, 3, 4, 5, 6], 3, 2)).tolist()
        [[1, 2, 3], [3, 4, 5]]
    """
    if sequence_length < 1 or sequence_stride < 1:
        raise ValueError(
            "extract_sequences() needs a sequence_length and a sequence_stride of at least 1, received "
            f"{sequence_length} and {sequence_stride}."
        )
    size = core.shape(x)[-1]
    if isinstance(size, int):
        starts = arange(0, _frames(size, sequence_length, sequence_stride) * sequence_stride, sequence_stride)  # type: ignore[operator]
    else:
        starts = arange(0, size - sequence_length + 1, sequence_stride)
    return take(x, expand_dims(starts, 1) + arange(sequence_length), -1)


def overlap_add(frames: Tensor, stride: int) -> Tensor:
    """The sum of windows put back ``stride`` apart: ``(..., count, length)`` to ``(..., (count - 1) * stride + length)``."""
    *batch, count, length = core.shape(frames)
    parts = -(-length // stride)
    widths = [(0, 0)] * (len(batch) + 1)
    blocks = reshape(pad(frames, (*widths, (0, parts * stride - length))), (*batch, count, parts, stride))
    # Part j of a window belongs j blocks later. Rows of count + parts blocks, read as rows of one block less, are shifted so.
    rows = pad(swapaxes(blocks, -3, -2), (*widths, (0, parts), (0, 0)))
    rows = reshape(rows, (*batch, parts * (count + parts), stride))[..., : parts * (count + parts - 1), :]
    total = sum(reshape(rows, (*batch, parts, count + parts - 1, stride)), -3)
    return reshape(total, (*batch, (count + parts - 1) * stride))[..., : (count - 1) * stride + length]


#: Name -> the constant part of a periodic window; the rest is a cosine.
_WINDOWS = {"hann": 0.5, "hamming": 0.54}


def _window(op: str, window: Any, length: int, stride: int, fft_length: int, dtype: str) -> Tensor | None:
    """A window of a length in the middle of ``fft_length`` zeros; None for none."""
    if length < 1 or stride < 1 or fft_length < length:
        raise ValueError(
            f"{op}() needs a sequence_length and a sequence_stride of at least 1 and an fft_length of at least the "
            f"sequence_length, received sequence_length={length}, sequence_stride={stride}, fft_length={fft_length}."
        )
    if window is None:
        return None
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise ValueError(
                f"{op}() has no window {window!r}. Expected one of: {', '.join(_WINDOWS)}, None, a tensor."
            )
        constant = _WINDOWS[window]
        window = constant - (1 - constant) * np.cos(2 * np.pi * np.arange(length) / length)
    if tuple(core.shape(window)) != (length,):
        raise ValueError(
            f"{op}() needs a window of the shape ({length},), as its sequence_length, received {core.shape(window)}."
        )
    backend = registry.active()
    window = core.cast(backend.convert_to_tensor(window, dtype) if isinstance(window, np.ndarray) else window, dtype)
    before = (fft_length - length) // 2
    return pad(window, ((before, fft_length - length - before),))


def _stft_spec(
    x: Spec,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Spec, Spec]:
    size = x.shape[-1]
    if center and size is not None:
        size += 2 * (fft_length // 2)
    frames = _frames(size, fft_length, sequence_stride)
    return _half_spec(Spec((*x.shape[:-1], frames, fft_length), x.dtype), fft_length)


@composite(at_least_float32, spec=_stft_spec)
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """The short-time Fourier transform: the spectra of overlapping windows (Allen 1977).

    Args:
        x: a real tensor ``(..., n)``.
        sequence_length: the length of the window.
        sequence_stride: the distance between two.
        fft_length: how many elements are transformed, at least ``sequence_length``; the window stands in their middle.
        window: ``"hann"`` or ``"hamming"``, both periodic, a vector of ``sequence_length``, or None for none.
        center: whether ``x`` is mirrored at both ends, so that window k is centred at element ``k * sequence_stride``.

    Returns:
        The real and the imaginary part, ``(..., frames, fft_length // 2 + 1)``; float32, or float64 for float64.

    Raises:
        ValueError: lengths or the window don't fit.

    Example:
        >>> real, imaginary = stft(ones((20,)), 8, 4, 8)
        >>> shape(real)
        (6, 5)
    """
    weights = _window("stft", window, sequence_length, sequence_stride, fft_length, core.dtype(x))
    return spectra(x, weights, sequence_stride, fft_length, center)


@composite(at_least_float32, fused=True)
def spectra(
    x: TensorLike, weights: TensorLike | None, sequence_stride: int, fft_length: int, center: bool
) -> tuple[Tensor, Tensor]:
    """``stft`` with a window of ``fft_length``."""
    if center:
        x = pad(x, (*[(0, 0)] * (len(x.shape) - 1), (fft_length // 2, fft_length // 2)), "reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return rfft(frames if weights is None else frames * weights, fft_length)


def _cut(total: Any, fft_length: int, length: int | None, center: bool) -> tuple[int, Any]:
    """Where the signal begins and ends in what windows added up to."""
    start = fft_length // 2 if center else 0
    if length is not None:
        return start, start + length
    return start, total - start


def _istft_spec(
    x: Sequence[Spec],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Spec:
    real, _ = _pair("istft", x)
    if real.shape[-2] is None:
        return Spec((*real.shape[:-2], None), real.dtype)
    total = fft_length + sequence_stride * (real.shape[-2] - 1)
    start, stop = _cut(total, fft_length, length, center)
    return Spec((*real.shape[:-2], min(stop, total) - start), real.dtype)


@composite(at_least_float32, spec=_istft_spec)
def istft(
    x: Tensors,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """The inverse of ``stft``, by the least squares of Griffin & Lim (1984): windows applied again, added, and divided by
    the sum of their squares.

    Args:
        x: a pair of tensors ``(..., frames, fft_length // 2 + 1)``, the real and the imaginary part.
        sequence_length, sequence_stride, fft_length, window, center: as in ``stft``. With no window the frames are added
            and divided by nothing.
        length: how many elements of the signal are returned, of as many as there are; by default all that the windows
            surely know.

    Returns:
        The signal, ``(..., n)``.

    Raises:
        ValueError: lengths or the window don't fit.

    Example:
        >>> signal = convert_to_tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
        >>> convert_to_numpy(istft(stft(signal, 4, 2, 4), 4, 2, 4)).round(3).tolist()
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    real, imaginary = _pair("istft", x)
    weights = _window("istft", window, sequence_length, sequence_stride, fft_length, core.dtype(real))
    frames = irfft((real, imaginary), fft_length)
    if weights is None:
        signal = overlap_add(frames, sequence_stride)
    else:
        count = core.shape(frames)[-2]
        total = overlap_add(ones((count, 1), core.dtype(frames)) * square(weights), sequence_stride)
        known = greater(total, _NO_WEIGHT)
        signal = divide(overlap_add(frames * weights, sequence_stride), where(known, total, 1.0))
    start, stop = _cut(core.shape(signal)[-1], fft_length, length, center)
    return signal[..., start:stop]
