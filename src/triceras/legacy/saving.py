"""Objects as the short dictionaries of Keras 2, which name a class and nothing else, and back."""

from __future__ import annotations

import inspect
from typing import Any

from triceras.core import objects


def serialize_keras_object(instance: Any) -> Any:
    """An object as its class name and configuration; a function as its name.

    Args:
        instance: an object with ``get_config``, a function, or None.

    Raises:
        ValueError: it is none of these.

    Example:
        >>> from triceras.activations import relu
        >>> serialize_keras_object(relu)
        'relu'
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        full = objects.serialize_keras_object(instance)
        return {"class_name": full["registered_name"] or full["class_name"], "config": full["config"]}
    if hasattr(instance, "__name__"):
        return objects.get_registered_name(instance)
    raise ValueError(f"{instance!r} can't be serialized: it has no get_config(), and isn't a function.")


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """An object from ``serialize_keras_object``'s result; the names of classes are instances with their defaults.

    Args:
        identifier: a dictionary with ``class_name`` and ``config``, a name, or something that is an object already.
        module_objects: name -> class or function.
        custom_objects: the same; they go before registered ones, and those before ``module_objects``.
        printable_module_name: what errors call the object.

    Raises:
        ValueError: it names nothing known.

    Example:
        >>> from triceras.initializers import Constant
        >>> deserialize_keras_object({"class_name": "Constant", "config": {"value": 2.0}}, {"Constant": Constant}).value
        2.0
    """
    if identifier is None or callable(identifier):
        return identifier
    if not isinstance(identifier, str | dict):
        raise ValueError(f"{identifier!r} means no {printable_module_name}: expected a name or a dictionary.")
    is_name = isinstance(identifier, str)
    if not is_name and not {"class_name", "config"} <= set(identifier):
        raise ValueError(f"{identifier!r} means no {printable_module_name}: it has no class_name or no config.")
    name = identifier if is_name else identifier["class_name"]
    found = objects.get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {printable_module_name}: {name!r}. Pass custom_objects={{{name!r}: ...}}, or register it with "
            "@triceras.saving.register_keras_serializable()."
        )
    if is_name:
        return found() if inspect.isclass(found) else found
    with objects.CustomObjectScope(custom_objects or {}):
        return (
            found.from_config(identifier["config"]) if hasattr(found, "from_config") else found(**identifier["config"])
        )
