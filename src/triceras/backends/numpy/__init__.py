"""The numpy backend."""

from triceras.backends.numpy.backend import BACKEND

__all__ = ["BACKEND"]
