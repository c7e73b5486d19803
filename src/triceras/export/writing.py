"""Files and folders of exports, which take the place of nothing else."""

from __future__ import annotations

import contextlib
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from triceras.core.errors import ExportError
from triceras.saving import atomic


@contextlib.contextmanager
def replaced_folder(path: pathlib.Path, known: str) -> Iterator[pathlib.Path]:
    """A temporary folder that replaces one of an earlier export.

    Args:
        path: the folder.
        known: a regular expression of the names that a folder of the format has.

    Raises:
        ExportError: there is a file of that name, or a folder that holds something else.
    """
    if path.exists() and not path.is_dir():
        raise ExportError(f"{path} is a file, and a folder is to be written there. Choose another name or remove it.")
    others = [p.name for p in path.iterdir() if not re.fullmatch(known, p.name)] if path.exists() else []
    if others:
        raise ExportError(f"The folder {path} holds more than an export: {sorted(others)[:5]}. Choose another one.")
    with atomic.replacing_folder(path) as folder:
        yield folder


def write_each(archive: Any, path: pathlib.Path, suffix: str, write: Callable[[Any, pathlib.Path], None]) -> None:
    """One file for one endpoint; for several a folder with a file of each one's name."""
    endpoints = list(archive.endpoints.values())
    if len(endpoints) == 1:
        with atomic.replacing(path) as temporary:
            write(endpoints[0], temporary)
        return
    with replaced_folder(path, rf"\w+{re.escape(suffix)}") as folder:
        for endpoint in endpoints:
            write(endpoint, folder / f"{endpoint.name}{suffix}")
