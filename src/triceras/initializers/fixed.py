"""Initializers that draw nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.initializers.initializer import HostInitializer


class Constant(HostInitializer):
    """One value everywhere, or an array of the shape.

    Args:
        value: a number or an array.

    Example:
        >>> convert_to_numpy(Constant(3.0)((2,))).tolist()
        [3.0, 3.0]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value), shape)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(HostInitializer):
    """Zeros."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape, np.float32)


class Ones(HostInitializer):
    """Ones."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape, np.float32)


class Identity(HostInitializer):
    """``gain`` on the diagonal of a matrix, zeros elsewhere.

    Args:
        gain: the factor.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"The identity initializer makes matrices, received the shape {shape}.")
        return self.gain * np.eye(*shape, dtype=np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


_WINDOWS = {
    "hann": lambda x: 0.5 - 0.5 * np.cos(x),
    "hamming": lambda x: 0.54 - 0.46 * np.cos(x),
    "blackman": lambda x: 0.42 - 0.5 * np.cos(x) + 0.08 * np.cos(2 * x),
}


class STFT(HostInitializer):
    """The kernel of a convolution that computes the short-time Fourier transform: windowed cosines or sines.

    Args:
        side: ``"real"`` or ``"imag"``.
        window: ``"hann"``, ``"hamming"``, ``"blackman"``, an array, or None for none.
        scaling: ``"density"``, ``"spectrum"`` or None.
        periodic: whether the window is one period rather than symmetric.
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"side is 'real' or 'imag', received {side!r}.")
        if isinstance(window, str) and window not in _WINDOWS:
            raise ValueError(f"Unknown window {window!r}. Expected one of: {', '.join(_WINDOWS)}, an array or None.")
        if scaling not in ("density", "spectrum", None):
            raise ValueError(f"scaling is 'density', 'spectrum' or None, received {scaling!r}.")
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def _window(self, length: int) -> np.ndarray:
        if self.window is None:
            return np.ones(length)
        if not isinstance(self.window, str):
            return np.asarray(self.window, np.float64)
        period = length if self.periodic else max(length - 1, 1)
        return _WINDOWS[self.window](2 * np.pi * np.arange(length) / period)

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        length, channels, frequencies = shape
        size = (frequencies - 1) * 2
        if channels != 1 or length > size:
            raise ValueError(
                f"The STFT initializer makes kernels (length, 1, size // 2 + 1) with length <= size, received {shape}."
            )
        window = self._window(length)
        scale = {"density": np.sqrt((window**2).sum()), "spectrum": window.sum(), None: 1.0}[self.scaling]
        angles = 2 * np.pi * np.outer(np.arange(length) + (size - length) // 2, np.arange(frequencies)) / size
        waves = np.cos(angles) if self.side == "real" else -np.sin(angles)
        return (waves * (window / scale)[:, None])[:, None, :].astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"side": self.side, "window": self.window, "scaling": self.scaling, "periodic": self.periodic}
