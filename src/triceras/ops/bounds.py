"""Which positions ops take: what an index out of range is told as, one rule for all backends.

Numbers and NumPy arrays are looked at before anything runs. The positions in tensors are looked at after a call failed
only: reading them would make a device wait, and compiled programs have no way to raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shape = Sequence[int | None]
#: What reads a value's numbers; None where it can't.
Read = Callable[[Any], np.ndarray | None]


def static(x: Any) -> np.ndarray | None:
    """The integers of a number, an array or a list of them; None for anything else."""
    if isinstance(x, int | np.ndarray | np.generic):
        return _integers(np.asarray(x))
    if not isinstance(x, list | tuple) or not all(
        isinstance(v, list | tuple | int | np.ndarray | np.generic) for v in x
    ):
        return None
    try:
        return _integers(np.asarray(x)) if all(static(v) is not None for v in x) else None
    except ValueError:  # lists of several lengths
        return None


def _integers(x: np.ndarray) -> np.ndarray | None:
    return x.astype(np.int64) if x.dtype.kind in "iu" else None


def _shape(x: Any) -> Shape | None:
    if hasattr(x, "shape"):
        return tuple(x.shape)
    return None if _holds_tensors(x) else np.shape(x)


def _holds_tensors(x: Any) -> bool:
    return any(map(_holds_tensors, x)) if isinstance(x, list | tuple) else hasattr(x, "shape")


def _beyond(name: str, positions: np.ndarray | int | None, low: int, high: int, where: str) -> str | None:
    """What is wrong with positions that lie from ``low`` up to, but not at, ``high``."""
    if positions is None or (isinstance(positions, int) and low <= positions < high):
        return None
    wrong = np.asarray(positions)
    wrong = wrong[(wrong < low) | (wrong >= high)].ravel()
    if not len(wrong):
        return None
    expected = f"{name} lies between {low} and {high - 1}" if high > low else f"{name} has nothing to name"
    return f"{expected} for {where}, received {wrong[0]}"


def _outside(name: str, positions: np.ndarray | None, size: int | None, axis: str) -> str | None:
    """The same along an axis, where negative positions count from the end."""
    return None if size is None else _beyond(name, positions, -size, size, f"{axis} of size {size}")


def _along(name: str, x: Any, indices: Any, axis: int | None, read: Read) -> str | None:
    positions = read(indices)
    if positions is None:
        return None
    shape = _shape(x)
    if shape is None or (axis is not None and not -len(shape) <= axis < len(shape)):
        return None
    if axis is None:
        size = None if None in shape else math.prod(d for d in shape if d is not None)
        return _outside(name, positions, size, "the flat tensor")
    return _outside(name, positions, shape[axis], f"axis {axis}")


def _take(read: Read, x: Any, indices: Any, axis: int | None = None) -> str | None:
    return _along("indices", x, indices, axis, read)


def _rows(shape: Shape | None, indices: Any, read: Read) -> str | None:
    rows = read(indices)
    if shape is None or rows is None or not rows.ndim or rows.shape[-1] > len(shape):
        return None
    columns = enumerate(np.moveaxis(rows, -1, 0))
    return next((said for i, column in columns if (said := _outside("indices", column, shape[i], f"axis {i}"))), None)


def _scatter_into(read: Read, inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> str | None:
    return _rows(_shape(inputs), indices, read)


def _scatter(read: Read, indices: Any, values: Any, shape: Shape) -> str | None:
    return _rows(tuple(shape), indices, read)


def _block(read: Read, inputs: Any, start_indices: Any, sizes: Shape | None) -> str | None:
    """A block lies inside; of what sticks out by its size alone the op itself says so."""
    shape = _shape(inputs)
    starts = start_indices if isinstance(start_indices, list | tuple) else read(start_indices)
    if shape is None or starts is None or sizes is None or not len(shape) == len(starts) == len(sizes):
        return None
    for axis, (start, size, whole) in enumerate(zip(starts, sizes, shape)):
        if whole is None or size is None or size > whole:
            continue
        size = max(size, 0)  # -1 is all that is left
        where = f"a block of {size} in axis {axis} of size {whole}"
        positions = start if type(start) is int else read(start)
        if said := _beyond(f"start_indices[{axis}]", positions, 0, whole - size + 1, where):
            return said
    return None


def _slice(read: Read, inputs: Any, start_indices: Any, shape: Shape) -> str | None:
    return _block(read, inputs, start_indices, shape)


def _slice_update(read: Read, inputs: Any, start_indices: Any, updates: Any) -> str | None:
    return _block(read, inputs, start_indices, _shape(updates))


def _get_item(read: Read, x: Any, key: Any) -> str | None:
    shape = _shape(x)
    keys = list(key) if isinstance(key, tuple) else [key]
    if shape is None or any(isinstance(k, bool | np.bool_) or _is_mask(k) for k in keys):
        return None
    keys = [k for k in keys if k is not None]
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (len(shape) - len(keys) + (at < len(keys)))
    if len(keys) != len(shape):
        return f"key names {len(keys)} axes, expected at most {len(shape)}"
    places = enumerate(zip(keys, shape))
    tests = (_outside("key", read(k), d, f"axis {i}") for i, (k, d) in places if not isinstance(k, slice))
    return next((said for said in tests if said), None)


def _is_mask(key: Any) -> bool:
    return "bool" in str(getattr(key, "dtype", "")) or (isinstance(key, list) and any(isinstance(k, bool) for k in key))


#: Op -> what is wrong with the positions among its arguments, read by the first argument of the rule; or None.
RULES: dict[str, Callable[..., str | None]] = {
    "take": _take,
    "take_along_axis": _take,
    "get_item": _get_item,
    "scatter_into": _scatter_into,
    "scatter_update": _scatter_into,
    "scatter": _scatter,
    "slice": _slice,
    "slice_update": _slice_update,
}
