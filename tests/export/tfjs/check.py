"""The twelve models in TensorFlow.js: ``make tfjs`` installs its converter and its runtime apart and runs this.

    python -m tests.export.tfjs.check ENVIRONMENT

``ENVIRONMENT/bin/tensorflowjs_converter`` and ``ENVIRONMENT/node_modules`` are there: the converter needs another TensorFlow
than the one the other tests run with. Prints the largest relative difference of each model, and fails over 1e-5.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from tests.export.matrix import SIZES, SOURCES
from tests.interop.twelve import MODELS
from triceras import ops, tree
from triceras.backends.registry import backend_scope
from triceras.export.signatures import signature_of_resource


def _tensor(x: np.ndarray) -> dict[str, Any]:
    return {"shape": x.shape, "dtype": "int32" if x.dtype.kind == "i" else "float32", "values": x.ravel().tolist()}


def main() -> int:
    """Export, run and compare; returns the exit code."""
    environment = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for source in SOURCES:
            for label, row in MODELS.items():
                with backend_scope(source):
                    model = row.make()
                target = folder / f"{source}_{label}"
                model.export(target, format="tfjs", converter=str(environment / "bin" / "tensorflowjs_converter"))
                names = [one.name for one in tree.flatten(signature_of_resource("serve", model))]
                runs = []
                for sizes in SIZES:
                    batch = row.data(*sizes)
                    outputs = [ops.convert_to_numpy(x).ravel().tolist() for x in tree.flatten(model(batch))]
                    inputs = dict(zip(names, map(_tensor, tree.flatten(batch)), strict=True))
                    runs.append({"inputs": inputs, "outputs": outputs})
                target.with_suffix(".json").write_text(json.dumps(runs))
        program = pathlib.Path(__file__).with_name("run.js")
        command = ["node", str(program), str(environment / "node_modules"), name]
        result = subprocess.run(command, capture_output=True, text=True)
    print(result.stdout, result.stderr[-2000:])
    found = json.loads(result.stdout) if result.returncode == 0 else {}
    return 0 if len(found) == len(SOURCES) * len(MODELS) and max(found.values()) < 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
