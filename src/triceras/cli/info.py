"""Show versions, backends, their devices, and the formats that models can be exported to here.

examples:
  triceras info
  TRICERAS_BACKEND=torch triceras info --json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from typing import Any

import triceras
from triceras.backends import registry
from triceras.cli.inspection import print_lines, print_table
from triceras.core import settings
from triceras.export.formats import FORMATS

ARGUMENTS = {"--json": {"action": "store_true", "help": "print JSON"}}


def run(given: argparse.Namespace) -> int:
    """Run ``triceras info``."""
    installed = registry.available_backends()
    choices: dict[str, Any] = {name: os.environ.get(name) for name in ("TRICERAS_BACKEND", "KERAS_BACKEND")}
    choices |= {"triceras.json or keras.json": settings.values.user_backend, "the first one installed": installed[0]}
    reason, active = next(choice for choice in choices.items() if choice[1])
    backends = {name: _backend(name) for name in dict.fromkeys([*registry.FRAMEWORKS, *installed, active])}
    formats = {
        n: {"backend": f.backend, "lacks": backends[f.backend]["error"] or _lacks(n)} for n, f in FORMATS.items()
    }
    found: dict[str, Any] = {
        "versions": {"triceras": triceras.__version__, "python": platform.python_version()},
        "platform": platform.platform(),
        "active": {"name": active, "reason": reason},
        "backends": backends,
        "formats": formats,
    }
    if given.json:
        print(json.dumps(found))
        return 0
    print_lines("triceras {triceras}, Python {python}, ".format(**found["versions"]) + found["platform"])
    print_lines(f"active backend: {active} ({reason})")
    rows = [[n, b["version"] or "", b["error"] or ", ".join(b["devices"])] for n, b in backends.items()]
    print_table(("backend", "version", "devices"), rows)
    rows = [[n, one["backend"], one["lacks"] or ""] for n, one in formats.items()]
    print_table(("export to", "through", "lacks"), rows)
    return 0


def _backend(name: str) -> dict[str, Any]:
    try:
        devices = registry.get_backend(name).list_devices()
    except Exception as error:  # noqa: BLE001 - a framework that is broken is what this command is asked about
        return {"version": None, "devices": [], "error": str(error)}
    package = sys.modules.get(registry.FRAMEWORKS.get(name, (name,))[0])
    return {"version": getattr(package, "__version__", None), "devices": devices, "error": None}


def _lacks(name: str) -> str | None:
    """What a format needs that isn't here, and how to install it."""
    try:
        FORMATS[name].check_installed(name)
    except ImportError as error:
        return str(error)
    missing = name == "tfjs" and shutil.which("tensorflowjs_converter") is None
    return "the program tensorflowjs_converter: pip install tensorflowjs" if missing else None
