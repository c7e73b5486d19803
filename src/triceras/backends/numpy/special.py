"""The error function and its relatives for NumPy, which has none: SciPy's where it is installed, else Python's own."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable

import numpy as np


def _vectorized(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    whole = np.vectorize(function, otypes=[np.float64])

    def body(x: np.ndarray) -> np.ndarray:
        return np.asarray(whole(x) if x.size else x).astype(x.dtype)

    return body


def _erfinv(y: float) -> float:
    """Winitzki's approximation (2008), then Halley's iteration on ``erf(x) - y``."""
    if not -1 < y < 1:
        return math.copysign(math.inf, y) if abs(y) == 1 else math.nan
    a = 0.147
    log = math.log1p(-y * y)
    b = 2 / (math.pi * a) + log / 2
    x = math.copysign(math.sqrt(math.sqrt(b * b - log / a) - b), y)
    for _ in range(4):
        error = (math.erf(x) - y) / (2 / math.sqrt(math.pi) * math.exp(-x * x))
        x -= error / (1 + x * error)
    return x


@functools.cache
def _functions() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    if importlib.util.find_spec("scipy") is None:
        return {"erf": _vectorized(math.erf), "erfc": _vectorized(math.erfc), "erfinv": _vectorized(_erfinv)}
    from scipy import special

    return {"erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv}


def _late(name: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: _functions()[name](x)


#: Looked up when called: importing SciPy takes longer than drawing the weights of a small model on the host.
SPECIAL = {name: _late(name) for name in ("erf", "erfc", "erfinv")}
