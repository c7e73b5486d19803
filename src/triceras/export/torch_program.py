"""Programs of ``torch.export``."""

from __future__ import annotations

import pathlib
from typing import Any

import torch
from torch.fx import traceback

from triceras import tree
from triceras.backends.torch.backend import DTYPES, device
from triceras.export.endpoint import SIZES, Endpoint
from triceras.export.writing import write_each


class _Program(torch.nn.Module):
    """An endpoint as a module; flat, from tensors to tensors, where a format has no structures."""

    def __init__(self, endpoint: Endpoint, flat: bool) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(endpoint.layers)
        self._endpoint = endpoint
        self._flat = flat

    def forward(self, *args: Any) -> Any:
        outputs = self._endpoint.function(*(self._endpoint.packed(args) if self._flat else args))
        self._endpoint.structure = tree.map_structure(lambda _: True, outputs)
        return tuple(tree.flatten(outputs)) if self._flat else outputs


def _annotated(path: str) -> Any:
    return traceback.annotate({"layer": path})


def function(endpoint: Endpoint) -> Any:
    """The endpoint over tensors of torch."""
    return endpoint.function


def recorded(endpoint: Endpoint, flat: bool = False, **options: Any) -> Any:
    """The exported program of an endpoint; options are those of ``torch.export.export``."""
    module = _Program(endpoint, flat).eval()
    shapes = [dict.fromkeys(one.unknown_axes, torch.export.Dim.DYNAMIC) for one in endpoint.inputs]
    options.setdefault("dynamic_shapes", (tuple(shapes if flat else endpoint.packed(shapes)),))

    def record(sizes: Any) -> Any:
        pairs = zip(endpoint.inputs, endpoint.example_sizes(sizes), strict=True)
        tensors = [torch.zeros(shape, dtype=DTYPES[one.dtype], device=device()) for one, shape in pairs]
        with endpoint.recording(_annotated), traceback.preserve_node_meta():
            return torch.export.export(module, tuple(tensors if flat else endpoint.packed(tensors)), **options)

    return endpoint.first_that_works(record, SIZES)


def write(archive: Any, path: pathlib.Path, **options: Any) -> None:
    """A ``.pt2`` file for each endpoint."""

    def save(endpoint: Endpoint, target: pathlib.Path) -> None:
        with target.open("wb") as file:
            torch.export.save(recorded(endpoint, **options), file)

    write_each(archive, path, ".pt2", save)
