"""Choosing a device for what is made inside a scope."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from triceras.backends import registry
from triceras.core import scopes


@contextlib.contextmanager
def device(device_name: str) -> Iterator[None]:
    """Put the tensors and variables made inside on a device of the active backend.

    Args:
        device_name: ``"cpu:0"``, ``"gpu:1"`` and the like; ``"cpu"`` is the first one.

    Raises:
        ValueError: there is no such device.

    Example:
        >>> with device("cpu:0"):
        ...     x = zeros((2,))
    """
    if not isinstance(device_name, str):
        raise ValueError(f"A device is named by a string like 'cpu:0', received {device_name!r}.")
    name = device_name.lower().replace("cuda", "gpu")
    name = name if ":" in name else f"{name}:0"
    backend = registry.active()
    if name not in (known := backend.list_devices()):
        raise ValueError(f"{backend.name} has no device {name!r}. Expected one of: {', '.join(known)}.")
    token = scopes.device_name.set(name)
    try:
        with backend.device_scope(name):
            yield
    finally:
        scopes.device_name.reset(token)
