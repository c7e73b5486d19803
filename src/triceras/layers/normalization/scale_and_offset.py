"""What normalizations by statistics have in common: a scale and an offset that are learnt."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import serialized, take_objects
from triceras.layers.layer import Layer


class ScaleAndOffset(Layer):
    """A layer with a scale gamma and an offset beta, each where it is wanted.

    Args:
        epsilon: added to the variance.
        center, scale: whether there are a beta and a gamma.
        arguments: the initializers, regularizers and constraints by name, and what every layer takes.
    """

    gamma: Any = None
    beta: Any = None

    def __init__(self, *, epsilon: float, center: bool, scale: bool, **arguments: Any) -> None:
        objects = take_objects(arguments)
        super().__init__(**arguments)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        for name, value in objects.items():
            setattr(self, name, value)
        self._object_names = tuple(objects)
        self.supports_masking = True

    def add_scale_and_offset(self, shape: tuple[int, ...], autocast: bool = True) -> None:
        """Make gamma and beta."""
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            weight = None
            if wanted:
                weight = self.add_weight(
                    shape=shape,
                    initializer=getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                    autocast=autocast,
                    name=name,
                )
            setattr(self, name, weight)

    def known_size(self, input_shape: Any, axis: int) -> int:
        """The size of an axis that weights depend on.

        Raises:
            ValueError: it isn't known, or there is no such axis.
        """
        rank = len(input_shape)
        size = input_shape[axis] if -rank <= axis < rank else None
        if size is None:
            raise ValueError(
                f"Layer {self.path!r}: the size of axis {axis} must be known, received the shape {tuple(input_shape)}."
            )
        return size

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        names = ("epsilon", "center", "scale", *self._object_names)
        return {**super().get_config(), **serialized(self, names)}
