"""Rules that give an op's result shape and dtype from those of its inputs; None is a size not known yet."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from triceras.backends.base import Spec
from triceras.core.shapes import broadcast_shapes, reduced_shape
from triceras.ops.dispatch import primitive
from triceras.ops.promotion import join, join_float


def number(types: Sequence[Any]) -> str:
    """The joined dtype, with booleans as int32: for ops that have no meaning on truth values."""
    joined = join(types)
    return "int32" if joined == "bool" else joined


def at_least_float32(types: Sequence[Any]) -> str:
    """float32, or float64 where that is given: for long sums, for which 16 bits are too few."""
    return "float64" if join_float(types) == "float64" else "float32"


def boolean(types: Sequence[Any]) -> str:
    """Booleans, whatever goes in: for ops on truth values."""
    return "bool"


def _elementwise(dtype: str | None, *args: Any, **kwargs: Any) -> Spec:
    specs = [x for x in (*args, *kwargs.values()) if isinstance(x, Spec)]
    return Spec(broadcast_shapes(*(s.shape for s in specs)), dtype or specs[0].dtype)


def elementwise(promote: Any = "join", dtype: str | None = None) -> Callable[[Any], Any]:
    """A primitive whose result has the broadcast shape of its inputs and their promoted dtype, or the one given."""
    return primitive(promote, spec=functools.partial(_elementwise, dtype), dtype=dtype)


def _reduce(dtype: str | None, x: Spec, axis: Any = None, keepdims: bool = False, *_: Any, **__: Any) -> Spec:
    shape = reduced_shape(x.shape, axis, keepdims)
    return Spec(shape, dtype or x.dtype, x.sparse and bool(reduced_shape(x.shape, axis, False)))


def reduction(promote: Any = None, dtype: str | None = None) -> Callable[[Any], Any]:
    """A primitive that takes ``axis`` and ``keepdims`` second and third and removes those axes."""
    return primitive(promote, spec=functools.partial(_reduce, dtype), dtype=dtype)


def same(x: Spec, *args: Any, **kwargs: Any) -> Spec:
    """The spec of the first input."""
    return x
