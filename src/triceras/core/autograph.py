"""What TensorFlow's AutoGraph leaves alone.

AutoGraph rewrites the Python code of all that a ``tf.function`` calls, which takes long, warns of syntax it doesn't know and
finds nothing to do in code that is written for graphs. It passes by what has an attribute of its own (TensorFlow 2.21).
"""

from __future__ import annotations

import inspect
from typing import TypeVar

_T = TypeVar("_T")


def left_alone(x: _T) -> _T:
    """A function, or a class with its methods and the calls of its objects, that runs as it is written.

    What a subclass defines is that subclass's own: a user's may hold what AutoGraph is for.
    """
    methods = filter(inspect.isfunction, vars(x).values()) if isinstance(x, type) else ()
    for marked in (x, *methods):
        marked.autograph_info__ = {}  # type: ignore[attr-defined]
    return x
