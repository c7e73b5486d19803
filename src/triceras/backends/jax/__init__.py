"""The jax backend."""

from triceras.backends.jax.backend import BACKEND

__all__ = ["BACKEND"]
