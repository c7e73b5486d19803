"""``KERAS_BACKEND=<name> python -m tests.layers.keras_reference outputs|gradients CASES RESULTS``: what Keras makes of rows.

CASES is a pickled list of ``(row, weights, serialized layer)``, RESULTS a pickled list of dictionaries in the same order:
the outputs, the config, and the config of the layer that Keras makes from ours; or the gradients, on torch, of the outputs'
weighted sum; or the error, as text.
"""

from __future__ import annotations

import pathlib
import pickle
import sys
from typing import Any

import keras
import numpy as np

from tests.layers.table import Row


def _called(row: Row, weights: list[np.ndarray]) -> tuple[Any, list[Any]]:
    layer = row.build(keras.layers)
    if weights:
        layer(*row.inputs, **row.call)
        layer.set_weights(weights)
        if row.calls > 1 and hasattr(layer, "reset_states"):
            layer.reset_states()
    for _ in range(row.calls):
        outputs = layer(*row.inputs, **row.call)
    return layer, keras.tree.flatten(outputs)


def _gradients(row: Row, weights: list[np.ndarray]) -> list[np.ndarray]:
    import torch

    layer, outputs = _called(row, weights)
    total = torch.zeros(())
    for y in outputs:
        if y.is_floating_point():
            factors = 1 + np.arange(y.numel()) / max(y.numel(), 1)
            total = total + (y * torch.from_numpy(factors.reshape(tuple(y.shape)).astype("float32"))).sum()
    parameters = [v.value for v in layer.trainable_variables]
    gradients = torch.autograd.grad(total, parameters, allow_unused=True) if parameters else []
    return [np.zeros(tuple(p.shape)) if g is None else g.numpy() for p, g in zip(parameters, gradients, strict=True)]


def _config(layer: Any) -> dict[str, Any]:
    return keras.saving.serialize_keras_object(layer)["config"]


def _run(what: str, row: Row, weights: list[np.ndarray], serialized: Any, config: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        if what == "gradients":
            return {"gradients": _gradients(row, weights)}
        result["outputs"] = [keras.ops.convert_to_numpy(x) for x in _called(row, weights)[1]]
        if row.file:
            layer = Row(row.layer, row.kwargs if config is None else config, ()).build(keras.layers)
            result["config"] = _config(layer)
            result["read"] = _config(keras.saving.deserialize_keras_object(serialized))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        result["error"] = f"{type(error).__name__}: {error}"
    return result


if __name__ == "__main__":
    cases = pickle.loads(pathlib.Path(sys.argv[2]).read_bytes())
    results = [_run(sys.argv[1], row, weights, serialized, row.config) for row, weights, serialized in cases]
    pathlib.Path(sys.argv[3]).write_bytes(pickle.dumps(results))
