"""Initializers that draw from a distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from triceras import random
from triceras.initializers.initializer import RandomInitializer

#: The standard deviation of a unit normal that is cut off at two.
_TRUNCATED_STDDEV = 0.87962566103423978


class RandomNormal(RandomInitializer):
    """Normal numbers.

    Args:
        mean, stddev: of the distribution.
        seed: an integer, a ``SeedGenerator`` or None.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return random.normal(shape, self.mean, self.stddev, "float32", self.key())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal numbers, none further than two standard deviations from the mean."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return random.truncated_normal(shape, self.mean, self.stddev, "float32", self.key())


class RandomUniform(RandomInitializer):
    """Uniform numbers.

    Args:
        minval, maxval: the ends.
        seed: an integer, a ``SeedGenerator`` or None.
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        return random.uniform(shape, self.minval, self.maxval, "float32", self.key())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


def fans(shape: tuple[int, ...], input_axes: Any = None, output_axes: Any = None) -> tuple[float, float]:
    """The numbers of inputs and outputs of one unit, for dense and convolution kernels or by the axes named."""
    if input_axes is not None or output_axes is not None:
        rank = len(shape)
        inputs = {a % rank for a in np.atleast_1d([] if input_axes is None else input_axes).astype(int)}
        outputs = {a % rank for a in np.atleast_1d([] if output_axes is None else output_axes).astype(int)}
        field = math.prod(shape[a] for a in range(rank) if a not in inputs | outputs)
        return field * math.prod(shape[a] for a in inputs), field * math.prod(shape[a] for a in outputs)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


_MODES = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(RandomInitializer):
    """Numbers of variance ``scale / n``, n the fan that ``mode`` names (He et al. 2015, Glorot & Bengio 2010).

    Args:
        scale: the factor, positive.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.
        seed: an integer, a ``SeedGenerator`` or None.
        input_axes, output_axes: the axes that count as inputs and outputs, where the last two don't.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"scale is positive, received {scale}.")
        if mode not in _MODES:
            raise ValueError(f"Unknown mode {mode!r}. Expected one of: {', '.join(_MODES)}.")
        distribution = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"Unknown distribution {distribution!r}. Expected one of: {', '.join(_DISTRIBUTIONS)}.")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        fan = _MODES[self.mode](*fans(shape, self.input_axes, self.output_axes))
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, "float32", self.key())
        if self.distribution == "truncated_normal":
            return random.truncated_normal(shape, 0.0, math.sqrt(variance) / _TRUNCATED_STDDEV, "float32", self.key())
        return random.normal(shape, 0.0, math.sqrt(variance), "float32", self.key())

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


def _scaled(name: str, summary: str, scale: float, mode: str, distribution: str) -> type[VarianceScaling]:
    """A class for one choice of scale, mode and distribution."""

    def __init__(  # noqa: N807
        self: Any, seed: Any = None, input_axes: Any = None, output_axes: Any = None
    ) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self: Any) -> dict[str, Any]:
        return {**RandomInitializer.get_config(self), "input_axes": self.input_axes, "output_axes": self.output_axes}

    body = {"__init__": __init__, "get_config": get_config, "__doc__": summary, "__module__": __name__}
    return type(name, (VarianceScaling,), body)


GlorotUniform = _scaled(
    "GlorotUniform", "Uniform of variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010).", 1.0, "fan_avg", "uniform"
)
GlorotNormal = _scaled(
    "GlorotNormal",
    "Truncated normal of variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010).",
    1.0,
    "fan_avg",
    "truncated_normal",
)
HeUniform = _scaled("HeUniform", "Uniform of variance ``2 / fan_in`` (He et al. 2015).", 2.0, "fan_in", "uniform")
HeNormal = _scaled(
    "HeNormal", "Truncated normal of variance ``2 / fan_in`` (He et al. 2015).", 2.0, "fan_in", "truncated_normal"
)
LecunUniform = _scaled(
    "LecunUniform", "Uniform of variance ``1 / fan_in`` (LeCun et al. 1998).", 1.0, "fan_in", "uniform"
)
LecunNormal = _scaled(
    "LecunNormal", "Truncated normal of variance ``1 / fan_in`` (LeCun et al. 1998).", 1.0, "fan_in", "truncated_normal"
)


class Orthogonal(RandomInitializer):
    """Orthogonal rows or columns: Q of the QR decomposition of normal numbers (Saxe et al. 2014).

    Args:
        gain: the factor.
        seed: an integer, a ``SeedGenerator`` or None.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"The orthogonal initializer needs at least two axes, received the shape {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = random.normal((max(rows, columns), min(rows, columns)), dtype="float32", seed=self.key())
        q, r = np.linalg.qr(flat)
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the decomposition unique, and Q uniform
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(shape)).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}
