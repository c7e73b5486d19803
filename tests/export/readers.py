"""Run as a program: reads exported models by their own runtimes, without this package, and stores what they compute.

    python readers.py FORMAT FOLDER

``FOLDER/<name>`` is an exported model and ``FOLDER/<name>.npz`` holds its inputs: ``<run>/<number>`` for each run, with their
names in ``names``. ``FOLDER/<name>.out.npz`` will hold the outputs.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

Run = Callable[[dict[str, np.ndarray]], Any]


def _tf_saved_model(path: str) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return lambda inputs: loaded.signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})


def _litert(path: str) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(path).get_signature_runner()
    return lambda inputs: run(**inputs)


def _onnx(path: str) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def _openvino(path: str) -> Run:
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda inputs: {port.get_any_name(): value for port, value in compiled(inputs).items()}


def _torch(path: str) -> Run:
    import torch

    module = torch.export.load(path).module()

    def run(inputs: dict[str, np.ndarray]) -> Any:
        return _with(module, {k: torch.from_numpy(v) for k, v in inputs.items()})

    return run


def _stablehlo(path: str) -> Run:
    from jax import export

    exported = export.deserialize(pathlib.Path(path).read_bytes())
    return lambda inputs: _with(exported.call, inputs)


def _with(call: Any, inputs: dict[str, Any]) -> Any:
    """The inputs in the structure of the twelve models: one, a list, or a dictionary."""
    if len(inputs) == 1:
        return call(*inputs.values())
    return call(inputs if "left" in inputs else list(inputs.values()))


READERS = {
    "tf_saved_model": _tf_saved_model,
    "litert": _litert,
    "onnx": _onnx,
    "openvino": _openvino,
    "torch": _torch,
    "stablehlo": _stablehlo,
}


def _arrays(outputs: Any) -> list[np.ndarray]:
    """The outputs by name, or in order."""
    if isinstance(outputs, dict):
        outputs = [outputs[name] for name in sorted(outputs)]
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [np.asarray(x.detach() if hasattr(x, "detach") else x) for x in outputs]


def main() -> None:
    kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    sys.modules["triceras"] = None  # type: ignore[assignment]
    for given in sorted(folder.glob("*.npz")):
        if given.name.endswith(".out.npz"):
            continue
        name = given.name.removesuffix(".npz")
        run = READERS[kind](str(folder / name))
        data = np.load(given)
        runs = sorted({key.partition("/")[0] for key in data.files if "/" in key})
        found = {}
        for number in runs:
            inputs = {str(label): data[f"{number}/{i}"] for i, label in enumerate(data["names"])}
            found |= {f"{number}/{i}": x for i, x in enumerate(_arrays(run(inputs)))}
        np.savez(folder / f"{name}.out.npz", **found)


if __name__ == "__main__":
    main()
