"""The tensorflow backend."""

from triceras.backends.tensorflow.backend import BACKEND

__all__ = ["BACKEND"]
