"""Values of grids between their points: what all warps of images rest on.

A grid's points have whole coordinates. Between them, values are interpolated linearly or taken from the nearest; outside,
five modes say what the grid goes on with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, composite
from triceras.ops.elementwise import abs as absolute
from triceras.ops.elementwise import add, clip, floor, minimum, mod, multiply
from triceras.ops.image.layout import as_dtype, check_choice, fill_number, in_full
from triceras.ops.indexing import take
from triceras.ops.logic import logical_and, where
from triceras.ops.shape import expand_dims, reshape, unstack

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
INTERPOLATIONS = {"nearest": 0, "bilinear": 1}


def _bounded(x: Any, size: int, fill_mode: str) -> Tensor:
    """Coordinates far outside brought near, where that changes no value: integers couldn't hold them."""
    if fill_mode == "constant":
        return clip(x, -1.0, float(size))
    return clip(x, 0.0, float(size - 1)) if fill_mode == "nearest" else x


def _inside(index: Any, size: int, fill_mode: str) -> Tensor:
    """Whole coordinates as places in the grid."""
    if fill_mode == "wrap":  # a b c | a b c | a b c
        return mod(index, size)
    if fill_mode == "mirror":  # c b | a b c | b a
        return absolute(mod(index + (size - 1), max(2 * size - 2, 1)) - (size - 1))
    if fill_mode == "reflect":  # b a | a b c | c b
        index = mod(index, 2 * size)
        return minimum(index, (2 * size - 1) - index)
    return clip(index, 0, size - 1)


def _is_inside(index: Any, size: int) -> Tensor:
    return logical_and(index >= 0, index < size)


def _corners(x: Any, size: int, order: int, fill_mode: str) -> list[tuple[Tensor, Any]]:
    """Along one axis: the places that a coordinate is interpolated between and their weights, None for one."""
    x = _bounded(x, size, fill_mode)
    if order == 0:
        index = cast(floor(x + 0.5), "int32")
        weight = _is_inside(index, size) if fill_mode == "constant" else None
        return [(_inside(index, size, fill_mode), weight)]
    low = floor(x)
    index, rest = cast(low, "int32"), x - low
    pairs = [(index, 1.0 - rest), (index + 1, rest)]
    if fill_mode == "constant":
        pairs = [(i, where(_is_inside(i, size), weight, 0.0)) for i, weight in pairs]
    return [(_inside(i, size, fill_mode), weight) for i, weight in pairs]


def sample(
    rows: Any,
    sizes: Sequence[int],
    coordinates: Sequence[Any],
    order: int,
    fill_mode: str,
    fill_value: Any,
    base: Any = 0,
) -> Tensor:
    """Values of a grid at coordinates.

    Args:
        rows: the grid's points as rows ``(points, *rest)``, in row-major order.
        sizes: of the grid's axes.
        coordinates: one floating tensor for each of them, of shapes that broadcast.
        order: 0 for the nearest point, 1 for linear interpolation.
        fill_mode: one of ``FILL_MODES``.
        fill_value: what stands outside for ``"constant"``; a number.
        base: the row at which a grid begins, where there are several; it broadcasts with the coordinates.

    Returns:
        The coordinates' shape and then ``rest``: in the rows' dtype for order 0, in floats of at least 32 bits for order 1.
    """
    rest = len(rows.shape) - 1
    axes = [_corners(x, size, order, fill_mode) for x, size in zip(coordinates, sizes, strict=True)]
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]

    def wide(weight: Any) -> Any:
        return expand_dims(weight, tuple(range(-rest, 0))) if rest else weight

    total: Any = None
    for corner in itertools.product(*axes):
        place = sum((index * stride for (index, _), stride in zip(corner, strides, strict=True)), base)
        value = take(rows, place, axis=0)
        if order == 0:
            if fill_mode != "constant":
                return value
            inside = corner[0][1]
            for _, other in corner[1:]:
                inside = logical_and(inside, other)
            return where(wide(inside), value, cast(fill_value, dtype_of(rows)))
        term = multiply(in_full(value), wide(math.prod(weight for _, weight in corner)))
        total = term if total is None else total + term
    if fill_mode == "constant" and fill_value != 0:
        inside = math.prod(axis[0][1] + axis[1][1] for axis in axes)
        total = add(total, wide(1.0 - inside) * fill_value)
    return total


def _coordinates_spec(
    inputs: Spec, coordinates: Spec, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Spec:
    _check_coordinates(inputs, coordinates, order, fill_mode)
    return Spec(coordinates.shape[1:], inputs.dtype)


def _check_coordinates(inputs: Any, coordinates: Any, order: Any, fill_mode: str) -> None:
    check_choice("map_coordinates", "order", order, (0, 1))
    check_choice("map_coordinates", "fill_mode", fill_mode, FILL_MODES)
    rank, shape = len(inputs.shape), tuple(coordinates.shape)
    if rank == 0 or len(shape) < 2 or shape[0] not in (None, rank):
        raise ValueError(
            f"map_coordinates() needs coordinates ({rank}, ...), a row for each axis of the inputs {tuple(inputs.shape)}, "
            f"received coordinates of shape {shape}."
        )


@composite(fused=True)
def grid_values(inputs: Index, coordinates: Index, order: int, fill_mode: str, fill_value: float) -> Tensor:
    """``map_coordinates`` with its arguments checked."""
    rows = unstack(in_full(coordinates), len(inputs.shape), 0)
    values = sample(reshape(inputs, (-1,)), inputs.shape, rows, order, fill_mode, fill_value)
    return as_dtype(values, dtype_of(inputs))


@composite(spec=_coordinates_spec)
def map_coordinates(
    inputs: Index, coordinates: Index, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """The values of an array at coordinates between its elements.

    Args:
        inputs: an array of ``n`` axes, of any dtype.
        coordinates: ``(n, ...)``: for each place of the result, its coordinate along each axis of the inputs. The
            elements of the inputs have whole coordinates from 0.
        order: 0 for the nearest element (of two equally near ones the later), 1 for linear interpolation.
        fill_mode: how the inputs go on outside: ``"constant"`` with the fill value; ``"nearest"`` with the elements at
            the edge; ``"wrap"`` from the other side; ``"mirror"`` backwards from the edge, ``"reflect"`` too but
            with the element at the edge repeated.
        fill_value: a number, for ``"constant"``.

    Returns:
        A tensor ``coordinates.shape[1:]`` in the dtype of the inputs; integers are rounded. It is differentiable
        with respect to the inputs, and for order 1 to the coordinates.

    Raises:
        ValueError: another order or fill mode, or coordinates that don't fit.

    Example:
        >>> convert_to_numpy(map_coordinates([0.0, 10.0, 20.0], [[0.5, 2.0, 2.5]], 1, "nearest")).tolist()
        [5.0, 20.0, 20.0]
    """
    _check_coordinates(inputs, coordinates, order, fill_mode)
    return grid_values(inputs, coordinates, order, fill_mode, fill_number(fill_value, dtype_of(inputs)))
