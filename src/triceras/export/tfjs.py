"""TensorFlow.js, by its converter, which may be installed in an environment of its own."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import tempfile
from typing import Any

from triceras.core.errors import ExportError
from triceras.export import tf_saved_model
from triceras.export.endpoint import Endpoint
from triceras.saving import atomic


def function(endpoint: Endpoint) -> Any:
    """The endpoint as a ``tf.function`` with a signature."""
    return tf_saved_model.function(endpoint)


def write(archive: Any, path: pathlib.Path, converter: str = "tensorflowjs_converter", **options: Any) -> None:
    """A folder with the graph and its weights; one in it for each endpoint where there are several.

    Args:
        archive: the archive.
        path: the folder.
        converter: the program that converts a SavedModel, or its path.
        options: the program's options, as ``quantize_float16="*"``.
    """
    program = shutil.which(converter)
    if program is None:
        raise ImportError(
            f"Exporting to 'tfjs' runs the program {converter!r}, which isn't there: pip install tensorflowjs, best into an "
            "environment of its own, and pass converter='/path/to/tensorflowjs_converter'."
        )
    names = list(archive.endpoints)
    with tempfile.TemporaryDirectory() as source, atomic.replacing_folder(path) as target:
        tf_saved_model.save(archive, source, {name: e.made for name, e in archive.endpoints.items()}, methods={})
        for name in names:
            arguments = [f"--{key}={value}" for key, value in {**options, "signature_name": name}.items()]
            output = target if len(names) == 1 else target / name
            command = [program, "--input_format=tf_saved_model", *arguments, source, str(output)]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                blamed = archive.endpoints[name].blamed(result.stderr)
                last = (result.stderr.strip().splitlines() or ["no message"])[-1]
                raise ExportError(
                    f"Endpoint {name!r} can't be exported to 'tfjs'{f', for {blamed}' if blamed else ''}: {last}"
                )
