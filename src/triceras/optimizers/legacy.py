"""The names of the optimizers of Keras 2, which there are none of: each says what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn


class Optimizer:
    """Refuses to be made."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImportError(
            f"triceras.optimizers.legacy.{cls.__name__} is a name of Keras 2. Use triceras.optimizers.{cls.__name__}; files "
            "that were saved with the old one are read."
        )


class Adagrad(Optimizer):
    """Refuses to be made; use ``triceras.optimizers.Adagrad``."""


class Adam(Optimizer):
    """Refuses to be made; use ``triceras.optimizers.Adam``."""


class Ftrl(Optimizer):
    """Refuses to be made; use ``triceras.optimizers.Ftrl``."""


class RMSprop(Optimizer):
    """Refuses to be made; use ``triceras.optimizers.RMSprop``."""


class SGD(Optimizer):
    """Refuses to be made; use ``triceras.optimizers.SGD``."""


__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]
