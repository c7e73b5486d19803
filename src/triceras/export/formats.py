"""The formats there are: which backend each is written by, and what must be installed."""

from __future__ import annotations

import copy
import importlib.util
from typing import Any, NamedTuple


class Format(NamedTuple):
    """A format.

    Args:
        backend: the backend whose programs it is made of.
        module: the module that writes it.
        suffix: what its files' names end in; folders have none.
        packages: what must be installed beside the backend's framework.
        lacks: the dtypes that its runtimes have no kernels for: models are written to compute in float32 instead.
        keeps_state: whether one call can leave something for the next.
    """

    backend: str
    module: str
    suffix: str = ""
    packages: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    keeps_state: bool = True

    def check_installed(self, name: str) -> None:
        """Raise ``ImportError`` where a package is missing."""
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            raise ImportError(
                f"Exporting to {name!r} needs {' and '.join(missing)}, which isn't installed: pip install 'triceras[{name}]'"
            )

    def copied(self, layer: Any) -> Any:
        """A layer as the format takes it: on its backend, computing in dtypes that it has; itself where it is so already."""
        lacking = [inner for inner in layer._flatten_layers() if inner.compute_dtype in self.lacks]
        there = layer.to(self.backend)
        if not lacking:
            return there
        there = copy.deepcopy(layer) if there is layer else there
        for inner in there._flatten_layers():
            if inner.compute_dtype in self.lacks:
                inner.dtype_policy = "float32"
        return there


_BFLOAT16, _HALVES = frozenset(["bfloat16"]), frozenset(["bfloat16", "float16"])

FORMATS = {
    "tf_saved_model": Format("tensorflow", "triceras.export.tf_saved_model"),
    "litert": Format("tensorflow", "triceras.export.litert", ".tflite", lacks=_HALVES),
    "tfjs": Format("tensorflow", "triceras.export.tfjs", lacks=_HALVES),
    "torch": Format("torch", "triceras.export.torch_program", ".pt2"),
    "onnx": Format("torch", "triceras.export.onnx", ".onnx", ("onnx", "onnxscript"), _BFLOAT16, False),
    "openvino": Format(
        "torch", "triceras.export.openvino", ".xml", ("onnx", "onnxscript", "openvino"), _BFLOAT16, False
    ),
    "stablehlo": Format("jax", "triceras.export.stablehlo", ".stablehlo", keeps_state=False),
}
