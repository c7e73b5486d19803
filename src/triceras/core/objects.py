"""Objects as JSON and back. Nothing in a file names code: a class is looked up among those registered, never imported.

Built-in classes are registered by room (``"layers"``, ``"losses"`` …) under the name that Keras 3 gives them; custom ones by
``register_keras_serializable``, a ``CustomObjectScope`` or the ``custom_objects`` of one call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np

#: (room, class name) -> class or function.
_builtin: dict[tuple[str, str], Any] = {}
_room_of: dict[Any, str] = {}
_custom: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}
_scoped: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default=MappingProxyType({}))
#: Codecs of values that other rooms own: class name -> decoder, and (test, encoder).
DECODERS: dict[str, Callable[[Any], Any]] = {}
ENCODERS: list[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = []


#: Classes that files name in another module than ``keras.<room>``.
_MODULES = {
    "Sequential": "keras",
    "Functional": "keras.src.models.functional",
    "InputSpec": "keras",
    "DTypePolicy": "keras",
}


# ---- registration ----------------------------------------------------------------------------------------------------


def register_builtin(room: str, objects: Iterable[Any]) -> None:
    """Let classes and functions be named in files under ``keras.<room>``."""
    for value in objects:
        _builtin[room, value.__name__] = _builtin[room, name_in_files(value)] = value
        _room_of.setdefault(value, room)


def name_in_files(value: Any) -> str:
    """What files call a class or function: its own name, or that under which a class of its own says it is public."""
    return getattr(value, "__dict__", {}).get("_public_name", value.__name__)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Let a class or function be named in model files.

    Args:
        package: what it belongs to.
        name: its name there; its own by default.

    Returns:
        A decorator that returns the class or function itself.

    Raises:
        ValueError: a class without ``get_config``.

    Example:
        >>> @register_keras_serializable("docs")
        ... def double(x):
        ...     return x * 2
        >>> get_registered_name(double)
        'docs>double'
    """

    def decorate(value: Any) -> Any:
        if inspect.isclass(value) and not hasattr(value, "get_config"):
            raise ValueError(f"{value.__name__} can't be registered: it has no get_config().")
        registered = f"{package}>{name or value.__name__}"
        _custom[registered] = value
        _custom_names[value] = registered
        return value

    return decorate


def get_registered_name(obj: Any) -> str:
    """The name a class or function is registered under, its own where it isn't."""
    return _custom_names.get(_class_itself(obj), getattr(obj, "__name__", str(obj)))


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The class or function of a name, or None."""
    for known in (custom_objects or {}, _scoped.get(), _custom, module_objects or {}):
        if name in known:
            return known[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The custom objects of this process, a dictionary that may be changed."""
    return _custom


class CustomObjectScope:
    """Let names stand for custom objects inside.

    Args:
        custom_objects: name -> class or function.

    Example:
        >>> with CustomObjectScope({"double": lambda x: x * 2}):
        ...     get_registered_object("double")(2)
        4
    """

    def __init__(self, custom_objects: dict[str, Any]) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Any] = []

    def __enter__(self) -> CustomObjectScope:
        self._tokens.append(_scoped.set({**_scoped.get(), **self.custom_objects}))
        return self

    def __exit__(self, *error: object) -> None:
        _scoped.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope


def _class_itself(value: Any) -> Any:
    """The class a user wrote, for one that a backend's mixin was added to."""
    return value.__dict__.get("_origin", value) if inspect.isclass(value) else value


# ---- to JSON ---------------------------------------------------------------------------------------------------------


def serialize_keras_object(obj: Any) -> Any:
    """A value as what JSON holds: numbers, strings, lists, dictionaries.

    Example:
        >>> serialize_keras_object((1, None))
        {'class_name': '__tuple__', 'config': {'value': [1, None]}}
    """
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj if not isinstance(obj, np.floating) else float(obj)
    if isinstance(obj, bytes):
        return _tagged("__bytes__", obj.decode())
    if isinstance(obj, tuple):
        return _tagged("__tuple__", [serialize_keras_object(x) for x in obj])
    if isinstance(obj, list):
        return [serialize_keras_object(x) for x in obj]
    if isinstance(obj, dict):
        return {str(key): serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, slice):
        parts = {key: serialize_keras_object(getattr(obj, key)) for key in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    for is_one, encode in ENCODERS:
        if is_one(obj):
            return encode(obj)
    if inspect.isfunction(obj) or inspect.isbuiltin(obj):
        return _serialize_function(obj)
    if hasattr(obj, "get_config"):
        return _serialize_instance(obj)
    if hasattr(obj, "name") and type(obj).__name__ == "DType":
        return obj.name
    raise TypeError(f"{obj!r} of type {type(obj).__name__} can't be written to a file: it has no get_config().")


def _tagged(tag: str, value: Any) -> dict[str, Any]:
    return {"class_name": tag, "config": {"value": value}}


def _serialize_function(function: Any) -> Any:
    if function.__name__ == "<lambda>":
        raise ValueError(
            "A lambda can't be written to a file, whose contents are never code. Define a named function and register it "
            "with @triceras.saving.register_keras_serializable()."
        )
    return {
        "module": "builtins",
        "class_name": "function",
        "config": get_registered_name(function),
        "registered_name": "function",
    }


def _serialize_instance(obj: Any) -> dict[str, Any]:
    cls = _class_itself(type(obj))
    room = _room_of.get(cls)
    config = {
        "module": _MODULES.get(cls.__name__, f"keras.{room}") if room else None,
        "class_name": name_in_files(cls),
        "config": {key: _as_config(value) for key, value in obj.get_config().items()},
        "registered_name": get_registered_name(cls) if not room or cls.__name__ == "Functional" else None,
    }
    if getattr(obj, "built", False) and hasattr(obj, "get_build_config"):
        build_config = obj.get_build_config()
        if build_config is not None:
            config["build_config"] = serialize_shapes(build_config)
    if getattr(obj, "compiled", False) and hasattr(obj, "get_compile_config"):
        compile_config = obj.get_compile_config()
        if compile_config is not None:
            config["compile_config"] = compile_config
    return config


def _as_config(value: Any) -> Any:
    """A value inside a configuration, where tuples are lists."""
    if isinstance(value, list | tuple):
        return [_as_config(v) for v in value]
    if isinstance(value, dict):
        return {str(key): _as_config(v) for key, v in value.items()}
    return serialize_keras_object(value)


def serialize_shapes(value: Any) -> Any:
    """Shapes as lists, which is how build configs hold them."""
    if isinstance(value, dict):
        return {key: serialize_shapes(v) for key, v in value.items()}
    return [serialize_shapes(v) for v in value] if isinstance(value, list | tuple) else value


# ---- from JSON -------------------------------------------------------------------------------------------------------

_PLAIN_DECODERS: dict[str, Callable[[Any], Any]] = {
    "__bytes__": lambda config: config["value"].encode(),
    "__numpy__": lambda config: np.array(config["value"], dtype=config["dtype"]),
    "__ellipsis__": lambda config: Ellipsis,
}


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """A value from ``serialize_keras_object``'s result.

    Args:
        config: what JSON held.
        custom_objects: name -> class or function, before those registered.
        safe_mode: whether code in the file is refused.

    Raises:
        ValueError: it names a class or function that isn't registered.
    """
    if custom_objects:
        with CustomObjectScope(custom_objects):
            return deserialize_keras_object(config, None, safe_mode, **kwargs)
    if config is None or isinstance(config, bool | int | float):
        return config
    if isinstance(config, str):
        return config if (found := get_registered_object(config)) is None else found
    if isinstance(config, list | tuple):
        return [deserialize_keras_object(x, None, safe_mode) for x in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: deserialize_keras_object(value, None, safe_mode) for key, value in config.items()}
    return _deserialize_tagged(config, safe_mode)


def _deserialize_tagged(config: dict[str, Any], safe_mode: bool) -> Any:
    name, inner = config["class_name"], config["config"]
    if name == "__tuple__":
        return tuple(deserialize_keras_object(x, None, safe_mode) for x in inner["value"])
    if name == "__slice__":
        parts = deserialize_keras_object(inner, None, safe_mode)
        return slice(parts["start"], parts["stop"], parts["step"])
    if name == "__lambda__":
        raise ValueError(
            "The file holds a Python lambda, which is code, and code in files is never run. Load with "
            "custom_objects={name: function}, or save the model again with a registered function."
        )
    decoder = _PLAIN_DECODERS.get(name) or DECODERS.get(name)
    if decoder is not None:
        return decoder(inner)
    if name == "function":
        return find_object(config.get("module"), inner)
    cls = find_object(config.get("module"), name, config.get("registered_name"))
    if not hasattr(cls, "from_config"):
        raise ValueError(f"{name!r} in the file names {cls!r}, which has no from_config().")
    obj = _from_config(cls, inner, safe_mode)
    _restore_build(obj, config)
    if config.get("compile_config") and hasattr(obj, "compile_from_config"):
        obj.compile_from_config(config["compile_config"])
    return obj


def _from_config(cls: Any, inner: Any, safe_mode: bool) -> Any:
    try:
        if "safe_mode" in inspect.signature(cls.from_config).parameters:
            return cls.from_config(inner, safe_mode=safe_mode)
        return cls.from_config(inner)
    except TypeError as error:
        raise TypeError(f"{cls.__name__} could not be made from its config {inner}: {error}") from error


def _restore_build(obj: Any, config: dict[str, Any]) -> None:
    build_config = config.get("build_config")
    if build_config and not getattr(obj, "built", True) and hasattr(obj, "build_from_config"):
        obj.build_from_config(build_config)
        obj.built = True


def find_object(module: str | None, name: str, registered_name: str | None = None) -> Any:
    """The class or function a file means.

    Raises:
        ValueError: nothing of that name is registered.
    """
    for candidate in (registered_name, name):
        if candidate is not None and (found := get_registered_object(candidate)) is not None:
            return found
    room = room_of_module(module)
    if room is not None and (room, name) in _builtin:
        return _builtin[room, name]
    if module == "builtins" or room == "":
        for (_, known), value in _builtin.items():
            if known == name:
                return value
    raise ValueError(
        f"The file names {name!r} of module {module!r}, which isn't registered. Pass "
        f"custom_objects={{{name!r}: ...}}, or register it with @triceras.saving.register_keras_serializable()."
    )


def room_of_module(module: str | None) -> str | None:
    """``layers`` for ``keras.layers`` and ``keras.src.layers.core.dense``; None for modules that aren't ours."""
    parts = (module or "").split(".")
    if parts[0] not in ("keras", "triceras", "tf_keras"):
        return None
    parts = [p for p in parts[1:] if p != "src"]
    return parts[0] if parts else ""
