"""Fourier transforms, in NumPy."""

from __future__ import annotations

import numpy as np


def _transform(real: np.ndarray, imaginary: np.ndarray, axes: int, inverse: bool) -> tuple[np.ndarray, np.ndarray]:
    function = np.fft.ifftn if inverse else np.fft.fftn
    result = function(real + 1j * imaginary, axes=range(-axes, 0))
    return result.real, result.imag


def _of_real(x: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    result = np.fft.rfft(x, length)
    return result.real, result.imag


def _to_real(real: np.ndarray, imaginary: np.ndarray, length: int) -> np.ndarray:
    return np.fft.irfft(real + 1j * imaginary, length)


TABLE = {"fourier_transform": _transform, "half_spectrum": _of_real, "from_half_spectrum": _to_real}
