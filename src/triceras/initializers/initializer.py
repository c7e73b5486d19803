"""What initializers have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.core import dtypes
from triceras.random.seed import SeedGenerator, make_default_seed


class Initializer:
    """Called with a shape and a dtype, returns the first value of a weight.

    A subclass defines ``__call__(self, shape, dtype=None)`` and, if it has arguments, ``get_config``.
    """

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        """A tensor of the shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define __call__().")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Make one from ``get_config``'s result."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another one from the same arguments."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class HostInitializer(Initializer):
    """An initializer whose values are made by NumPy: the subclass defines ``values``."""

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        """The values in float32 or a dtype of their own."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define values().")

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        """A tensor of the active backend.

        Args:
            shape: its sizes, all known.
            dtype: its dtype, ``config.floatx()`` by default.
        """
        name = dtypes.standardize_dtype(dtype)
        return ops.convert_to_tensor(self.on_host(shape, name), name)

    def on_host(self, shape: Any, dtype: Any = None) -> np.ndarray:
        """The same as an array, which is what variables are made from."""
        with registry.backend_scope("numpy"):
            values = np.asarray(self.values(tuple(int(d) for d in shape)))
        return values.astype(dtypes.numpy_dtype(dtypes.standardize_dtype(dtype)), copy=False)


class RandomInitializer(HostInitializer):
    """One that draws.

    Args:
        seed: an integer, a ``SeedGenerator``, or None for a seed of its own. With an integer or None every call draws the
            same values.
    """

    def __init__(self, seed: Any = None) -> None:
        self._given_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif isinstance(seed, dict):
            seed = SeedGenerator.from_config(seed["config"])
        if not isinstance(seed, int | np.integer | SeedGenerator):
            raise ValueError(f"A seed is an integer, a SeedGenerator or None, received {seed!r}.")
        self.seed = seed

    def key(self) -> Any:
        """The key to draw with, on the host."""
        if isinstance(self.seed, SeedGenerator):
            return self.seed.backend.to_numpy(self.seed.next())
        return int(self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._given_seed}
