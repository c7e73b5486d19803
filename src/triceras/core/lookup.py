"""``get``, ``serialize`` and ``deserialize`` of a room, from the table of its names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from triceras.core import objects


def get(identifier: Any, kind: str, table: Mapping[str, Any], base: type | None = None) -> Any:
    """An object of a room from its name, its config, its class, itself, or None.

    Args:
        identifier: what to resolve.
        kind: what the room's objects are called, for errors.
        table: name -> class or function.
        base: the class of its instances; strings name classes to be made with no arguments.

    Raises:
        ValueError: no object is meant.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        name = identifier.get("class_name")
        known: Any = table.get(name) if isinstance(name, str) and not identifier.get("module") else None
        if isinstance(known, type) and objects.get_registered_object(str(name)) is None:
            # A short config without a module means a class of this room; other rooms have classes of the same name.
            return known.from_config(identifier.get("config", {}))  # pyright: ignore[reportAttributeAccessIssue]
        return objects.deserialize_keras_object(identifier)
    if isinstance(identifier, str):
        found = objects.get_registered_object(identifier)
        found = table.get(identifier) if found is None else found
        if found is None:
            names = ", ".join(sorted(name for name in table if name == name.lower()))
            raise ValueError(f"Unknown {kind}: {identifier!r}. Expected an instance, a callable or one of: {names}.")
        return found() if inspect.isclass(found) else found
    if inspect.isclass(identifier):
        return identifier()
    if callable(identifier) or (base is not None and isinstance(identifier, base)):
        return identifier
    raise ValueError(f"Can't make a {kind} of {identifier!r}. Expected an instance, a callable, a name or a config.")


def deserialize(config: Any, custom_objects: dict[str, Any] | None, kind: str, table: Mapping[str, Any]) -> Any:
    """An object of a room from its config; a plain string is a name."""
    with objects.CustomObjectScope(custom_objects or {}):
        return get(config, kind, table)
