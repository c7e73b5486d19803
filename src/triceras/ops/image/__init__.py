"""Ops over images."""

from triceras.ops.image.resize import resize

__all__ = ["resize"]
