"""What weights are passed through after each update."""

from __future__ import annotations

from typing import Any

from triceras.constraints.norms import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from triceras.core import lookup, objects

max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

CLASSES = (Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
TABLE = {cls.__name__: cls for cls in CLASSES} | {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}
objects.register_builtin("constraints", CLASSES)


def get(identifier: Any) -> Any:
    """A constraint from its name, config, class or itself; None for None."""
    return lookup.get(identifier, "constraint", TABLE)


def serialize(constraint: Any) -> Any:
    """A constraint as a JSON-able dictionary."""
    return objects.serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A constraint from ``serialize``'s result or a name."""
    return lookup.deserialize(config, custom_objects, "constraint", TABLE)


__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
