"""ONNX, by torch's exporter."""

from __future__ import annotations

import contextlib
import io
import logging
import pathlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from triceras import tree
from triceras.export import torch_program
from triceras.export.endpoint import Endpoint
from triceras.export.writing import write_each

function = torch_program.function


def converted(endpoint: Endpoint, opset_version: int | None = None, **options: Any) -> Any:
    """The ONNX program of an endpoint; options are those of ``torch.onnx.export``."""
    program = torch_program.recorded(endpoint, flat=True)
    _numbers_as_tensors(program.graph)
    names = [one.name for one in endpoint.inputs]
    outputs = output_names(endpoint.structure, taken=names)
    try:
        with _quietly():
            made = torch.onnx.export(
                program, dynamo=True, input_names=names, output_names=outputs, opset_version=opset_version, **options
            )
    except Exception as error:
        raise endpoint.failure(_cause(error), _layer_of(error, program)) from error
    return made


def _numbers_as_tensors(graph: torch.fx.Graph) -> None:
    """Numbers in front of a tensor, as in ``2 * x``, as tensors of its dtype: the exporter takes no others (torch 2.13)."""
    for node in graph.nodes:
        if node.op == "call_function" and len(node.args) > 1 and isinstance(node.args[0], int | float):
            tensor = node.args[1].meta.get("val") if isinstance(node.args[1], torch.fx.Node) else None
            if isinstance(tensor, torch.Tensor) and getattr(node.target, "_overloadname", "") == "Tensor":
                with graph.inserting_before(node):
                    made = graph.call_function(
                        torch.ops.aten.scalar_tensor.default, (node.args[0],), {"dtype": tensor.dtype}
                    )
                made.meta["val"] = tensor.new_empty(())
                node.update_arg(0, made)


def output_names(structure: Any, taken: list[str]) -> list[str]:
    """A name for each output: its key in a dictionary, else ``output_0`` and so on."""
    names = []
    for number, (path, _) in enumerate(tree.flatten_with_path(structure)):
        keys = [str(key) for key in path]
        name = "_".join(keys) if isinstance(structure, dict) else f"output_{number}"
        names.append(f"{name}_output" if name in taken else name)
    return names


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says of its own progress and of packages that it would know too."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _cause(error: BaseException) -> Any:
    """The error that the others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _layer_of(error: BaseException | None, program: Any) -> str | None:
    """The layer that made the node which couldn't be translated."""
    with _quietly():
        nodes = {node.name: node for node in program.run_decompositions().graph.nodes}
    while error is not None:
        found = re.search(r"translating node %(\w+)", str(error))
        if found and found[1] in nodes:
            path, _, name = (nodes[found[1]].meta.get("custom") or {}).get("layer", "").rpartition(".")
            return f"layer {path!r} ({name})" if path else None
        error = error.__cause__
    return None


def write(archive: Any, path: pathlib.Path, **options: Any) -> None:
    """An ``.onnx`` file for each endpoint."""
    write_each(archive, path, ".onnx", lambda endpoint, target: converted(endpoint, **options).save(target))
