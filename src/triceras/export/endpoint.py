"""A function of a model, as it is recorded for a runtime."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core import scopes
from triceras.core.errors import ExportError
from triceras.export.signatures import TensorSignature

#: Sizes that stand for unknown ones where a program is recorded from examples, by turns: another one for each axis of each
#: input, lest one be taken for another; the same along an axis, as some must be equal; small ones, as some have a limit.
SIZES: tuple[Callable[[int, int], int], ...] = (
    lambda number, axis: 24 + 8 * (axis + 3 * number),
    lambda number, axis: 24 + 8 * axis,
    lambda number, axis: 3 + axis,
)


class Endpoint:
    """A function that can be called in an exported model.

    Args:
        name: its name.
        function: takes and returns native tensors of a backend.
        signature: a structure of ``TensorSignature`` for each argument.
        layers: the layers that it may call.
        backend: the backend.
        format: the format that it is for, for errors.
    """

    def __init__(
        self, name: str, function: Any, signature: list[Any], layers: Sequence[Any], backend: Backend, format: str
    ) -> None:
        self.name = name
        self.function = function
        self.signature = signature
        self.layers = list(layers)
        self.backend = backend
        self.format = format
        #: The function as the format takes it.
        self.made: Any = None
        #: The structure of what came out when it was recorded.
        self.structure: Any = None

    @property
    def inputs(self) -> list[TensorSignature]:
        """What goes in, flat."""
        return tree.flatten(self.signature)

    def packed(self, tensors: Sequence[Any]) -> list[Any]:
        """The arguments made of a flat list of tensors."""
        return tree.pack_sequence_as(self.signature, list(tensors))

    def example_sizes(self, sizes: Callable[[int, int], int]) -> list[tuple[int, ...]]:
        """A shape for each input, the first axis of all being of one size."""
        return [
            tuple((sizes(n if a else 0, a) if size is None else size) for a, size in enumerate(one.shape))
            for n, one in enumerate(self.inputs)
        ]

    def first_that_works(self, record: Callable[[Any], Any], ways: Sequence[Any]) -> Any:
        """The result of recording in the first way that raises nothing; the first error where all do."""
        first: Exception | None = None
        differs = any(axis for one in self.inputs for axis in one.unknown_axes)  # by more than the number of rows
        for way in ways if differs else ways[:1]:
            try:
                return record(way)
            except Exception as error:  # noqa: BLE001 - frameworks raise what they like; the first one is raised below
                first = first or error
        assert first is not None
        raise self.failure(first) from first

    @contextlib.contextmanager
    def recording(self, named: Callable[[str], Any], portable: bool = True) -> Iterator[None]:
        """The scope in which a framework records the function: for inference, each layer in a scope of its own.

        Args:
            named: a context manager in which the framework notes a layer's path with what it records.
            portable: whether the format's runtimes have no kernels of ours.
        """
        layers = {id(layer): layer for top in self.layers for layer in top._flatten_layers()}
        portability = scopes.PortableScope(self.format if portable else None)
        with registry.use(self.backend), self.backend.no_grad(), portability, contextlib.ExitStack() as stack:
            for layer in layers.values():
                stack.enter_context(_in_scope(layer, named))
            yield

    def failure(self, error: Exception, place: str | None = None) -> ExportError:
        """The error for something that the format can't express, which names the layer where that is known."""
        if isinstance(error, ExportError):
            return error
        notes = [note for note in getattr(error, "__notes__", ()) if note.startswith("In the call of layer")]
        place = place or next(iter(notes), "").removeprefix("In the call of ").rstrip(".") or self.blamed(str(error))
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        return ExportError(
            f"Endpoint {self.name!r} can't be exported to {self.format!r}{f', for {place}' if place else ''}: "
            f"{type(error).__name__}: {reason}"
        )

    def blamed(self, text: str) -> str | None:
        """The layer that a message of a converter names."""
        found = [
            layer
            for top in self.layers
            for layer in top._flatten_layers()
            if layer is not top and scope_name(layer) in text
        ]
        return describe(max(found, key=lambda layer: len(layer.path))) if found else None


def describe(layer: Any) -> str:
    """A layer as errors name it."""
    return f"layer {layer.path!r} ({type(layer).__name__})"


def scope_name(layer: Any) -> str:
    """A layer's path as frameworks take it for names."""
    return "".join(c if c.isalnum() or c in "_/." else "_" for c in f"{layer.path}.{type(layer).__name__}")


@contextlib.contextmanager
def _in_scope(layer: Any, named: Callable[[str], Any]) -> Iterator[None]:
    """While open, a layer's ``call`` runs in a framework's scope of its name."""
    before, call = layer.__dict__.get("call"), layer.call

    @functools.wraps(call)
    def run(*args: Any, **kwargs: Any) -> Any:
        with named(scope_name(layer)):
            return call(*args, **kwargs)

    object.__setattr__(layer, "call", run)
    try:
        yield
    finally:
        if before is None:
            object.__delattr__(layer, "call")
        else:
            object.__setattr__(layer, "call", before)
