"""Images, in JAX: an axis multiplied by a sparse matrix, a primitive of its own.

Gathered row by row it takes a tenth of a product's time under XLA, but the transpose that JAX would find scatters, which is
slower than either. A primitive has its transpose, and unlike a function with a custom gradient a forward derivative too.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
from jax.interpreters import ad, batching, mlir

from triceras.core import windows


class _Matrix:
    """An array as a parameter: compared by identity, which is all that tracing asks."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values


def _summed(x: jax.Array, *, axis: int, matrix: _Matrix) -> jax.Array:
    lengths = [-1 if i == axis else 1 for i in range(x.ndim)]
    terms = (
        jnp.take(x, place, axis) * jnp.asarray(weight.reshape(lengths), x.dtype)
        for place, weight in windows.taps(matrix.values) or ()
    )
    return functools.reduce(operator.add, terms)


def _result(x: Any, *, axis: int, matrix: _Matrix) -> Any:
    return x.update(shape=(*x.shape[:axis], matrix.values.shape[0], *x.shape[axis + 1 :]))


def _transposed(y: Any, _: Any, *, axis: int, matrix: _Matrix) -> list[Any]:
    return [_weighted_p.bind(y, axis=axis, matrix=_Matrix(matrix.values.T))]


def _batched(args: Any, places: Any, *, axis: int, matrix: _Matrix) -> tuple[Any, int]:
    (place,) = places
    return _weighted_p.bind(*args, axis=axis + (place <= axis), matrix=matrix), place


_weighted_p = jax.extend.core.Primitive("weighted")
_weighted_p.def_impl(_summed)
_weighted_p.def_abstract_eval(_result)
ad.deflinear2(_weighted_p, _transposed)
batching.primitive_batchers[_weighted_p] = _batched
mlir.register_lowering(_weighted_p, mlir.lower_fun(_summed, multiple_results=False))


def _weighted(x: jax.Array, axis: int, matrix: np.ndarray) -> Any:
    if windows.taps(matrix) is None:
        return NotImplemented
    return _weighted_p.bind(x, axis=axis, matrix=_Matrix(matrix))


TABLE = {"weighted": _weighted}
