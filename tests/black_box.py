"""Numbers of the installed keras, run as a black box in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

_PROLOGUE = """
import json, sys
import keras
import numpy as np

def plain(x):
    return [plain(v) for v in x] if isinstance(x, (list, tuple)) else np.asarray(keras.ops.convert_to_numpy(x)).tolist()

rows = json.load(sys.stdin)
"""


def run(code: str, rows: list[Any], backend: str = "jax") -> list[Any]:
    """What ``answer(row)``, defined by the code, returns for each row; a string for an error.

    Args:
        code: Python that defines ``answer``; ``keras``, ``np`` and ``plain`` (tensors to lists) are at hand.
        rows: what JSON can hold.
        backend: the backend that keras runs on.
    """
    epilogue = """
def safely(row):
    try:
        return answer(row)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

print(json.dumps([safely(row) for row in rows]))
"""
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROLOGUE + code + epilogue],
        input=json.dumps(rows),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"keras failed as a reference:\n{result.stderr[-2000:]}")
    return json.loads(result.stdout.splitlines()[-1])
