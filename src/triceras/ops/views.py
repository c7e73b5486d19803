"""The same bits, or the same pairs of numbers, read as another dtype."""

from __future__ import annotations

from typing import Any

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.ops import core
from triceras.ops.dispatch import Index, composite, primitive
from triceras.ops.elementwise import imag, real
from triceras.ops.shape import stack


def _bits_spec(x: Spec, dtype: str) -> Spec:
    old, new = (dtypes.numpy_dtype(d).itemsize for d in (x.dtype, dtype))
    if old == new:
        return Spec(x.shape, dtype)
    last = x.shape[-1] if x.shape else None
    if not x.shape or (last is not None and last * old % new):
        raise ValueError(
            f"view() can't read {x.dtype} of the shape {tuple(x.shape)} as {dtype}: the last axis must be there and its bytes "
            f"be a multiple of {new}."
        )
    return Spec((*x.shape[:-1], None if last is None else last * old // new), dtype)


@primitive(spec=_bits_spec)
def bits_as(x: Index, dtype: str) -> Tensor:
    """``view`` with its dtype given and its sizes checked."""


def _view_dtype(x: Any, dtype: Any) -> str:
    return core.dtype(x) if dtype is None else registry.active().canonical(dtypes.standardize_dtype(dtype))


def _view_spec(x: Spec, dtype: Any = None) -> Spec:
    return _bits_spec(x, x.dtype if dtype is None else _view_dtype(x, dtype))


@composite(spec=_view_spec)
def view(x: Index, dtype: Any = None) -> Tensor:
    """The bits of a tensor read as another dtype; a dtype of another width makes the last axis longer or shorter.

    Args:
        x: any tensor.
        dtype: the dtype; the tensor's own by default.

    Raises:
        ValueError: the bytes of the last axis aren't a multiple of the dtype's.

    Example:
        >>> convert_to_numpy(view(convert_to_tensor([1.0]), "int32")).tolist()
        [1065353216]
    """
    wanted = _view_dtype(x, dtype)
    if wanted == core.dtype(x):
        return x
    _bits_spec(Spec(tuple(x.shape), core.dtype(x)), wanted)
    return bits_as(x, wanted)


def _pairs_spec(x: Spec) -> Spec:
    if not x.shape or x.shape[-1] != 2:
        raise ValueError(
            "view_as_complex() needs a last axis of size 2, the real and the imaginary part, received the shape "
            f"{tuple(x.shape)}."
        )
    return Spec(x.shape[:-1], "complex128" if x.dtype == "float64" else "complex64")


@composite(spec=_pairs_spec)
def view_as_complex(x: Index) -> Tensor:
    """Complex numbers from pairs of real ones.

    Args:
        x: a real tensor ``(..., 2)``.

    Returns:
        A tensor ``(...)``, complex64, or complex128 for float64.

    Raises:
        ValueError: the last axis isn't of size 2.

    Example:
        >>> convert_to_numpy(view_as_complex([[1.0, 2.0]])).tolist()
        [(1+2j)]
    """
    dtype = _pairs_spec(Spec(tuple(x.shape), core.dtype(x))).dtype
    return core.cast(x[..., 0], dtype) + core.cast(x[..., 1], dtype) * 1j


def _parts_spec(x: Spec) -> Spec:
    return Spec((*x.shape, 2), dtypes.real_dtype(x.dtype))


@composite(spec=_parts_spec)
def view_as_real(x: Index) -> Tensor:
    """Pairs of real numbers, the real and the imaginary part, from complex ones.

    Args:
        x: a complex tensor ``(...)``; real numbers have the imaginary part 0.

    Returns:
        A real tensor ``(..., 2)``.

    Example:
        >>> convert_to_numpy(view_as_real(convert_to_tensor([1 + 2j], "complex64"))).tolist()
        [[1.0, 2.0]]
    """
    return stack([real(x), imag(x)], -1)
