"""Rearrangements, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core.dtypes import numpy_dtype


def _tuple(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _unstack(x: np.ndarray, num: int | None = None, axis: int = 0) -> list[np.ndarray]:
    return list(np.moveaxis(x, axis, 0))


def _padded(x: np.ndarray, pad_width: Any, mode: Any = "constant", constant_values: Any = None) -> np.ndarray:
    if mode == "constant":
        return np.pad(x, pad_width, constant_values=np.asarray(constant_values or 0, x.dtype))
    return np.pad(x, pad_width, mode=mode)


TABLE = {
    "reshape": np.reshape,
    "squeeze": lambda x, axis=None: np.squeeze(x, _tuple(axis)),
    "concatenate": np.concatenate,
    "transpose": np.transpose,
    "expand_dims": lambda x, axis: np.expand_dims(x, _tuple(axis)),
    "stack": np.stack,
    "unstack": _unstack,
    "split": np.split,
    "repeat": lambda x, repeats, axis=None: np.repeat(x, np.asarray(repeats, np.int64), axis),
    "tile": np.tile,
    "padded": _padded,
    "flip": lambda x, axis=None: np.flip(x, _tuple(axis)),
    "roll": lambda x, shift, axis=None: np.roll(x, _tuple(shift), _tuple(axis)),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, tuple(shape)),
    "bits_as": lambda x, dtype: (
        np.ascontiguousarray(x).view(numpy_dtype(dtype)) if x.ndim else x.view(numpy_dtype(dtype))
    ),
}
