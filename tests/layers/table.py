"""What a row of the layer tables says. NumPy alone is imported here: a process that runs Keras reads rows too."""

from __future__ import annotations

import dataclasses
import operator
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Make:
    """An instance of a layer among the arguments of another: made anew for each backend."""

    layer: str
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)


def make(layer: str, **kwargs: Any) -> Make:
    """A layer among the arguments of another."""
    return Make(layer, kwargs)


def realize(x: Any, layers: Any) -> Any:
    """A value with what is to be made in it made from a module: ours or Keras's."""
    if isinstance(x, Make):
        return operator.attrgetter(x.layer)(layers)(**{key: realize(value, layers) for key, value in x.kwargs.items()})
    if isinstance(x, dict):
        return {key: realize(value, layers) for key, value in x.items()}
    return type(x)(realize(value, layers) for value in x) if type(x) in (list, tuple) else x


@dataclasses.dataclass
class Row:
    """One layer and one call of it."""

    #: A class of ``triceras.layers``, or a function of that module that makes a layer of the test's own.
    layer: str | Callable[[Any], Any]
    kwargs: dict[str, Any]
    #: The positional arguments of the call; arrays anywhere inside.
    inputs: tuple[Any, ...]
    #: Its keyword arguments: masks, ``training``, initial states …
    call: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: Constructor arguments, all away from their defaults, for the round trip through a config; ``kwargs`` where None.
    config: dict[str, Any] | None = None
    #: Axes of the inputs whose size a symbolic call needn't know; () to leave that out.
    unknown: tuple[int, ...] = (0,)
    #: Whether the gradients of its weights are compared, in a compiled step.
    gradient: bool = True
    #: Whether TensorFlow compiles that step with XLA; costs time.
    jit: bool = False
    #: On which backend Keras makes the same numbers; "" where it has none. On numpy, masks don't travel with its tensors.
    keras: str = "numpy"
    #: Whether it can be written to a file.
    file: bool = True
    #: Whether it computes in a policy's compute dtype.
    mixed: bool = True
    #: How many calls in a row, the last of which counts: for layers with a state.
    calls: int = 1
    tolerance: float = 1e-5
    name: str = ""

    def __str__(self) -> str:
        layer = self.layer if isinstance(self.layer, str) else self.layer.__name__
        return f"{layer}-{self.name}" if self.name else layer

    def build(self, layers: Any, **more: Any) -> Any:
        """The layer, from a module's classes."""
        if callable(self.layer):
            return self.layer(layers, **more)
        return realize(Make(self.layer, self.kwargs | more), layers)


def row(layer: str | Callable[[Any], Any], kwargs: dict[str, Any] | None, *inputs: Any, **options: Any) -> Row:
    """A row; the options are the fields of ``Row``."""
    return Row(layer, kwargs or {}, inputs, **options)


def map_arrays(function: Callable[[Any], Any], x: Any) -> Any:
    """Arguments with a function applied to their arrays, wherever they stand."""
    if isinstance(x, np.ndarray):
        return function(x)
    if isinstance(x, dict):
        return {key: map_arrays(function, value) for key, value in x.items()}
    return type(x)(map_arrays(function, value) for value in x) if type(x) in (list, tuple) else x


def _generator(shape: tuple[int, ...], seed: Any) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(repr((shape, seed)).encode())])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal float32 numbers, the same ones for the same shape and seed."""
    return _generator(shape, seed).standard_normal(shape).astype("float32")


def uniform(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Uniform float32 numbers."""
    return _generator(shape, seed).uniform(low, high, shape).astype("float32")


def integers(low: int, high: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Integers from ``low`` up to, but without, ``high``."""
    return _generator(shape, seed).integers(low, high, shape).astype("int32")


def lengths(total: int, *sizes: int) -> np.ndarray:
    """A mask with a row for each size: that many True, then False."""
    return np.arange(total)[None] < np.array(sizes)[:, None]


def weight_value(name: str, shape: tuple[int, ...], position: int) -> np.ndarray:
    """What a weight is set to in a test: small normal numbers, positive ones for variances and deviations."""
    if "variance" in name or "stddev" in name:
        return uniform(0.5, 1.5, *shape, seed=position)
    return normal(*shape, seed=position) * 0.5
