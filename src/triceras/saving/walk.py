"""Where in a file the state of each part of a model stands: by attribute, and in containers by class.

The rules are those of Keras 3's files. An object's attributes are walked in order of their names, public ones first. A layer
found under an attribute has a group of that name; in a list or dictionary it is named after its class, with a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from triceras.core.internal import INTERNAL
from triceras.core.naming import to_snake_case


def is_saveable(value: Any) -> bool:
    """Whether a value has state of its own to be saved."""
    return hasattr(type(value), "save_own_variables")


def children(obj: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that may hold saveable parts, each under the name it has in files, in the files' order."""
    names_in_files = getattr(type(obj), "_names_in_files", {})
    found = {
        names_in_files.get(k, k): v for k, v in vars(obj).items() if k not in INTERNAL and not k.startswith("_self_")
    }
    found.pop(None, None)
    if isinstance(getattr(type(obj), "layers", None), property):
        found["layers"] = file_layers(obj)
    optimizer = getattr(obj, "optimizer", None)
    if optimizer is not None and optimizer.built:
        found["optimizer"] = optimizer
    yield from sorted(found.items(), key=lambda item: (item[0].startswith("_"), item[0]))


def file_layers(model: Any) -> list[Any]:
    """A model's layers in the order in which files number them."""
    return list(model.layers)


def walk(obj: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Every saveable part of an object with its path, the object itself first; each part once."""
    seen = set() if seen is None else seen
    seen.add(id(obj))
    yield path, obj
    for name, value in children(obj):
        inner = f"{path}/{name}" if path else name
        if is_saveable(value):
            if id(value) not in seen:
                yield from walk(value, inner, seen)
        elif isinstance(value, list | tuple | dict):
            yield from _walk_container(value, inner, seen)


def _walk_container(container: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    counts: dict[str, int] = {}
    for value in container.values() if isinstance(container, dict) else container:
        is_container = isinstance(value, list | tuple | dict)
        if not is_container and not is_saveable(value):
            continue
        name = "container" if is_container else to_snake_case(type(value).__name__)
        counts[name] = counts.get(name, 0) + 1
        inner = f"{path}/{name}" if counts[name] == 1 else f"{path}/{name}_{counts[name] - 1}"
        if is_container:
            yield from _walk_container(value, inner, seen)
        elif id(value) not in seen:
            yield from walk(value, inner, seen)
