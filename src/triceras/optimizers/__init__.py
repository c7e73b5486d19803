"""Rules that change variables by their gradients."""

from __future__ import annotations

from typing import Any

from triceras.core import lookup, objects
from triceras.optimizers import legacy, schedules
from triceras.optimizers.adafactor import Adafactor
from triceras.optimizers.adagrad import Adadelta, Adagrad
from triceras.optimizers.adam import Adam, AdamW
from triceras.optimizers.adam_relatives import Adamax, Lamb, Lion, Nadam
from triceras.optimizers.ftrl import Ftrl
from triceras.optimizers.loss_scale import LossScaleOptimizer, with_loss_scaling
from triceras.optimizers.multi import MultiOptimizer, OptimizerMap
from triceras.optimizers.muon import Muon
from triceras.optimizers.optimizer import Optimizer
from triceras.optimizers.rmsprop import RMSprop
from triceras.optimizers.schedule_free import ScheduleFreeAdamW
from triceras.optimizers.sgd import SGD

CLASSES = (
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    LossScaleOptimizer,
    MultiOptimizer,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    SGD,
    ScheduleFreeAdamW,
)
TABLE = {cls.__name__: cls for cls in CLASSES} | {cls.__name__.lower(): cls for cls in CLASSES}
objects.register_builtin("optimizers", (*CLASSES, OptimizerMap))


def get(identifier: Any) -> Any:
    """An optimizer from its name, config, class or itself; None for None."""
    return lookup.get(identifier, "optimizer", TABLE, Optimizer)


def serialize(optimizer: Any) -> Any:
    """An optimizer as a JSON-able dictionary."""
    return objects.serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An optimizer from ``serialize``'s result or a name."""
    with objects.CustomObjectScope(custom_objects or {}):
        return get(config)


_FUNCTIONS = (deserialize, get, serialize)
__all__ = ["legacy", "schedules", *(value.__name__ for value in (*CLASSES, OptimizerMap, *_FUNCTIONS))]
