"""Ops between tensors and the world: conversion, casts, shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes, settings
from triceras.ops.calls import SYMBOLIC
from triceras.ops.dispatch import Index, primitive
from triceras.ops.specs import same


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Tensor:
    """A tensor of the active backend; another framework's tensor comes by DLPack where it can.

    Args:
        x: an array, number, nested list, variable or tensor of any framework.
        dtype: the dtype; by default the array's own, int32 for Python integers and ``config.floatx()`` for floats.
        sparse: False makes a sparse tensor dense; None and True keep it, and a matrix of SciPy becomes one.
        ragged: accepted for compatibility; there are no ragged tensors.

    Returns:
        A native tensor. Symbolic tensors are returned as they are, cast where a dtype is given.

    Example:
        >>> convert_to_numpy(convert_to_tensor([1, 2])).dtype.name
        'int32'
    """
    dtype = None if dtype is None else dtypes.standardize_dtype(dtype)
    if type(x) in SYMBOLIC:
        return x if dtype is None else cast(x, dtype)
    backend = registry.active()
    if isinstance(x, registry.StateHolder):
        x = x.value
    dtype = None if dtype is None else backend.canonical(dtype)
    owner = registry.owner_of(x)
    if registry.is_sparse(x) and (sparse is False or owner is not backend):
        if sparse is not False:
            return registry.adopt_sparse(x, backend, dtype)
        x = x.toarray() if owner is None else owner.to_dense(x)
        dtype = settings.floatx() if dtype is None and owner is None and x.dtype == np.float64 else dtype
    return backend.convert_to_tensor(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """An array on the host with the values of a tensor of any backend.

    Example:
        >>> convert_to_numpy([1.0, 2.0]).tolist()
        [1.0, 2.0]
    """
    if isinstance(x, registry.StateHolder):
        return x.numpy()  # type: ignore[attr-defined]
    owner = registry.owner_of(x)
    if owner is None and hasattr(x, "tocoo"):
        return x.toarray()
    if owner is None:
        return np.asarray(x) if not _holds_tensors(x) else np.stack([convert_to_numpy(v) for v in x])
    return owner.to_numpy(x)


def _holds_tensors(x: Any) -> bool:
    return isinstance(x, list | tuple) and any(registry.owner_of(v) is not None or _holds_tensors(v) for v in x)


def is_tensor(x: Any) -> bool:
    """Whether a value is a tensor of an installed backend (a NumPy array is one of the numpy backend).

    Example:
        >>> is_tensor(convert_to_tensor([1.0])), is_tensor([1.0])
        (True, False)
    """
    if registry.owner_of(x) is not None:
        return not isinstance(x, registry.StateHolder)
    return isinstance(x, registry.active().tensor_types)


def shape(x: Any) -> tuple[Any, ...]:
    """The shape of a tensor, a tuple; in a trace a size that isn't known is a scalar tensor, of a symbolic tensor None.

    Example:
        >>> shape(zeros((2, 3)))
        (2, 3)
    """
    if type(x) in SYMBOLIC or isinstance(x, registry.StateHolder):
        return tuple(x.shape)  # type: ignore[attr-defined]
    owner = registry.owner_of(x)
    if owner is None:
        return tuple(np.shape(x))
    return owner.dynamic_shape(x)


def dtype(x: Any) -> str:
    """The name of a tensor's dtype.

    Example:
        >>> dtype(zeros((2,), "int32"))
        'int32'
    """
    if type(x) in SYMBOLIC or isinstance(x, registry.StateHolder):
        return dtypes.standardize_dtype(x.dtype)  # type: ignore[attr-defined]
    owner = registry.owner_of(x)
    return dtypes.standardize_dtype(np.asarray(x).dtype) if owner is None else owner.dtype_of(x)


def _cast_spec(x: Spec, dtype: Any) -> Spec:
    return Spec(x.shape, registry.active().canonical(dtypes.standardize_dtype(dtype)), x.sparse)


@primitive(spec=_cast_spec)
def cast(x: Index, dtype: Any) -> Tensor:
    """A tensor in another dtype.

    Args:
        x: any tensor.
        dtype: the dtype, as a name or a type.

    Returns:
        A tensor of the same shape. Floats are truncated towards zero, complex numbers keep their real part.

    Example:
        >>> convert_to_numpy(cast([1.7, -1.7], "int32")).tolist()
        [1, -1]
    """


@primitive(spec=same)
def stop_gradient(variable: Index) -> Tensor:
    """The same value, through which no gradient flows.

    Args:
        variable: any tensor.

    Returns:
        A tensor of the same shape and dtype.

    Example:
        >>> convert_to_numpy(stop_gradient([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
