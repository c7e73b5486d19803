"""Files of their own that layers keep in a model file, by ``save_assets(folder)`` and ``load_assets(folder)``."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

from triceras.saving.archive import ASSETS, ModelArchive
from triceras.saving.walk import walk


def assets_of(model: Any) -> dict[str, bytes]:
    """The files that the parts of a model write, by their names in the archive."""
    parts = [(path, part) for path, part in walk(model) if hasattr(part, "save_assets")]
    if not parts:
        return {}
    with tempfile.TemporaryDirectory(prefix="triceras-") as name:
        folder = pathlib.Path(name)
        for path, part in parts:
            (folder / path).mkdir(parents=True, exist_ok=True)
            part.save_assets(str(folder / path))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {ASSETS + file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def load_assets(archive: ModelArchive, model: Any) -> None:
    """Give each part of a model that has some the folder of its files."""
    parts = [(path, part) for path, part in walk(model) if hasattr(part, "load_assets")]
    if not parts:
        return
    with tempfile.TemporaryDirectory(prefix="triceras-") as name:
        folder = pathlib.Path(name)
        for inside, data in archive.assets():
            file = folder / inside
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        for path, part in parts:
            (folder / path).mkdir(parents=True, exist_ok=True)
            part.load_assets(str(folder / path))
