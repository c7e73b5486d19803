"""Learning rates that follow the number of steps."""

from __future__ import annotations

from typing import Any

from triceras.core import lookup, objects
from triceras.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from triceras.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from triceras.optimizers.schedules.schedule import LearningRateSchedule

CLASSES = (
    LearningRateSchedule,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
objects.register_builtin("optimizers.schedules", CLASSES)
# Files name the room by the first part of the module's path, which is `optimizers` too.
objects.register_builtin("optimizers", CLASSES)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """A schedule as a JSON-able dictionary."""
    return objects.serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A schedule from ``serialize``'s result."""
    return lookup.deserialize(config, custom_objects, "schedule", {cls.__name__: cls for cls in CLASSES})


__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]
