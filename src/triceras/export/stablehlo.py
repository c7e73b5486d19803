"""StableHLO, as ``jax.export`` writes it: a program with its weights that keeps running for years."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
from jax import export

from triceras.core import dtypes
from triceras.export.endpoint import Endpoint
from triceras.export.writing import write_each


def function(endpoint: Endpoint) -> Any:
    """The endpoint over arrays of JAX."""
    return endpoint.function


def recorded(endpoint: Endpoint, platforms: Any = None) -> Any:
    """The exported function of an endpoint."""

    def call(*args: Any) -> Any:
        with endpoint.recording(jax.named_scope):
            return endpoint.function(*args)

    def record(symbol: Any) -> Any:
        scope = export.SymbolicScope()
        shapes = []
        for number, one in enumerate(endpoint.inputs):
            sizes = [symbol(number if a else 0, a) if size is None else str(size) for a, size in enumerate(one.shape)]
            shape = export.symbolic_shape(",".join(sizes) + ",", scope=scope) if sizes else ()
            shapes.append(jax.ShapeDtypeStruct(shape, dtypes.numpy_dtype(endpoint.backend.canonical(one.dtype))))
        return export.export(jax.jit(call), platforms=platforms)(*endpoint.packed(shapes))

    return endpoint.first_that_works(record, (lambda n, a: f"size_{a}_{n}", lambda n, a: f"size_{a}"))


def write(archive: Any, path: pathlib.Path, platforms: Any = None) -> None:
    """A file for each endpoint, for ``jax.export.deserialize``.

    Args:
        archive: the archive.
        path: the file.
        platforms: what it is to run on, as ``("cpu", "cuda")``; by default where it is exported.
    """

    def save(endpoint: Endpoint, target: pathlib.Path) -> None:
        target.write_bytes(recorded(endpoint, platforms).serialize())

    write_each(archive, path, ".stablehlo", save)
