"""Constructors with long lists of arguments: handing them on, and keeping and writing those that are objects of a room."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from triceras import activations, constraints, initializers, regularizers

#: What an argument's name ends with -> the room whose objects it takes.
_ROOMS = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}


def given(scope: dict[str, Any], *without: str) -> dict[str, Any]:
    """The arguments of a constructor that hands them on under their names.

    Args:
        scope: ``locals()``, taken in the constructor's first line; what is in its ``kwargs`` counts as given by name.
        without: arguments that aren't handed on.

    Example:
        >>> def constructor(self, units, use_bias=True, **kwargs):
        ...     return given(locals(), "use_bias")
        >>> constructor(None, 3, name="a")
        {'units': 3, 'name': 'a'}
    """
    dropped = ("self", "__class__", "kwargs", *without)
    return {name: value for name, value in scope.items() if name not in dropped} | scope["kwargs"]


def _room_of(name: str) -> ModuleType | None:
    return _ROOMS.get(name.rpartition("_")[2])


def take_objects(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take out of a constructor's arguments what rooms have objects for, like ``bias_initializer``, and return the objects.

    ``activity_regularizer`` is left, which every layer takes.
    """
    rooms = {name: room for name in arguments if (room := _room_of(name)) and name != "activity_regularizer"}
    return {name: room.get(arguments.pop(name)) for name, room in rooms.items()}


def written_axis(layer: Any) -> Any:
    """The axis or axes of a normalization as a config has them: a list once it is built."""
    return [layer.axis] if layer.built and isinstance(layer.axis, int) else layer.axis


def serialized(layer: Any, names: Iterable[str]) -> dict[str, Any]:
    """Attributes of a layer as a config has them."""
    values = {name: getattr(layer, name) for name in names}
    return {name: room.serialize(value) if (room := _room_of(name)) else value for name, value in values.items()}
