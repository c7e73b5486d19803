"""The call of a layer inside a model's call, without what the model's own call has settled already."""

from __future__ import annotations

import functools
from typing import Any

from triceras.backends import registry
from triceras.core import scopes
from triceras.core.masks import get_mask
from triceras.layers.call_plan import call_plan
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer, is_cast, say_where, training_context


@functools.cache
def _takes_training(cls: type[Layer]) -> bool | None:
    """Whether a class's ``call`` is told about training; None where its instances need the whole ``Layer.__call__``."""
    knows_masks = cls.compute_mask is Layer.compute_mask or cls.masks_need_masks
    if cls.runs_hooks or cls._origin.__call__ is not Layer.__call__ or not knows_masks:
        return None
    return call_plan(cls.call).takes_training


def _settled(x: Any, backend: Any, cast: str | None) -> bool:
    """Whether a value is a tensor that a call would take as it is: of the backend, of the dtype, without a mask."""
    if registry.OWNERS.get(type(x)) is not backend or isinstance(x, registry.StateHolder):
        return False
    return get_mask(x) is None and not is_cast(x, cast)


def call_inside(layer: Any, x: Any) -> Any:
    """``layer(x)`` inside the call of a model, for a tensor or a list of them.

    Where ``Layer.__call__`` would find nothing to do but ``call``, only that is run: the contexts are the model's, ``x``
    is what another layer returned. Anything else takes the whole way.
    """
    takes_training = _takes_training(type(layer))
    backend, training, cast = layer._backend, training_context.get(), scopes.autocast.get()
    if (
        takes_training is None
        or training is None
        or not layer.built
        or layer.activity_regularizer is not None
        or layer._remat is not None
        or layer._cast_dtype() != cast
        or registry.active() is not backend
        or not (all(_settled(item, backend, cast) for item in x) if type(x) is list else _settled(x, backend, cast))
    ):
        return layer(x)
    spec = layer._input_spec
    if spec is not None and not (type(spec) is InputSpec and type(x) is not list and spec.fault(x) is None):
        return layer(x)
    try:
        return layer.call(x, training=training) if takes_training else layer.call(x)
    except Exception as error:
        say_where(error, layer, (x,))
        raise
