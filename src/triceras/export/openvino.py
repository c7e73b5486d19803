"""OpenVINO's intermediate representation, made of the ONNX program."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from triceras.export import onnx
from triceras.saving import atomic

function = onnx.function

#: Run in a process of its own: as it is imported, OpenVINO forks, which other frameworks' threads may not outlive.
_CONVERT = "import sys, openvino; openvino.serialize(openvino.Core().read_model(sys.argv[1]), *sys.argv[2:])"


def write(archive: Any, path: pathlib.Path, **options: Any) -> None:
    """An ``.xml`` file with a ``.bin`` file beside it for each endpoint; options are those of the ONNX exporter."""
    endpoints = list(archive.endpoints.values())
    for endpoint in endpoints:
        program = onnx.converted(endpoint, **options)
        target = path if len(endpoints) == 1 else path / f"{endpoint.name}.xml"
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            program.save(folder / "model.onnx")
            files = [str(folder / f"model{suffix}") for suffix in (".onnx", ".xml", ".bin")]
            result = subprocess.run([sys.executable, "-c", _CONVERT, *files], capture_output=True, text=True)
            if result.returncode:
                raise endpoint.failure(RuntimeError((result.stderr.strip().splitlines() or ["no message"])[-1]))
            for suffix in (".bin", ".xml"):  # what names the other comes last
                atomic.write(target.with_suffix(suffix), iter([(folder / f"model{suffix}").read_bytes()]))
