"""Gradients of strided windows of one element, where oneDNN writes past its memory (its issue 6035): nothing may get there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from triceras.backends import registry

PROGRAM = """
import sys
import numpy as np
import triceras
from triceras import layers

triceras.config.set_backend(sys.argv[1])
for rank, size in ((1, 32), (2, 16), (3, 6)):
    layer = getattr(layers, f"Conv{rank}D")
    model = triceras.Sequential(
        [triceras.Input((size,) * rank + (8,)), layer(8, 1, strides=2), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    x = np.ones((6, *(size,) * rank, 8), "float32")
    for _ in range(10):
        model.fit(x, np.ones((6, 2)), batch_size=3, epochs=2, verbose=0)
print("done")
"""


@pytest.mark.parametrize("name", [name for name in registry.available_backends() if name != "numpy"])
def test_training_leaves_memory_alone(name: str) -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM, name], capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout.strip()) == (0, "done"), result.stderr[-2000:]
