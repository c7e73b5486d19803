"""The torch backend."""

from triceras.backends.torch.backend import BACKEND

__all__ = ["BACKEND"]
