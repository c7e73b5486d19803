"""Models written for other runtimes."""

from triceras.export.archive import ExportArchive

__all__ = ["ExportArchive"]
