"""What goes into an endpoint: the shape, dtype and name of each tensor."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from triceras import tree
from triceras.core import dtypes, naming
from triceras.core.errors import ExportError
from triceras.graph.symbol import KerasTensor


@dataclasses.dataclass(frozen=True)
class TensorSignature:
    """One tensor that goes in; None is a size not known yet."""

    shape: tuple[int | None, ...]
    dtype: str
    name: str

    @property
    def unknown_axes(self) -> tuple[int, ...]:
        """The axes whose sizes aren't known."""
        return tuple(axis for axis, size in enumerate(self.shape) if size is None)


def signature_of(endpoint: str, given: Any) -> list[Any]:
    """A structure of ``TensorSignature`` for each argument.

    Args:
        endpoint: the endpoint's name, for errors.
        given: a list with a structure for each argument; or one such structure alone. Its leaves are symbolic tensors,
            ``InputSpec`` or anything else with a shape and a dtype; of a tensor with values the first size stays free.

    Raises:
        ExportError: a leaf has no shape, or two have one name.
    """
    arguments = list(given) if type(given) in (list, tuple) else [given]
    paths = tree.flatten_with_path(arguments)
    names = naming.apart(_name(path, leaf) for path, leaf in paths)
    leaves = [_tensor_signature(endpoint, name, leaf) for name, (_, leaf) in zip(names, paths, strict=True)]
    return tree.pack_sequence_as(arguments, leaves)


def _tensor_signature(endpoint: str, name: str, leaf: Any) -> TensorSignature:
    shape = getattr(leaf, "shape", None)
    if shape is None:
        raise ExportError(
            f"The input_signature of endpoint {endpoint!r} has {leaf!r} for the input {name!r}. Expected something with a "
            "shape and a dtype, as triceras.InputSpec(shape=(None, 3), dtype='float32')."
        )
    dtype = dtypes.standardize_dtype(getattr(leaf, "dtype", None))
    sizes = tuple(None if size is None else int(size) for size in shape)
    has_values = isinstance(leaf, np.ndarray) or (hasattr(leaf, "__array__") and not isinstance(leaf, KerasTensor))
    return TensorSignature((None, *sizes[1:]) if has_values and sizes else sizes, dtype, name)


def _name(path: Any, leaf: Any) -> str:
    """The name of a tensor: its own, its key's, or ``inputs``."""
    keys = [key for key in path if isinstance(key, str)]
    return str(getattr(leaf, "name", None) or (keys[-1] if keys else "inputs")).replace("/", "_")


def signature_of_resource(endpoint: str, resource: Any) -> list[Any]:
    """The signature of a model or layer that knows what it was built for.

    Raises:
        ExportError: it doesn't.
    """
    if resource.built and hasattr(type(resource), "inputs"):  # of symbols, which know dtypes too
        return signature_of(endpoint, [resource.input])
    shapes = resource._build_shapes if resource.built else None
    if not shapes:
        raise ExportError(
            f"The inputs of {resource.name!r} aren't known, which endpoint {endpoint!r} needs. Call it on data or build it "
            "first, or pass input_signature=[triceras.InputSpec(shape=(None, ...), dtype=...)]."
        )
    arguments = []
    for parameter, shape in shapes.items():
        name = "inputs" if parameter == "input_shape" else parameter.removesuffix("_shape")
        arguments.append(tree.map_shape_structure(lambda s, n=name: _Shaped(s, resource.input_dtype, n), shape))
    return signature_of(endpoint, arguments)


class _Shaped:
    """A shape a layer was built with, its number of rows free."""

    def __init__(self, shape: Any, dtype: str, name: str) -> None:
        self.shape, self.dtype, self.name = (None, *shape[1:]), dtype, name
