"""Errors that more than one room raises."""

from __future__ import annotations


class BackendError(Exception):
    """Something about the choice of backend is wrong."""


class MissingBackendError(BackendError, ImportError):
    """A backend was asked for whose framework isn't installed."""


class MixedBackendsError(BackendError, TypeError):
    """Tensors of two frameworks met in one call."""


class UnsupportedError(BackendError, NotImplementedError):
    """The backend doesn't provide what was asked of it."""


class OpError(ValueError):
    """An op was called with arguments that it can't take: shapes that don't fit, an axis or a dtype it doesn't have."""


class SparseError(UnsupportedError):
    """An op was given a sparse tensor that it can't take without making it dense."""


class FileFormatError(ValueError):
    """A file isn't what its name says, is damaged, or doesn't fit what it is read into."""


class UnsafeFileError(FileFormatError):
    """A file holds or asks for what no model file may: code, other files, or more memory than its size warrants."""


class ExportError(ValueError):
    """A model can't be written for another runtime as it was asked for."""
