"""Models written for other runtimes."""

from triceras.core.errors import ExportError
from triceras.export.archive import ExportArchive

__all__ = ["ExportArchive", "ExportError"]
