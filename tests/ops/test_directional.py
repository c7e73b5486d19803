"""Gradients against central differences of NumPy's values in float64, along random directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.table import Row
from tests.ops.test_table import ROWS, TRAINING, _call, _host, _map_arrays, _typed
from triceras import ops
from triceras.backends import registry
from triceras.core.dtypes import is_float_dtype

#: JAX is set up for 32 bits.
DTYPES = {"jax": "float32", "torch": "float64", "tensorflow": "float64"}
#: Relative to the size of what is compared: halves of the bits for the differences, and what float32 gives.
TOLERANCE = {"float32": 2e-3, "float64": 2e-6}
DIRECTIONS = 3
#: Rows of these lie where the slope isn't one number; a little aside it is.
KINKED = ("divide_no_nan", "top_k", "hard_sigmoid", "hard_silu", "normalize", "image.perspective_transform")
#: JAX compiles every row anew: one of each op, as test_table.py compares the gradients of all rows with the others'.
_seen: set[str] = set()
ON_JAX = {id(row) for row in ROWS if row.differentiable and not (row.op in _seen or _seen.add(row.op))}


def _is_leaf(a: np.ndarray) -> bool:
    return is_float_dtype(a.dtype)


def _leaves(row: Row, dtype: str) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    _map_arrays(lambda a: found.append(a) if _is_leaf(a) else None, _typed(row, dtype))
    if row.op in KINKED:
        generator = np.random.default_rng(5)
        found = [a + generator.uniform(0.01, 0.02, a.shape).astype(a.dtype) for a in found]
    return found


def _is_coarse(row: Row) -> bool:
    """Whether it computes in 32 bits whatever comes: images' samples, and what names its dtype."""
    return row.op.startswith("image.") or row.op == "full" or "dtype" in row.kwargs


def _weighted(row: Row, dtype: str, leaves: list[Any], backend: Any) -> Any:
    """A sum of the floating results, each element with a weight of its own."""
    given = iter(leaves)
    arguments = _map_arrays(lambda a: next(given) if _is_leaf(a) else backend.convert_to_tensor(a), _typed(row, dtype))
    results = [v for v in _call(row, arguments) if is_float_dtype(ops.dtype(v))]
    weights = [np.cos(1 + np.arange(int(np.prod(v.shape)))).reshape(tuple(v.shape)) for v in results]
    terms = [ops.sum(ops.multiply(v, backend.convert_to_tensor(w, ops.dtype(v)))) for v, w in zip(results, weights)]
    total = terms[0]
    for term in terms[1:]:
        total = ops.add(total, ops.cast(term, ops.dtype(total)))
    return total


def _directions(leaves: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Random directions; symmetric matrices stay so, as factorizations read half of one only."""
    generator = np.random.default_rng(7)
    return [[_like(a, generator.standard_normal(a.shape)) for a in leaves] for _ in range(DIRECTIONS)]


def _like(a: np.ndarray, direction: np.ndarray) -> np.ndarray:
    symmetric = a.ndim >= 2 and a.shape[-1] == a.shape[-2] and np.array_equal(a, np.swapaxes(a, -1, -2))
    return (direction + np.swapaxes(direction, -1, -2)) / 2 if symmetric else direction


def _differences(row: Row, directions: list[list[np.ndarray]]) -> list[float]:
    """The slope along each direction, from NumPy's values on either side."""
    leaves, size = _leaves(row, "float64"), 1e-4 if _is_coarse(row) else 1e-5
    with registry.backend_scope("numpy") as backend, np.errstate(all="ignore"):

        def value(step: float, direction: list[np.ndarray]) -> float:
            moved = [a + step * d for a, d in zip(leaves, direction, strict=True)]
            return float(_weighted(row, "float64", moved, backend))

        return [(value(size, d) - value(-size, d)) / (2 * size) for d in directions]


def _gradients(row: Row, name: str) -> list[np.ndarray]:
    dtype = DTYPES[name]
    with registry.backend_scope(name) as backend:
        leaves = [backend.convert_to_tensor(a, dtype) for a in _leaves(row, dtype)]
        return _host(backend.value_and_grad(lambda xs: (_weighted(row, dtype, xs, backend), None), leaves)[2])


@pytest.mark.parametrize("row", [r for r in ROWS if r.differentiable], ids=str)
def test_gradient_is_the_slope(row: Row) -> None:
    directions = _directions(_leaves(row, "float64"))
    slopes = _differences(row, directions)
    for name in TRAINING if id(row) in ON_JAX else TRAINING[1:]:
        gradients, tolerance = _gradients(row, name), 5e-3 if _is_coarse(row) else TOLERANCE[DTYPES[name]]
        for direction, slope in zip(directions, slopes, strict=True):
            parts = [np.sum(np.asarray(g, "float64") * d) for g, d in zip(gradients, direction, strict=True)]
            size = max(1.0, *(np.linalg.norm(g) * np.linalg.norm(d) for g, d in zip(gradients, direction, strict=True)))
            off = abs(sum(parts) - slope) / size
            assert off < tolerance, f"{row} on {name}: {sum(parts)}, expected {slope}"
