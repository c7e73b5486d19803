"""How a pixel is weighted by its distance. ``xp`` is what computes: NumPy, or the ops of that name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def _triangle(xp: Any, x: Any) -> Any:
    return xp.maximum(1 - xp.abs(x), 0)


def _keys(xp: Any, x: Any) -> Any:
    """Keys' cubic kernel (1981) with a = -0.5."""
    x = xp.abs(x)
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return xp.where(x >= 2, 0, xp.where(x >= 1, far, near))


def _lanczos(radius: int, xp: Any, x: Any) -> Any:
    return xp.where(xp.abs(x) < radius, xp.sinc(x) * xp.sinc(x / radius), 0)


#: Interpolation -> the weight, a function of the distance.
KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "bilinear": _triangle,
    "bicubic": _keys,
    "lanczos3": functools.partial(_lanczos, 3),
    "lanczos5": functools.partial(_lanczos, 5),
}
