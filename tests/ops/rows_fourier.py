"""Rows for Fourier transforms and spectrograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.table import normal, row

X, Y = normal(2, 6, 8), normal(2, 6, 8, seed=1)
SIGNAL = normal(2, 50)
#: sequence_length, sequence_stride, fft_length.
LENGTHS = ((8, 4, 8), (8, 3, 16), (7, 3, 8), (16, 5, 15 + 1), (6, 2, 9))
WINDOWS = ("hann", "hamming", None, np.linspace(0.1, 1.0, 8))

CLOSE = {"differentiable": True, "tolerance": 1e-5}


def _parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.real, x.imag


def _window(window: Any, length: int, fft_length: int) -> np.ndarray:
    if window is None:
        return np.ones(fft_length)
    if isinstance(window, str):
        constant = {"hann": 0.5, "hamming": 0.54}[window]
        window = constant - (1 - constant) * np.cos(2 * np.pi * np.arange(length) / length)
    before = (fft_length - length) // 2
    return np.pad(window, (before, fft_length - length - before))


def _stft(x: Any, length: int, stride: int, n: int, window: Any = "hann", center: bool = True) -> Any:
    """By the definition, window after window."""
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n // 2, n // 2)], mode="reflect") if center else x
    starts = range(0, x.shape[-1] - n + 1, stride)
    return _parts(np.stack([np.fft.rfft(x[..., s : s + n] * _window(window, length, n)) for s in starts], -2))


def _istft(
    x: Any, length: int, stride: int, n: int, size: int | None = None, window: Any = "hann", center: bool = True
) -> np.ndarray:
    frames = np.fft.irfft(x[0] + 1j * x[1], n)
    count = frames.shape[-2]
    weights = _window(window, length, n)
    signal, total = np.zeros((*frames.shape[:-2], n + stride * (count - 1))), np.zeros(n + stride * (count - 1))
    for k in range(count):
        signal[..., k * stride : k * stride + n] += frames[..., k, :] * weights
        total[k * stride : k * stride + n] += weights**2
    if window is not None:
        signal = signal / np.where(total > 1e-10, total, 1)
    start = n // 2 if center else 0
    return signal[..., start : start + size if size is not None else signal.shape[-1] - start]


def _spectra(length: int, stride: int, n: int, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    return tuple(p.astype(np.float16).astype(float) for p in _stft(SIGNAL, length, stride, n, **options))  # type: ignore[return-value]


def _sequences(x: np.ndarray, length: int, stride: int) -> np.ndarray:
    if x.shape[-1] < length:
        return np.zeros((*x.shape[:-1], 0, length))
    return np.lib.stride_tricks.sliding_window_view(x, length, -1)[..., ::stride, :]


ROWS = [
    row("fft", (X, Y), reference=lambda x: _parts(np.fft.fft(x[0] + 1j * x[1])), **CLOSE),
    row("fft", (normal(7), normal(7, seed=1)), reference=lambda x: _parts(np.fft.fft(x[0] + 1j * x[1])), unknown=False),
    row("fft2", (X, Y), reference=lambda x: _parts(np.fft.fft2(x[0] + 1j * x[1])), differentiable=True, tolerance=3e-5),
    row("ifft2", (X, Y), reference=lambda x: _parts(np.fft.ifft2(x[0] + 1j * x[1])), **CLOSE),
    *(row("rfft", X, n, reference=lambda x, n: _parts(np.fft.rfft(x, n)), **CLOSE) for n in (None, 4, 7, 8, 12)),
    row("rfft", X, dtypes=("float16", "bfloat16"), tolerance=1e-5),
    row("rfft", normal(9), reference=lambda x: _parts(np.fft.rfft(x)), **CLOSE),
    *(
        row("irfft", (X, Y), n, reference=lambda x, n: np.fft.irfft(x[0] + 1j * x[1], n), **CLOSE)
        for n in (None, 6, 7, 14, 19)
    ),
    *(
        row("extract_sequences", normal(2, 10), length, stride, reference=_sequences, differentiable=True)
        for length, stride in ((4, 3), (4, 2), (3, 5), (10, 1))
    ),
    row("extract_sequences", np.arange(20, dtype="int32"), 6, 4, reference=_sequences),
    row("extract_sequences", normal(3), 4, 2, reference=_sequences),
    *(
        row("stft", SIGNAL, *lengths, center=center, reference=_stft, **CLOSE)
        for lengths in LENGTHS
        for center in (True, False)
    ),
    *(row("stft", SIGNAL, 8, 3, 16, window=window, reference=_stft, unknown=False, **CLOSE) for window in WINDOWS),
    row("stft", normal(2, 2, 30), 8, 4, 8, reference=_stft, **CLOSE),
    row("stft", normal(30), 8, 4, 8, reference=_stft, **CLOSE),
    *(
        row("istft", _spectra(*lengths, center=center), *lengths, center=center, reference=_istft, **CLOSE)
        for lengths in LENGTHS
        for center in (True, False)
    ),
    *(
        row(
            "istft",
            _spectra(8, 3, 16, window=window),
            *(8, 3, 16, size),
            window=window,
            reference=lambda x, a, b, n, size, window: _istft(x, a, b, n, size, window),
            unknown=False,
            differentiable=True,
            tolerance=3e-5,
        )
        for window in WINDOWS
        for size in (40, 99)
    ),
]
