"""The first place in a training step where a number isn't finite, found inside of the compiled step.

Each step computes one flag for each tensor that it looks at: the data, the weights, what layers return, the loss and, going
backwards, the gradients. The number of the first bad one stays on the device, and so does that of its step, however long
nobody reads them.

The way of a call has no hook for it: while a step is traced, each layer has a ``call`` of its own before its class's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from triceras import ops, tree
from triceras.backends import registry
from triceras.core import dtypes, scopes
from triceras.state.variable import Variable
from triceras.training.observer import Observer

_FLOATING = frozenset((*dtypes.FLOATS, *dtypes.COMPLEX)) - frozenset(dtypes.FLOAT8)
_MISSING = object()
#: The number that stands for no place.
_NOWHERE = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a number was that isn't finite.

    Args:
        kind: ``"data"``, ``"weight"``, ``"output"``, ``"loss"`` or ``"gradient"``.
        path: of the layer whose output it is, with the names of what it lies in, or of the weight; for data, the part.
        layer: the layer's class.
        call: which call of the layer in the step, from 1.
        part: which of several outputs, from 1; 0 where there is one.
    """

    kind: str
    path: str
    layer: str = ""
    call: int = 1
    part: int = 0


class _Forward:
    """What one trace of a step has seen so far."""

    def __init__(self, trace: Any) -> None:
        self.trace = trace
        self.open = True
        self.looked_at: list[tuple[Place, Any]] = []
        self.known: set[int] = set()
        self.calls: dict[int, int] = {}
        self.last_call: dict[int, int] = {}

    def add(self, place: Place, x: Any) -> None:
        """Look at a tensor, unless it was looked at under another name."""
        if id(x) not in self.known:
            self.known.add(id(x))  # the tensor is kept, so its id stays its own
            self.looked_at.append((place, x))


class FirstAnomaly(Observer):
    """Keeps the first place where a number isn't finite, and the step.

    Args:
        model: a built model.
        ignored: names or paths of layers whose outputs may be infinite.
    """

    def __init__(self, model: Any, ignored: Sequence[str] = ()) -> None:
        super().__init__(name="first_anomaly")
        self._ignored = frozenset(ignored)
        self._paths, self._parents = _layer_paths(model)
        self._owners = {id(v): layer for layer in model._flatten_layers() for v in layer._own_variables()}
        #: What the numbers in ``place`` stand for: the places that a trace looks at follow one another.
        self.places: list[Place] = []
        self._offsets: dict[tuple[Place, ...], int] = {}
        self._forward = _Forward(None)
        self.place = self.add_variable((), "zeros", dtype="int32", name="place")
        #: Counts the steps up to the one that a place was found in.
        self.steps = self.add_variable((), "zeros", dtype="int32", name="steps")
        self.reset_state()

    def reset_state(self) -> None:
        super().reset_state()
        self.place.assign(_NOWHERE)

    def found(self) -> tuple[Place, int] | None:
        """The first place and the number of its step, from 0; None where all was finite. Waits for the device."""
        number = int(ops.convert_to_numpy(self.place.stored_value))
        if number == _NOWHERE:
            return None
        return self.places[number], int(ops.convert_to_numpy(self.steps.stored_value)) - 1

    # ---- inside of a step -------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def watch(self, model: Any, data: Any) -> Iterator[None]:
        forward = self._forward = _Forward(self.backend.trace())
        for name, part in zip(("x", "y", "sample_weight"), data, strict=True):
            for path, leaf in tree.flatten_with_path(part) if part is not None else ():
                if self._looks_at(leaf):
                    forward.add(Place("data", name + "".join(f"[{key!r}]" for key in path)), leaf)
        for variable in model.weights:
            value = variable.value
            if self._looks_at(value):
                forward.add(Place("weight", variable.path), value)
        hooks = [self._hook(layer, forward) for layer in model._flatten_layers()]
        try:
            yield
        finally:
            forward.open = False
            for unhook in hooks:
                unhook()

    def _hook(self, layer: Any, forward: _Forward) -> Callable[[], None]:
        """Let a layer's calls show what they return; returns what ends it."""
        remat = layer._remat is not None
        name = "rematerialized_call" if remat else "call"
        before, inner = layer.__dict__.get(name, _MISSING), getattr(layer, name)

        def seeing(call: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(call)
            def run(*args: Any, **kwargs: Any) -> Any:
                outputs = call(*args, **kwargs)
                self._saw(layer, outputs, forward)
                return outputs

            return run

        # What is computed again for gradients is a trace of its own, so its result is looked at outside of it.
        def again(layer_call: Any, *args: Any, **kwargs: Any) -> Any:
            return seeing(inner(layer_call, *args, **kwargs))

        object.__setattr__(layer, name, again if remat else seeing(inner))

        def unhook() -> None:
            if before is _MISSING:
                object.__delattr__(layer, name)
            else:
                object.__setattr__(layer, name, before)

        return unhook

    def _saw(self, layer: Any, outputs: Any, forward: _Forward) -> None:
        if not forward.open or scopes.apart.get() or self.backend.trace() != forward.trace:
            return
        forward.last_call[id(layer)] = sum(forward.calls.values())
        call = forward.calls[id(layer)] = forward.calls.get(id(layer), 0) + 1
        path = self._paths.get(id(layer)) or str(layer.path)
        if layer.name in self._ignored or path in self._ignored:
            return
        leaves = tree.flatten(outputs)
        for number, x in enumerate(leaves, 1):
            if self._looks_at(x):
                part = number if len(leaves) > 1 else 0
                forward.add(Place("output", path, type(layer).__name__, call, part), x)

    def _looks_at(self, x: Any) -> bool:
        """Whether a value is a dense floating tensor with elements."""
        if registry.OWNERS.get(type(x)) is not self.backend or isinstance(x, registry.StateHolder):
            return False
        dense = dtypes.standardize_dtype(x.dtype) in _FLOATING and not registry.is_sparse(x)
        return dense and 0 not in tuple(x.shape)

    def saw_loss(self, loss: Any) -> None:
        forward = self._forward
        looked_at, forward.looked_at = [*forward.looked_at, (Place("loss", "loss"), loss)], []
        data = sum(place.kind == "data" for place, _ in looked_at)
        with self.backend.no_grad():
            none = ops.equal(self.place.value, _NOWHERE)
            self.steps.assign(self.steps.value + ops.cast(none, "int32"))
            numbers = self._numbers(looked_at)
            # Data may hold NaN that the model knows how to treat.
            followed = ops.min(numbers[data:]) < _NOWHERE
            first = ops.where(ops.logical_and(none, followed), ops.min(numbers), self.place.value)
            self.place.assign(first)

    def update_state(self, gradients: Sequence[Any], variables: Sequence[Variable], optimizer: Any) -> None:
        if optimizer.skips_overflow:
            return
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None and self._looks_at(g)]
        pairs = [pair for pair in pairs if not pair[1].overwrite_with_gradient]
        pairs.sort(key=lambda pair: self._depth(pair[1]))
        pairs.reverse()  # backwards: the variables of what was called last come first
        if pairs:
            first = ops.min(self._numbers([(Place("gradient", v.path), g) for g, v in pairs]))
            place = self.place.value
            self.place.assign(ops.where(ops.equal(place, _NOWHERE), first, place))

    def _depth(self, variable: Variable) -> int:
        """How late in the forward pass the layer of a variable, or the one around it that was seen, was called."""
        layer, called = self._owners.get(id(variable)), self._forward.last_call
        while layer is not None and id(layer) not in called:
            layer = self._parents.get(id(layer))
        return -1 if layer is None else called[id(layer)]

    def _numbers(self, looked_at: list[tuple[Place, Any]]) -> Any:
        """For each tensor the number of its place, or ``_NOWHERE`` where it is finite."""
        places = tuple(place for place, _ in looked_at)
        if places not in self._offsets:
            self._offsets[places] = len(self.places)
            self.places.extend(places)
        numbers = np.arange(len(places), dtype=np.int32) + self._offsets[places]
        finite = self.backend.finite([x for _, x in looked_at])
        return ops.where(finite, _NOWHERE, ops.convert_to_tensor(numbers))


def _layer_paths(model: Any) -> tuple[dict[int, str], dict[int, Any]]:
    """The path of each layer by what it lies in, and what that is; by id."""
    paths, parents = {id(model): model.name}, {}
    for layer in model._flatten_layers():
        for inner in layer._layers:
            if id(inner) not in paths:
                paths[id(inner)] = f"{paths[id(layer)]}/{inner.name}"
                parents[id(inner)] = layer
    return paths, parents
