"""TensorFlow.js, by its converter, which may be installed in an environment of its own."""

from __future__ import annotations

import itertools
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any

from triceras.core.errors import ExportError
from triceras.export import tf_saved_model
from triceras.export.endpoint import Endpoint
from triceras.export.writing import replaced_folder

function = tf_saved_model.function


def write(archive: Any, path: pathlib.Path, converter: str = "tensorflowjs_converter", **options: Any) -> None:
    """A folder with the graph and its weights; one in it for each endpoint where there are several.

    Args:
        archive: the archive.
        path: the folder.
        converter: the program that converts a SavedModel, or its path.
        options: the program's options, as ``quantize_float16="*"``.
    """
    if (program := shutil.which(converter)) is None:
        raise ImportError(
            f"Exporting to 'tfjs' runs the program {converter!r}, which isn't there: pip install tensorflowjs, best into an "
            "environment of its own, and pass converter='/path/to/tensorflowjs_converter'."
        )
    names = list(archive.endpoints)
    known = r"model\.json|.*\.bin" if len(names) == 1 else "|".join(names)
    with tempfile.TemporaryDirectory() as source, replaced_folder(path, known) as target:
        tf_saved_model.save(archive, source, {name: e.made for name, e in archive.endpoints.items()}, methods={})
        for name in names:
            arguments = [f"--{key}={value}" for key, value in {**options, "signature_name": name}.items()]
            output = target if len(names) == 1 else target / name
            command = [program, "--input_format=tf_saved_model", *arguments, source, str(output)]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise _failure(archive.endpoints[name], result.stderr)


def _failure(endpoint: Endpoint, output: str) -> ExportError:
    """The error for what the converter printed, which ends in the kinds of operations that it doesn't know."""
    last = (output.strip().splitlines() or ["no message"])[-1]
    graph = endpoint.made.get_concrete_function().graph.as_graph_def()
    nodes = itertools.chain(graph.node, *(f.node_def for f in graph.library.function))
    names = " ".join(node.name for node in nodes if node.op in last.split(", "))
    return endpoint.failure(RuntimeError(last), endpoint.blamed(names))
