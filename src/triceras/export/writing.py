"""Files of formats that hold one function each."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from triceras.saving import atomic


def write_each(archive: Any, path: pathlib.Path, suffix: str, write: Callable[[Any, pathlib.Path], None]) -> None:
    """One file for one endpoint; for several a folder with a file of each one's name."""
    endpoints = list(archive.endpoints.values())
    if len(endpoints) == 1:
        with atomic.replacing(path) as temporary:
            write(endpoints[0], temporary)
        return
    with atomic.replacing_folder(path) as folder:
        for endpoint in endpoints:
            write(endpoint, folder / f"{endpoint.name}{suffix}")
