"""Run with ``KERAS_BACKEND=<name> python -m tests.layers.keras_reference CASES RESULTS``: what Keras makes of the rows.

CASES is a pickled list of ``(row, weights, serialized layer)``, RESULTS a pickled list of dictionaries in the same order:
the outputs, the config, and the config of the layer that Keras makes from ours; or the error, as text.
"""

from __future__ import annotations

import pathlib
import pickle
import sys
from typing import Any

import keras
import numpy as np

from tests.layers.table import Row


def _outputs(row: Row, weights: list[np.ndarray]) -> list[np.ndarray]:
    layer = row.build(keras.layers)
    if weights:
        layer(*row.inputs, **row.call)
        layer.set_weights(weights)
        if row.calls > 1 and hasattr(layer, "reset_states"):
            layer.reset_states()
    for _ in range(row.calls):
        outputs = layer(*row.inputs, **row.call)
    return [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(outputs)]


def _config(layer: Any) -> dict[str, Any]:
    return keras.saving.serialize_keras_object(layer)["config"]


def _run(row: Row, weights: list[np.ndarray], serialized: Any, config: dict[str, Any] | None) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        result["outputs"] = _outputs(row, weights)
        if row.file:
            layer = Row(row.layer, row.kwargs if config is None else config, ()).build(keras.layers)
            result["config"] = _config(layer)
            result["read"] = _config(keras.saving.deserialize_keras_object(serialized))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        result["error"] = f"{type(error).__name__}: {error}"
    return result


if __name__ == "__main__":
    cases = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
    results = [_run(row, weights, serialized, row.config) for row, weights, serialized in cases]
    pathlib.Path(sys.argv[2]).write_bytes(pickle.dumps(results))
