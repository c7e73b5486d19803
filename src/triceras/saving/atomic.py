"""Files that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def replacing(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path beside a target, which it replaces when the block ends without an error.

    The data is on the disk before the name is: a crash leaves the old file or the new one.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        temporary.chmod(mode)
        temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write(target: pathlib.Path, chunks: Iterator[Any]) -> None:
    """Write the bytes of a file, one after the other."""
    with replacing(target) as temporary, temporary.open("wb") as file:
        file.writelines(chunks)


@contextlib.contextmanager
def replacing_folder(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary folder beside a target, which it replaces when the block ends without an error.

    What was there steps aside for a moment, under a name that begins with a dot, as no system swaps two folders in one step.
    """
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    aside = temporary.with_suffix(".old")
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())
        temporary.chmod(0o777 & ~_umask())
        if target.exists():
            target.replace(aside)
        temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        if aside.exists() and not target.exists():
            aside.replace(target)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: pathlib.Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
