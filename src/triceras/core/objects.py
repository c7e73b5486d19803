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

from triceras.core import dtypes, settings
from triceras.core.errors import FileFormatError, UnsafeFileError

#: (room, class name) -> class or function.
_builtin: dict[tuple[str, str], Any] = {}
_room_of: dict[Any, str] = {}
_custom: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}
_scoped: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default=MappingProxyType({}))
#: Codecs of values, some of which other rooms own: class name -> decoder, and (test, encoder).
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


def register_builtin(room: str, objects: Iterable[Any], **aliases: Any) -> None:
    """Let classes and functions be named in files under ``keras.<room>``; those of ``aliases`` by other names besides."""
    _builtin.update({(room, name): value for name, value in aliases.items()})
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


def custom_objects_in_scope() -> Mapping[str, Any]:
    """The custom objects of the scopes that are open, those of the load that is going on among them."""
    return _scoped.get()


def _class_itself(value: Any) -> Any:
    """The class a user wrote, for one that a backend's mixin or a base of functional models was added to."""
    if not inspect.isclass(value):
        return value
    value = value.__dict__.get("_origin", value)
    return value.__dict__.get("_user_class", value)


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
        "module": _MODULES.get(cls.__name__, f"keras.{room}") if room else cls.__module__,
        "class_name": name_in_files(cls),
        "config": {key: _as_config(value) for key, value in obj.get_config().items()},
        "registered_name": get_registered_name(cls) if not room or cls.__name__ == "Functional" else None,
    }
    if getattr(obj, "built", False) and hasattr(obj, "get_build_config"):
        build_config = obj.get_build_config()
        if build_config is not None:
            config["build_config"] = serialize_shapes(build_config)
    if hasattr(obj, "get_compile_config"):
        config["compile_config"] = (getattr(obj, "compiled", False) and obj.get_compile_config()) or {}
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

#: Whether the caller of the load that is going on vouches for the file; None where nothing is being loaded.
_trusted: ContextVar[bool | None] = ContextVar("trusted", default=None)


class UnknownObjectError(FileFormatError):
    """A file names classes or functions that nobody registered."""


def require_trust(what: str) -> None:
    """Refuse something that could do harm, where it comes from a file that the caller doesn't vouch for.

    Args:
        what: names it, as "a Python lambda, which is code".

    Raises:
        UnsafeFileError: a file is being read in safe mode.
    """
    if _trusted.get() is False and not settings.values.unsafe_deserialization:
        raise UnsafeFileError(
            f"The file holds {what}: that is refused in safe mode. If you trust who made the file, pass safe_mode=False."
        )


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """A value from ``serialize_keras_object``'s result.

    Args:
        config: what JSON held.
        custom_objects: name -> class or function; they go before registered ones, and those before built-in ones.
        safe_mode: whether code, other files and addresses in it are refused. Inside of a call that trusts its file, it does.

    Raises:
        UnknownObjectError: it names classes or functions that aren't registered; all of them are listed.
        UnsafeFileError: it holds what is refused in safe mode.
    """
    is_outermost = _trusted.get() is None
    token = _trusted.set(not safe_mode or _trusted.get() is True)
    try:
        with CustomObjectScope(custom_objects or {}):
            return _decode(config)
    except UnknownObjectError as error:
        if is_outermost:
            with CustomObjectScope(custom_objects or {}):
                raise _all_unknown(config, error) from error
        raise
    finally:
        _trusted.reset(token)


def _decode(config: Any) -> Any:
    if config is None or isinstance(config, bool | int | float):
        return config
    if isinstance(config, str):
        return config if (found := get_registered_object(config)) is None else found
    if isinstance(config, list | tuple):
        return [_decode(x) for x in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _decode(value) for key, value in config.items()}
    return _decode_tagged(config)


def _decode_tagged(config: dict[str, Any]) -> Any:
    name, inner = config["class_name"], config["config"]
    decoder = DECODERS.get(name)
    if decoder is not None:
        try:
            return decoder(inner)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise FileFormatError(
                f"A value tagged {name!r} can't be made of {_shortened(inner)}: {error!r}."
            ) from error
    if name == "function":
        return find_object(config.get("module"), inner)
    cls = find_object(config.get("module"), name, config.get("registered_name"))
    if not hasattr(cls, "from_config"):
        raise FileFormatError(f"{name!r} in the file names {cls!r}, which has no from_config().")
    obj = _from_config(cls, inner)
    _restore_build(obj, config)
    if config.get("compile_config") and hasattr(obj, "compile_from_config"):
        obj.compile_from_config(config["compile_config"])
    return obj


def _decode_array(config: Any) -> np.ndarray:
    """An array of numbers; the size of any other dtype could be anything."""
    return np.array(config["value"], dtype=dtypes.numpy_dtype(dtypes.standardize_dtype(config["dtype"])))


DECODERS |= {
    "__tuple__": lambda config: tuple(_decode(x) for x in config["value"]),
    "__slice__": lambda config: slice(*(_decode(config[part]) for part in ("start", "stop", "step"))),
    "__bytes__": lambda config: config["value"].encode(),
    "__numpy__": _decode_array,
    "__ellipsis__": lambda config: Ellipsis,
}


def _from_config(cls: Any, inner: Any) -> Any:
    try:
        if "safe_mode" in inspect.signature(cls.from_config).parameters:
            return cls.from_config(inner, safe_mode=not _trusted.get())
        return cls.from_config(inner)
    except TypeError as error:
        raise TypeError(f"{cls.__name__} could not be made from its config {_shortened(inner)}: {error}") from error


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 500 else f"{text[:500]} …"


def _restore_build(obj: Any, config: dict[str, Any]) -> None:
    build_config = config.get("build_config")
    if build_config and not getattr(obj, "built", True) and hasattr(obj, "build_from_config"):
        obj.build_from_config(build_config)
        obj.built = True


def get_builtin(room: str, name: str) -> Any:
    """The class or function of a room that files call by a name, or None."""
    return _builtin.get((room, name))


def find_object(module: str | None, name: str, registered_name: str | None = None) -> Any:
    """The class or function a file means: among what the caller passes, registered ones, and built-in ones, in this order.

    Raises:
        UnknownObjectError: nothing of that name is registered.
    """
    found = _found(module, name, registered_name)
    if found is None:
        raise UnknownObjectError(_unknown([(module, name, registered_name)]))
    return found


def _found(module: Any, name: Any, registered_name: Any) -> Any:
    if not isinstance(name, str) or not isinstance(module, str | None) or not isinstance(registered_name, str | None):
        raise FileFormatError(f"A class or function in the file is named {name!r} of module {module!r}: no strings.")
    for candidate in (registered_name, name):
        if candidate is not None and (found := get_registered_object(candidate)) is not None:
            return found
    room = room_of_module(module)
    if room is not None and (room, name) in _builtin:
        return _builtin[room, name]
    if module == "builtins" or room == "":
        return next((value for (_, known), value in _builtin.items() if known == name), None)
    return None


def _unknown(names: list[tuple[str | None, str, str | None]]) -> str:
    listed = ", ".join(f"{name!r} of module {module!r}" for module, name, _ in names)
    passed = ", ".join(f"{name!r}: ..." for _, name, _ in names)
    return (
        f"The file names {listed}, which {'is' if len(names) == 1 else 'are'}n't registered. Pass "
        f"custom_objects={{{passed}}}, or register "
        f"{'it' if len(names) == 1 else 'them'} with @triceras.saving.register_keras_serializable()."
    )


def unregistered(config: Any) -> list[tuple[str | None, str, str | None]]:
    """The classes and functions that a configuration names and nobody registered: module, name and registered name of each.

    Example:
        >>> unregistered({"module": "mine", "class_name": "Scale", "config": {}, "registered_name": "mine>Scale"})
        [('mine', 'Scale', 'mine>Scale')]
    """
    missing: dict[Any, None] = {}

    def look(value: Any) -> None:
        if isinstance(value, list):
            for part in value:
                look(part)
        elif isinstance(value, dict):
            name, inner = value.get("class_name"), value.get("config")
            if isinstance(name, str) and "config" in value and name not in DECODERS and "module" in value:
                is_function = name == "function" and isinstance(inner, str)
                wanted = (value["module"], *((inner, None) if is_function else (name, value.get("registered_name"))))
                if not _is_op_entry(value) and _found(*wanted) is None:
                    missing[wanted] = None
            for part in value.values():
                look(part)

    look(config)
    return list(missing)


def _all_unknown(config: Any, error: UnknownObjectError) -> UnknownObjectError:
    """An error that lists every class and function that a configuration names and nobody registered."""
    missing = unregistered(config)
    return UnknownObjectError(_unknown(missing)) if missing else error


def _is_op_entry(entry: dict[str, Any]) -> bool:
    """Whether an entry of a functional model is the call of an op, whose names are those of ``ops``."""
    return room_of_module(entry["module"]) == "ops"


def room_of_module(module: str | None) -> str | None:
    """``layers`` for ``keras.layers`` and ``keras.src.layers.core.dense``; None for modules that aren't ours."""
    parts = (module or "").split(".")
    if parts[0] not in ("keras", "triceras", "tf_keras"):
        return None
    parts = [p for p in parts[1:] if p != "src"]
    if parts[:1] == ["backend"] and "optimizers" in parts:
        return "optimizers"  # torch's own, up to Keras 3.13
    return parts[0] if parts else ""
