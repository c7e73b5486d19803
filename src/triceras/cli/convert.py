"""Write a model for another runtime, or as another kind of model file.

examples:
  triceras convert model.keras --to onnx
  triceras convert model.keras -o model.tflite
  triceras convert old.h5 -o new.keras
  triceras convert model.keras --to tf_saved_model -o served/1
  triceras convert model.keras -o model.onnx --import project.layers
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import sys
from typing import Any

from triceras.backends import registry
from triceras.export.formats import FORMATS
from triceras.saving import load_model

#: What a model can become -> what its name ends in; the name of a folder has no ending.
_SUFFIXES = {"keras": ".keras", "weights.h5": ".weights.h5", "h5": ".h5", "safetensors": ".safetensors"}
_SUFFIXES |= {kind: found.suffix for kind, found in FORMATS.items()}
_IMPORTED = "import a module, as 'project.layers', that registers the model's own classes; may be given several times"
#: The arguments of commands that take a model.
MODEL: dict[str, dict[str, Any]] = {
    "model": {"type": pathlib.Path, "help": "a .keras or .h5 file of any Keras, or an Orbax checkpoint"},
    "--backend": {"metavar": "NAME", "help": "the backend to load it on"},
    "--import": {"action": "append", "default": [], "dest": "modules", "metavar": "MODULE", "help": _IMPORTED},
    "--trust": {"action": "store_true", "help": "run code in the file; only if you trust who made it"},
}
_KNOWN = f"one of {', '.join(_SUFFIXES)}; by default what OUT ends in"
ARGUMENTS = MODEL | {
    "--to": {"choices": list(_SUFFIXES), "metavar": "FORMAT", "help": _KNOWN},
    "-o --output": {"type": pathlib.Path, "metavar": "OUT", "help": "what to write, by default beside the model"},
}


def load(given: argparse.Namespace, backend: str | None = None, compile: bool = False) -> Any:
    """The model that a command was given; on the active backend unless the command or its arguments name one."""
    if not given.model.exists():  # said before a framework is loaded
        raise FileNotFoundError(f"There is no file {given.model}.")
    if given.modules and "" not in sys.path:
        sys.path.insert(0, "")  # the current folder, as Python itself has it and an installed command doesn't
    for name in given.modules:
        importlib.import_module(name)
    with registry.backend_scope(given.backend or backend or registry.active()):
        return load_model(given.model, compile=compile, safe_mode=not given.trust)


def run(given: argparse.Namespace) -> int:
    """Run ``triceras convert``."""
    name = str(given.output or "")
    kind = given.to or next((kind for kind, suffix in _SUFFIXES.items() if suffix and name.endswith(suffix)), None)
    if kind is None:
        raise ValueError(f"Into what? Pass --to, one of {', '.join(_SUFFIXES)}; or -o with an ending, as 'model.onnx'.")
    suffix = _SUFFIXES[kind]
    path = given.output or given.model.with_name(given.model.stem + (suffix or f"_{kind}"))
    if not path.name.endswith(suffix):
        raise ValueError(f"The name of what is written as {kind} ends in {suffix!r}, received {str(path)!r}.")
    if path.is_dir() or (path.exists() and not suffix):
        raise FileExistsError(f"{path} exists, and only files are replaced by files: name another one with -o.")
    if kind in FORMATS:
        FORMATS[kind].check_installed(kind)  # said before a framework is loaded
        load(given, FORMATS[kind].backend).export(path, format=kind, verbose=False)
    elif kind in ("keras", "h5"):
        load(given, compile=True).save(path)
    else:
        load(given).save_weights(path)
    print(f"Saved {kind} to {path}.")
    return 0
