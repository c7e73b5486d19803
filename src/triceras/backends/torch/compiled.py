"""A layer's call as one operator, which ``torch.compile`` puts into its graph and then looks into.

Dynamo, which reads Python, needn't read ours: where it would read a layer's ``__call__`` it reads ``call_in_graph``. The
operator is made of others, so what comes behind dynamo sees kernels only, as when a step of ``fit`` is captured.
"""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch._guards import detect_fake_mode

#: Number -> layer.
LAYERS: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
NUMBERS = itertools.count()
#: Number -> the form of a layer's outputs.
_FORMS: dict[int, str] = {}

_LIBRARY = torch.library.Library("triceras", "FRAGMENT")
_LIBRARY.define("call(int layer, Tensor[] state, Tensor[] inputs, str form, bool training) -> Tensor[]")


def call_in_graph(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """``layer(*args, **kwargs)``, for dynamo to read."""
    training = kwargs.pop("training", None)
    form = _form(args[0]) if len(args) == 1 else _form(args) and "arguments"
    if kwargs or not form:  # eagerly
        eager: Any = torch._dynamo.disable(type(layer)._origin.__call__)
        return eager(layer, *args, training=training, **kwargs)
    flat = list(args) if len(args) != 1 else _parts(args[0])
    number = layer._self_number
    training = layer.training if training is None else training
    found = torch.ops.triceras.call(number, layer.native_state(), flat, form, training)
    return _formed(found, _FORMS[number])


def _form(x: Any) -> str:
    """What a flat structure of tensors is: ``"tensor"``, ``"list"``, ``"tuple"``, keys behind ``"dict"``; else nothing."""
    if isinstance(x, torch.Tensor):
        return "tensor"
    if not isinstance(x, list | tuple | dict):
        return ""
    if not all(isinstance(part, torch.Tensor) for part in (x.values() if isinstance(x, dict) else x)):
        return ""
    return "\n".join(["dict", *x]) if isinstance(x, dict) else "list" if isinstance(x, list) else "tuple"


def _parts(x: Any) -> list[torch.Tensor]:
    return [x] if isinstance(x, torch.Tensor) else list(x.values()) if isinstance(x, dict) else list(x)


def _formed(parts: list[torch.Tensor], form: str) -> Any:
    if form == "tensor":
        return parts[0]
    if form == "list":
        return list(parts)
    if form == "tuple":
        return tuple(parts)
    return dict(zip(form.split("\n")[1:], parts))


@contextlib.contextmanager
def _constants_allowed(tensors: list[Any]) -> Iterator[None]:
    """Where shapes are inferred with fake tensors, tensors that ops keep for themselves may take part."""
    mode = detect_fake_mode(tensors)
    before = mode is not None and mode.allow_non_fake_inputs
    try:
        if mode is not None:
            mode.allow_non_fake_inputs = True
        yield
    finally:
        if mode is not None:
            mode.allow_non_fake_inputs = before


def _call(number: int, state: list[Any], inputs: list[Any], form: str, training: bool) -> list[Any]:
    layer = LAYERS[number]
    given = dict(zip(map(id, layer.native_state()), state, strict=True))
    trainable, other = (
        [given[id(v.state)] for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables)
    )
    arguments = tuple(inputs) if form == "arguments" else (_formed(inputs, form),)
    with _constants_allowed([*state, *inputs]):
        outputs, after = layer.stateless_call(trainable, other, *arguments, training=training)
    for old, new in zip(other, after, strict=True):
        if new is not old:
            old.copy_(new)
    _FORMS[number] = _form(outputs)
    if not _FORMS[number]:
        raise TypeError(f"torch.compile takes layers that give one flat structure of tensors; {layer.path!r} doesn't.")
    return _parts(outputs)


_LIBRARY.impl("call", _call, "CompositeImplicitAutograd")
