"""Inputs in the compute dtype, whichever backend was called before."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from triceras import layers, ops
from triceras.backends import registry

BACKENDS = registry.available_backends()


class Seen(layers.Layer):
    """Notes the dtype that ``call`` is given."""

    def call(self, x: Any) -> Any:
        self.seen = ops.dtype(x)
        return x


@pytest.mark.parametrize("order", list(itertools.permutations([b for b in BACKENDS if b in ("jax", "numpy")])))
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_what_one_backend_was_cast_to_is_not_anothers(order: tuple[str, ...], dtype: str, monkeypatch: Any) -> None:
    """JAX and NumPy share native dtypes, and only one of them has 64 bits at hand."""
    monkeypatch.setattr("triceras.layers.layer._casts", {})
    for name in order:
        with registry.backend_scope(name):
            layer = Seen(dtype=dtype)
            layer(ops.convert_to_tensor(np.ones((1, 2)), "float32"))
            assert layer.seen == registry.get_backend(name).canonical(dtype)
