"""Parts: computations written in one framework, with variables of their own, as functions of those variables' values.

A layer around a part (``layers/core/foreign_layer.py``) owns the variables. Each backend's ``foreign.py`` holds its kinds.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from triceras.backends.base import Backend
from triceras.core import dtypes


@dataclasses.dataclass
class PartVariable:
    """A variable of a part as it begins."""

    name: str
    #: Its value: an array on the host or a tensor of the part's framework.
    value: Any
    trainable: bool
    #: Whether files hold it.
    saved: bool = True
    #: Whether a layer that computes in another dtype than it stores may give the part a value in that dtype.
    autocast: bool = True

    @property
    def dtype(self) -> str:
        """The name of the value's dtype."""
        return dtypes.standardize_dtype(self.value.dtype)


class Part:
    """The protocol, with bodies for a part that has all it needs when it is made."""

    #: The backend whose tensors it takes and returns.
    backend: Backend
    #: Whether it computes in the dtype of the values that it is given; where not, it is given all as stored.
    follows_dtypes: bool = True
    #: Whether its draws come from a key.
    takes_key: bool = False
    #: Whether its variables exist; until then ``initialise`` makes them.
    ready: bool = True

    def initialise(self, shapes: Any, dtype: str, key: np.ndarray) -> None:
        """Make the variables, for inputs of a structure of shapes whose sizes are known; ``key`` is two words, uint32."""

    def variables(self) -> list[PartVariable]:
        """The variables as they begin."""
        raise NotImplementedError

    def hold(self, position: int, variable: Any) -> bool:
        """Let a variable of this backend keep its value in the part's own tensor; False where the part has none."""
        return False

    def call(self, args: Any, kwargs: Any, values: Any, training: bool, key: Any) -> tuple[Any, list[Any]]:
        """The outputs, and the values of the variables after the call, which is the same object where one didn't change.

        Args:
            args, kwargs: what the part is called on, a tuple and a dictionary.
            values: those of the variables, a list in their order; None for what its own tensors hold, which change then.
            training: whether it is trained.
            key: two words, a tensor, where it takes one.
        """
        raise NotImplementedError
