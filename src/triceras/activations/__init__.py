"""Activation functions by name, for ``Dense(8, activation="relu")`` and the like."""

from __future__ import annotations

import inspect
from typing import Any

from triceras.activations.functions import (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from triceras.core import lookup, objects

hard_swish, swish = hard_silu, silu

FUNCTIONS = (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
TABLE = {function.__name__: function for function in FUNCTIONS} | {"swish": silu, "hard_swish": hard_silu}
objects.register_builtin("activations", FUNCTIONS)


def get(identifier: Any) -> Any:
    """An activation from its name, config or itself; ``linear`` for None.

    Raises:
        ValueError: no activation is meant.

    Example:
        >>> get("relu").__name__
        'relu'
    """
    return linear if identifier is None else lookup.get(identifier, "activation", TABLE)


def serialize(activation: Any) -> Any:
    """An activation as what JSON holds: the name of a built-in one, a config of others.

    Example:
        >>> serialize(relu)
        'relu'
    """
    if inspect.isfunction(activation) and TABLE.get(activation.__name__) is activation:
        return activation.__name__
    return objects.serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An activation from ``serialize``'s result."""
    return lookup.deserialize(config, custom_objects, "activation", TABLE)


__all__ = ["hard_swish", "swish", *(f.__name__ for f in (*FUNCTIONS, deserialize, get, serialize))]
