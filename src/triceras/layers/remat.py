"""Rematerialization: intermediate results that are computed again for the gradient instead of kept (Chen et al. 2016)."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Iterable
from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.core import scopes
from triceras.state.stateless import StatelessScope

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)
_scope: contextvars.ContextVar[RematScope | None] = contextvars.ContextVar("remat", default=None)


class RematScope:
    """Layers made inside compute what they need for their gradients again, which takes time and saves memory.

    Args:
        mode: ``"full"`` for whole calls of all layers, ``"activations"`` for their activations alone, ``"larger_than"`` for
            calls whose output has more elements than the threshold, ``"list_of_layers"`` for layers of given names, None for
            none.
        output_size_threshold: the number of elements for ``"larger_than"``.
        layer_names: the names for ``"list_of_layers"``.

    Raises:
        ValueError: there is no such mode.

    Example:
        >>> with RematScope(mode="full"):
        ...     layer = layers.Dense(4, activation="gelu")
        >>> shape(layer(ones((2, 3))))
        (2, 4)
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Iterable[str] | None = None
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f"RematScope: mode is one of {_MODES}, received {mode!r}.")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or [])
        self._tokens: list[Any] = []

    def __enter__(self) -> RematScope:
        self._tokens.append(_scope.set(self))
        return self

    def __exit__(self, *error: object) -> None:
        _scope.reset(self._tokens.pop())

    def __reduce__(self) -> Any:
        return type(self), (self.mode, self.output_size_threshold, self.layer_names)

    def covers(self, name: str, output_size: Callable[[], int]) -> bool:
        """Whether the whole call of a layer is computed again.

        Args:
            name: the layer's.
            output_size: gives the number of elements of its output; asked only where it matters.
        """
        if self.mode == "larger_than":
            return output_size() > self.output_size_threshold
        return self.mode == "full" or (self.mode == "list_of_layers" and name in self.layer_names)


def current_scope() -> RematScope | None:
    """The scope that a layer made now belongs to; None where nothing is rematerialized."""
    scope = _scope.get()
    return scope if scope is not None and scope.mode is not None else None


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose intermediate results are computed again for its gradient.

    Args:
        f: takes and returns tensors or structures of them; variables that it reads may change in it.

    Returns:
        A function with the same values and gradients.

    Example:
        >>> float(remat(lambda x: ops.sum(ops.exp(x)))(zeros((3,))))
        3.0
    """

    @functools.wraps(f)
    def rematerialized(*args: Any, **kwargs: Any) -> Any:
        outer = scopes.stateless.get()
        return call_again(f, () if outer is None else outer.values, args, kwargs)

    return rematerialized


def call_again(f: Callable[..., Any], variables: Iterable[Any], args: Any, kwargs: Any, add_loss: Any = None) -> Any:
    """``f(*args, **kwargs)`` as a pure function of tensors and variables, to be run a second time for its gradient.

    Args:
        f: the function.
        variables: those that it may read or assign to.
        args, kwargs: its arguments.
        add_loss: takes the losses that it adds where no stateless scope gathers them.
    """
    backend, outer = registry.active(), scopes.stateless.get()
    known = dict(outer.values) if outer is not None else {}
    variables = list(variables)
    with scopes.AutocastScope(None):
        values = [v.value for v in variables]
    leaves, structure = tree.flatten((args, kwargs)), (args, kwargs)
    places = [i for i, leaf in enumerate(leaves) if registry.OWNERS.get(type(leaf)) is backend]
    context, changed, outputs_like = contextvars.copy_context(), [], []

    def run(tensors: list[Any]) -> list[Any]:
        given = list(leaves)
        for i, tensor in zip(places, tensors, strict=False):
            given[i] = tensor
        current = dict(zip(variables, tensors[len(places) :]))
        with scopes.ApartScope(), StatelessScope(collect_losses=True) as scope:
            scope.values = known | current
            a, k = tree.pack_sequence_as(structure, given)
            outputs = f(*a, **k)
        changed[:] = [v for v in scope.values if scope.values[v] is not (known | current).get(v)]
        outputs_like[:] = [outputs, len(scope.losses)]
        return [*tree.flatten(outputs), *scope.losses, *(scope.values[v] for v in changed)]

    # The second run comes when the scopes of the first are gone: it has them from a copy of their context.
    results = backend.rematerialize(
        lambda tensors: context.copy().run(run, list(tensors)), [*(leaves[i] for i in places), *values]
    )
    outputs, losses = outputs_like
    count = len(tree.flatten(outputs))
    for loss in results[count : count + losses]:
        outer.add_loss(loss) if outer is not None else add_loss(loss) if add_loss else None
    for variable, value in zip(changed, results[count + losses :], strict=True):
        variable.assign(value)
    return tree.pack_sequence_as(outputs, results[:count])
