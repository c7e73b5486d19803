"""What TensorFlow's AutoGraph leaves alone.

AutoGraph rewrites the Python code of all that a ``tf.function`` calls, which takes long, warns of syntax it doesn't know and
finds nothing to do in code that is written for graphs. It passes by what has an attribute of its own (TensorFlow 2.21).
"""

from __future__ import annotations

from typing import Any, TypeVar

_T = TypeVar("_T")


def left_alone(x: _T) -> _T:
    """A function, or a class whose objects are called, that runs as it is written."""
    marked: Any = x
    marked.autograph_info__ = {}
    return x
