"""What is in a file of a model, and how two files differ, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from triceras.core import objects
from triceras.core.errors import FileFormatError
from triceras.core.naming import to_snake_case
from triceras.saving.contents import Contents
from triceras.saving.legacy_configs import is_of_keras_2, modern_model
from triceras.saving.stored import StoredTensor

#: Class in a configuration -> what it is, where safe mode refuses it.
REFUSED = {
    "__lambda__": "a Python lambda, which is code",
    "TFSMLayer": "a TensorFlow SavedModel in another file, which is code",
}
#: An entry of a configuration whose text is the path of another file -> what that is.
_OTHER_FILES = {"vocabulary": "a vocabulary in another file"}
#: Entries of configurations that differ between files of one model.
_PASSED_OVER = {"shared_object_id"}


def description(contents: Contents) -> dict[str, Any]:
    """What a file holds: what it is, its layers, variables, totals, custom objects, and what safe mode would refuse."""
    config = _modern(contents)
    variables = [
        {"path": path, "shape": list(tensor.shape), "dtype": tensor.dtype, "bytes": tensor.nbytes}
        for path, tensor in contents.tensors.items()
    ]
    names = {name for _, name, _ in objects.unregistered(config)}
    return {
        "file": str(contents.path),
        "kind": contents.kind,
        "metadata": {name: value for name, value in contents.metadata.items() if isinstance(value, str)},
        "model": {"class": _of(config, "class_name"), "name": _of(_of(config, "config"), "name")},
        "layers": list(_layers(config, contents)),
        "variables": variables,
        "totals": {
            "variables": len(variables),
            "parameters": sum(tensor.size for tensor in contents.tensors.values()),
            "bytes": sum(tensor.nbytes for tensor in contents.tensors.values()),
        },
        "custom_objects": sorted(names),
        "refused": sorted(f"{what} ({name})" for name, what in _refused(config)),
    }


def _modern(contents: Contents) -> Any:
    """The configuration; that of an older version as this one has it, where it can be told."""
    if contents.config is None or not (contents.is_legacy or is_of_keras_2(contents.metadata)):
        return contents.config
    try:
        return _with_modules(modern_model(contents.config, str(contents.path)))
    except FileFormatError:
        return _with_modules(contents.config)


def _with_modules(value: Any) -> Any:
    """A configuration whose classes all have a module; old ones named only their own."""
    if isinstance(value, list):
        return [_with_modules(part) for part in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _with_modules(part) for key, part in value.items()}
    is_object = "config" in inner and not str(inner.get("class_name", "__")).startswith("__")
    return {"module": "builtins", **inner} if is_object else inner


def _of(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _layers(model: Any, contents: Contents, prefix: str = "", depth: int = 0) -> Iterator[dict[str, Any]]:
    """The layers of a model and of those inside it, outer ones first, with their numbers of parameters in the file."""
    counts: dict[str, int] = {}
    layers = _of(_of(model, "config"), "layers")
    for layer in layers if isinstance(layers, list) else ():
        kind, name = str(_of(layer, "class_name")), str(_of(layer, "name") or _of(_of(layer, "config"), "name"))
        key = to_snake_case(kind)
        counts[key] = counts.get(key, 0) + 1
        numbered = key if counts[key] == 1 else f"{key}_{counts[key] - 1}"
        place = f"{prefix}{name}/" if contents.is_legacy else f"{prefix}layers/{numbered}/"
        size = sum(tensor.size for path, tensor in contents.tensors.items() if path.startswith(place))
        yield {"depth": depth, "name": name, "class": kind, "parameters": size}
        yield from _layers(layer, contents, place, depth + 1)


def _refused(value: Any) -> set[tuple[str, str]]:
    """What safe mode would refuse in a configuration: the class, and what it is."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = set().union(*map(_refused, parts))
    found |= {(_of(value, key), what) for key, what in _OTHER_FILES.items() if isinstance(_of(value, key), str)}
    name = _of(value, "class_name")
    return found | {(name, REFUSED[name])} if isinstance(name, str) and name in REFUSED else found


# ---- two files ---------------------------------------------------------------------------------------------------------


def difference(one: Contents, other: Contents) -> dict[str, Any]:
    """How two files differ: in their configurations, where both have one, in names, shapes and dtypes, and in values.

    Returns:
        ``config`` and ``variables``, each a list of what differs; ``same``, whether both are empty.
    """
    have_both = one.config is not None and other.config is not None
    config = list(_config_difference(_modern(one), _modern(other))) if have_both else []
    variables = [
        found
        for path in dict.fromkeys((*one.tensors, *other.tensors))
        if (found := _tensor_difference(path, one.tensors, other.tensors)) is not None
    ]
    return {"same": not config and not variables, "config": config, "variables": variables}


def _config_difference(one: Any, other: Any, path: str = "") -> Iterator[dict[str, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            if key not in _PASSED_OVER:
                yield from _config_difference(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, (a, b) in enumerate(zip(one, other)):
            yield from _config_difference(a, b, f"{path}[{position}]")
    elif one != other:
        yield {"path": path, "first": one, "second": other}


def _tensor_difference(
    path: str, one: Mapping[str, StoredTensor], other: Mapping[str, StoredTensor]
) -> dict[str, Any] | None:
    a, b = one.get(path), other.get(path)
    if a is None or b is None or (a.shape, a.dtype) != (b.shape, b.dtype):
        texts = (None if tensor is None else f"{tensor.dtype} of shape {tensor.shape}" for tensor in (a, b))
        return dict(zip(("path", "first", "second"), (path, *texts)))
    x, y = (v.view(np.uint8) if v.dtype.type is np.void else v for v in (a.numpy(), b.numpy()))
    with np.errstate(invalid="ignore"):
        differs = (x != y) & ~((x != x) & (y != y))  # NaN in both is no difference
        if not differs.any():
            return None
        wide = np.complex128 if x.dtype.kind == "c" else np.float64
        largest = np.abs(x.astype(wide) - y.astype(wide))[differs].max()
    return {"path": path, "differing": int(differs.sum()), "of": int(x.size), "largest": f"{largest:.6g}"}
