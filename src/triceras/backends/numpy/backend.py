"""NumPy as a backend: inference without a framework, and the host side of the others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from triceras.backends import registry, tables
from triceras.backends.base import Backend, Spec, known_sizes
from triceras.core import dtypes, settings


def array(x: Any, dtype: str | None = None) -> np.ndarray:
    """An array from anything array-like; Python numbers and lists of them get the default dtypes."""
    if hasattr(x, "__array__") or isinstance(x, np.ndarray):
        x = x if isinstance(x, np.ndarray) else registry.adopt(x, BACKEND)
        return x if dtype is None else x.astype(dtypes.numpy_dtype(dtype), copy=False)
    if dtype is not None:
        return np.asarray(x).astype(dtypes.numpy_dtype(dtype))
    x = np.asarray(x)
    if x.dtype == np.float64:
        return x.astype(dtypes.numpy_dtype(settings.floatx()))
    if x.dtype == np.int64:
        return x.astype(np.int32)
    return x.astype(np.complex64) if x.dtype == np.complex128 else x


def _tensor(x: Any) -> Any:
    if isinstance(x, np.generic):
        return np.asarray(x)
    return tuple([_tensor(y) for y in x]) if type(x) is tuple else x


class NumpyBackend(Backend):
    """Arrays on the host; no gradients."""

    name = "numpy"
    traces_loops = False
    tensor_types = (np.ndarray,)
    trains = False

    def __init__(self) -> None:
        self.table = self._with_cast(tables.gather("triceras.backends.numpy"))

    def guarded(self, name: str, body: Callable[..., Any]) -> Callable[..., Any]:
        """NumPy makes scalars of results without axes, which are Python's numbers too: tensors they are to stay."""
        return lambda *args, **kwargs: _tensor(body(*args, **kwargs))

    def immediate(self, x: Any) -> bool:
        return True

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> np.ndarray:
        return array(x, dtype)

    def to_device(self, x: Any, copy: bool = False) -> np.ndarray:
        return np.array(array(x)) if copy else array(x)

    def to_numpy(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x)

    def cast(self, x: np.ndarray, dtype: str) -> np.ndarray:
        x = np.asarray(x)
        if np.iscomplexobj(x) and not dtypes.is_complex_dtype(dtype):
            x = np.real(x)
        return x.astype(dtypes.numpy_dtype(dtype), copy=False)

    def dtype_of(self, x: np.ndarray) -> str:
        return dtypes.standardize_dtype(x.dtype)

    def new_state(
        self, value: Any, dtype: str, trainable: bool, aggregation: str = "none", synchronization: str = "auto"
    ) -> np.ndarray:
        return np.array(array(value, dtype))

    def write_state(self, state: np.ndarray, value: Any) -> np.ndarray:
        return np.array(array(value), dtype=state.dtype)

    def device_scope(self, name: str) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def list_devices(self, device_type: str | None = None) -> list[str]:
        return ["cpu:0"] if device_type in (None, "cpu") else []

    def eval_shape(self, function: Callable[..., Any], specs: Sequence[Spec]) -> Any:
        from triceras import tree

        with np.errstate(all="ignore"):
            result = function(*(np.ones(known_sizes(s), dtypes.numpy_dtype(s.dtype)) for s in specs))
        return tree.map_structure(lambda x: Spec(np.shape(x), self.dtype_of(np.asarray(x))), result)


BACKEND = NumpyBackend()
