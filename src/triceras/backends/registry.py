"""Which backends there are, which one owns a value, and which one is active.

Nothing is imported for a value's sake: a tensor's class names the module it comes from, and that framework is loaded
already.
"""

from __future__ import annotations

import contextlib
import copy
import copyreg
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from triceras.backends.base import Backend
from triceras.core import dtypes, objects, settings
from triceras.core.errors import MissingBackendError, MixedBackendsError

#: Backend name -> (the package it needs, what to install).
FRAMEWORKS = {
    "jax": ("jax", "pip install 'triceras[jax]'"),
    "torch": ("torch", "pip install 'triceras[torch]'"),
    "tensorflow": ("tensorflow", "pip install 'triceras[tensorflow]'"),
    "numpy": ("numpy", "pip install numpy"),
}
TRAINING = ("jax", "torch", "tensorflow")
ENTRY_POINTS = "triceras.backends"


class StateHolder:
    """Marks classes that hold a tensor (``value``) rather than being one; ops unwrap them."""

    value: Any
    dtype: Any
    shape: Any
    path: str


_loaded: dict[str, Backend] = {}
_lock = threading.RLock()
_scoped: ContextVar[Backend | None] = ContextVar("backend", default=None)
#: (from, to): copies of what belongs to the first backend belong to the second one.
_moving: ContextVar[tuple[Backend, Backend] | None] = ContextVar("moving", default=None)
_chosen: Backend | None = None

#: Tensor class -> its backend; None for values that any backend may take.
OWNERS: dict[type, Any] = {}


def _installed(package: str) -> bool:
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _external() -> dict[str, Any]:
    import importlib.metadata  # a tenth of the time that importing this package takes

    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def available_backends() -> list[str]:
    """The names of the backends whose framework is installed, entry points of other packages included."""
    own = [name for name, (package, _) in FRAMEWORKS.items() if _installed(package)]
    return own + sorted(set(_external()) - set(own))


def is_backend_name(name: Any) -> bool:
    """Whether a value is a backend's name."""
    return isinstance(name, str) and (name in FRAMEWORKS or name in _loaded or name in _external())


def get_backend(name: str) -> Backend:
    """The backend of a name; its framework is loaded if it isn't yet.

    Raises:
        MissingBackendError: its framework isn't installed.
        ValueError: no backend has that name.
    """
    backend = _loaded.get(name)
    if backend is None:
        with _lock:
            backend = _loaded.get(name) or _load(name)
    return backend


def _load(name: str) -> Backend:
    if name not in FRAMEWORKS:
        external = _external()
        if name not in external:
            known = ", ".join([*FRAMEWORKS, *sorted(external)])
            raise ValueError(f"Unknown backend {name!r}. Expected one of: {known}.")
        backend = external[name].load()
        backend = backend() if isinstance(backend, type) else backend
    else:
        package, remedy = FRAMEWORKS[name]
        if not _installed(package):
            raise MissingBackendError(
                f"The backend {name!r} needs the package {package!r}, which isn't installed: {remedy}"
            )
        backend = importlib.import_module(f"triceras.backends.{name}").BACKEND
    register_backend(backend)
    return backend


def register_backend(backend: Backend) -> None:
    """Make a backend known by its name and its tensors' classes."""
    _loaded[backend.name] = backend
    copyreg.pickle(type(backend), lambda one: (get_backend, (destination(one).name,)))  # copies and pickles name it
    for known in [cls for cls, owner in OWNERS.items() if owner is None]:
        del OWNERS[known]


# ---- the owner of a value --------------------------------------------------------------------------------------------

_NEUTRAL = ("builtins", "numpy", "ml_dtypes")
_PACKAGE_OWNERS = {"jax": "jax", "jaxlib": "jax", "torch": "torch", "tensorflow": "tensorflow"}


def owner_of_type(cls: type) -> Any:
    """The backend that owns instances of a class, or None; remembered in ``OWNERS``."""
    if cls.__module__.partition(".")[0] not in _NEUTRAL:
        owners = [backend for backend in _loaded.values() if issubclass(cls, backend.tensor_types)]
        if owners:  # of several, the one that names the nearest class: a tensor class may extend another framework's
            mro = cls.__mro__
            return OWNERS.setdefault(
                cls,
                min(owners, key=lambda b: min((mro.index(t) for t in b.tensor_types if t in mro), default=len(mro))),
            )
    for base in cls.__mro__:
        package = base.__module__.partition(".")[0]
        name = _PACKAGE_OWNERS.get(package)
        if name and name not in _loaded and name in sys.modules:
            backend = get_backend(name)
            if issubclass(cls, backend.tensor_types):
                return OWNERS.setdefault(cls, backend)
    return OWNERS.setdefault(cls, None)


def owner_of(x: Any) -> Any:
    """The backend that owns a tensor, or None."""
    cls = type(x)
    try:
        return OWNERS[cls]
    except KeyError:
        return owner_of_type(cls)


def mixed_error(where: str, expected: Backend, received: Backend) -> MixedBackendsError:
    """The error for tensors of two frameworks in one place."""
    return MixedBackendsError(
        f"{where} runs on {expected.name} and received a tensor of {received.name}. Convert it: "
        f"`with triceras.backend_scope({expected.name!r}): x = triceras.ops.convert_to_tensor(x)`."
    )


def adopt(x: Any, backend: Backend, from_dlpack: Callable[[Any], Any] | None = None) -> Any:
    """What a backend can convert in place of any value: another framework's tensor comes by DLPack, else through the host.

    Args:
        x: a tensor of another backend, a variable, or anything ``np.asarray`` takes.
        backend: who wants it.
        from_dlpack: its importer.
    """
    if isinstance(x, StateHolder):
        x = x.value
    owner = owner_of(x)
    if owner is None or owner is backend:
        return np.asarray(x)
    if from_dlpack is not None and hasattr(x, "__dlpack__"):
        with contextlib.suppress(RuntimeError, BufferError, TypeError, ValueError):  # a dtype or device it can't carry
            return from_dlpack(x.detach() if hasattr(x, "detach") else x)
    return owner.to_numpy(x)


# ---- sparse values ---------------------------------------------------------------------------------------------------


def is_sparse(x: Any) -> bool:
    """Whether a value is a sparse tensor of a backend, or a sparse matrix or array of SciPy."""
    owner = owner_of(x)
    return hasattr(x, "tocoo") if owner is None else owner.is_sparse(x)


def sparse_parts(x: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """The indices ``(count, axes)`` in ascending order and each once, the values, and the shape of a sparse value."""
    owner = owner_of(x)
    shape = tuple(int(size) for size in x.shape)
    if owner is None:
        x = x.tocoo()
        places = np.stack(getattr(x, "coords", None) or (x.row, x.col), 1).astype(np.int64)
        values = np.asarray(x.data)
    else:
        places, values = owner.sparse_parts(x)
    flat: Any = np.ravel_multi_index(tuple(places.T), shape) if len(places) else np.zeros(0, np.int64)
    if len(flat) > 1 and not (flat[1:] > flat[:-1]).all():
        flat, inverse = np.unique(flat, return_inverse=True)
        summed = np.zeros(flat.shape, values.dtype)
        np.add.at(summed, inverse.reshape(-1), values)
        places, values = np.stack(np.unravel_index(flat, shape), 1).astype(np.int64), summed
    return places, values, shape


def adopt_sparse(x: Any, backend: Backend, dtype: str | None = None) -> Any:
    """A backend's sparse tensor of another backend's or of SciPy's; values in float64 become ``config.floatx()``."""
    places, values, shape = sparse_parts(x)
    if dtype is None:
        name = dtypes.standardize_dtype(values.dtype)
        dtype = settings.floatx() if owner_of(x) is None and name == "float64" else name
    return backend.new_sparse(places, values.astype(dtypes.numpy_dtype(backend.canonical(dtype))), shape)


# ---- copies on another backend ---------------------------------------------------------------------------------------


def destination(backend: Backend) -> Backend:
    """The backend that a copy of something of a backend's belongs to: its own one, but inside ``moved``."""
    moving = _moving.get()
    return moving[1] if moving is not None and moving[0] is backend else backend


def moved(x: Any, source: Backend, target: Backend, memo: dict[int, Any] | None = None) -> Any:
    """A deep copy whose variables, layers and optimizers belong to another backend than those of ``x``.

    Args:
        x: what is copied.
        source, target: the backend of ``x``, and that of the copy.
        memo: by the ids of things whose copies there are already, the copies.
    """
    token = _moving.set((source, target))
    try:
        with use(target):
            return copy.deepcopy(x, memo)
    finally:
        _moving.reset(token)


def moved_tensor(x: Any) -> Any:
    """A tensor of the backend that is being copied from as one of the backend that is copied to; anything else as it is."""
    moving = _moving.get()
    if moving is None or isinstance(x, StateHolder) or owner_of(x) is not moving[0]:
        return x
    return moving[1].convert_to_tensor(x)


# ---- tensors in files ------------------------------------------------------------------------------------------------


def is_native(x: Any) -> bool:
    """Whether a value is a tensor of a framework."""
    return not isinstance(x, StateHolder) and owner_of(x) is not None


def _encode_tensor(x: Any) -> dict[str, Any]:
    array = owner_of(x).to_numpy(x)
    return {"class_name": "__tensor__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}


def _decode_tensor(config: dict[str, Any]) -> Any:
    return active().convert_to_tensor(config["value"], active().canonical(dtypes.standardize_dtype(config["dtype"])))


objects.ENCODERS.append((is_native, _encode_tensor))
objects.DECODERS["__tensor__"] = _decode_tensor


# ---- the active backend ----------------------------------------------------------------------------------------------


def active() -> Backend:
    """The backend that runs what no tensor decides."""
    return _scoped.get() or _chosen or _choose()


def _choose() -> Backend:
    global _chosen
    with _lock:
        if _chosen is None:
            _chosen = get_backend(_detect())
    return _chosen


def _detect() -> str:
    for variable in ("TRICERAS_BACKEND", "KERAS_BACKEND"):
        if os.environ.get(variable):
            return os.environ[variable]
    if settings.values.user_backend:
        return settings.values.user_backend
    for name in TRAINING:
        if FRAMEWORKS[name][0] in sys.modules:
            return name
    return next((name for name in TRAINING if _installed(FRAMEWORKS[name][0])), "numpy")


def backend() -> str:
    """The name of the active backend.

    Example:
        >>> with backend_scope("numpy"):
        ...     backend()
        'numpy'
    """
    return active().name


def set_backend(backend: str) -> None:
    """Choose the backend of this process; layers made before keep theirs."""
    global _chosen
    _chosen = get_backend(backend)


@contextlib.contextmanager
def backend_scope(backend: str | Backend) -> Iterator[Backend]:
    """Run a block on a backend, by name; scopes nest and threads don't see one another's.

    Args:
        backend: ``"jax"``, ``"torch"``, ``"tensorflow"``, ``"numpy"`` or a name that another package registered.

    Example:
        >>> with backend_scope("numpy") as current:
        ...     current.name
        'numpy'
    """
    chosen = get_backend(backend) if isinstance(backend, str) else backend
    token = _scoped.set(chosen)
    try:
        yield chosen
    finally:
        _scoped.reset(token)


class use:  # noqa: N801
    """The same as ``backend_scope`` for a backend at hand, at the cost of a context variable; for the call path."""

    __slots__ = ("_token", "backend")

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __enter__(self) -> None:
        self._token = _scoped.set(self.backend)

    def __exit__(self, *error: object) -> None:
        _scoped.reset(self._token)
