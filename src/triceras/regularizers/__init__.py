"""Penalties on weights and outputs, added to the loss."""

from __future__ import annotations

from typing import Any

from triceras.core import lookup, objects
from triceras.regularizers.norms import L1, L1L2, L2, OrthogonalRegularizer, Regularizer

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

CLASSES = (Regularizer, L1, L2, L1L2, OrthogonalRegularizer)
TABLE = {cls.__name__: cls for cls in CLASSES} | {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}
objects.register_builtin("regularizers", CLASSES)


def get(identifier: Any) -> Any:
    """A regularizer from its name, config, class or itself; None for None."""
    return lookup.get(identifier, "regularizer", TABLE)


def serialize(regularizer: Any) -> Any:
    """A regularizer as a JSON-able dictionary."""
    return objects.serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A regularizer from ``serialize``'s result or a name."""
    return lookup.deserialize(config, custom_objects, "regularizer", TABLE)


__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
