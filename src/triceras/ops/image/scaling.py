"""Arrays enlarged and moved by amounts that are tensors."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import normalize_axes
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.creation import arange
from triceras.ops.dispatch import Index, composite
from triceras.ops.elementwise import abs as absolute
from triceras.ops.elementwise import maximum
from triceras.ops.image.kernels import KERNELS
from triceras.ops.image.layout import as_dtype, check_choice, in_full
from triceras.ops.logic import logical_and, where
from triceras.ops.products import tensordot
from triceras.ops.reduce import sum as total
from triceras.ops.shape import expand_dims, moveaxis
from triceras.ops.transcendental import sinc

METHODS: dict[str, str] = dict.fromkeys(("linear", "bilinear", "trilinear"), "bilinear")
METHODS |= dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic")
METHODS |= {"lanczos3": "lanczos3", "lanczos5": "lanczos5"}
_OPS = types.SimpleNamespace(abs=absolute, maximum=maximum, sinc=sinc, where=where)
#: Weights that add up to less are those of no pixel at all.
_LEAST_SUM = 1e-4


def _weights(old: int, new: int, scale: Any, translation: Any, method: str, antialias: bool) -> Tensor:
    """The matrix ``(new, old)`` along one axis; each row sums to one, or is zero where it lies outside of the array.

    ``scale`` and ``translation`` are vectors of one element.
    """
    dtype = dtype_of(scale)
    inverse = 1.0 / scale
    centers = (arange(new, dtype=dtype) + 0.5) * inverse - translation * inverse - 0.5
    distance = expand_dims(centers, 1) - arange(old, dtype=dtype)
    weights = KERNELS[METHODS[method]](_OPS, distance / maximum(inverse, 1.0) if antialias else distance)
    sums = total(weights, 1, keepdims=True)
    inside = expand_dims(logical_and(centers >= -0.5, centers <= old - 0.5), 1)
    held = logical_and(absolute(sums) > _LEAST_SUM, inside)
    return where(held, weights / where(held, sums, 1.0), 0.0)


@composite(fused=True)
def scaled(
    images: Index,
    scale: Index,
    translation: Index,
    sizes: tuple[int, ...],
    axes: tuple[int, ...],
    method: str,
    antialias: bool,
) -> Tensor:
    """``scale_and_translate`` with its arguments checked."""
    x = in_full(images)
    scale, translation = cast(scale, dtype_of(x)), cast(translation, dtype_of(x))
    for i, axis in enumerate(axes):
        part = slice(i, i + 1)  # an element alone is a Python number on numpy, with no dtype of its own
        weights = _weights(x.shape[axis], sizes[i], scale[part], translation[part], method, antialias)
        x = moveaxis(tensordot(x, weights, ([axis], [1])), -1, axis)
    return as_dtype(x, dtype_of(images))


def _spec(images: Spec, output_shape: Any, scale: Any, translation: Any, spatial_dims: Any, *_: Any, **__: Any) -> Spec:
    axes = normalize_axes(tuple(spatial_dims), len(images.shape))
    shape = [output_shape[i] if i in axes else d for i, d in enumerate(images.shape)]
    return Spec(tuple(shape), images.dtype)


@composite(spec=_spec)
def scale_and_translate(
    images: Index,
    output_shape: Sequence[int],
    scale: Index,
    translation: Index,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """An array enlarged and then moved along some of its axes, in an array of other sizes.

    The element at ``x`` comes to lie at ``scale * x + translation``, elements being intervals whose centres lie at
    half-integers. What lies outside of the array is zero.

    Args:
        images: an array of any axes and dtype.
        output_shape: the result's shape, of as many axes; those that aren't scaled keep their sizes.
        scale: a number for each of the axes that are scaled, a vector; above 0.
        translation: the same, in elements of the result.
        spatial_dims: these axes.
        method: ``"linear"`` (or ``"bilinear"``, ``"trilinear"``), ``"cubic"`` (``"bicubic"``, ``"tricubic"``),
            ``"lanczos3"`` or ``"lanczos5"``.
        antialias: whether all elements count where the array shrinks, rather than those around the new ones alone.

    Returns:
        An array in the dtype of the images; integers are rounded. Differentiable with respect to all three tensors.

    Raises:
        ValueError: another method, or shapes that don't fit.

    Example:
        >>> convert_to_numpy(scale_and_translate([0.0, 2.0, 4.0], (3,), [1.0], [1.0], (0,), "linear")).tolist()
        [0.0, 0.0, 2.0]
    """
    check_choice("scale_and_translate", "method", method, METHODS)
    rank, count = len(images.shape), len(spatial_dims)
    if len(output_shape) != rank or any(tuple(v.shape) != (count,) for v in (scale, translation)):
        raise ValueError(
            f"scale_and_translate() needs an output_shape of {rank} sizes, and a scale and translation for each of "
            f"spatial_dims={tuple(spatial_dims)}, received output_shape={tuple(output_shape)}, and a scale and translation "
            f"of shapes {tuple(scale.shape)} and {tuple(translation.shape)}."
        )
    axes = tuple(normalize_axes(int(a), rank)[0] for a in spatial_dims)
    sizes = tuple(int(output_shape[a]) for a in axes)
    return scaled(images, scale, translation, sizes, axes, method, antialias)
