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
