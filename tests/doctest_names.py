"""What the examples in the docstrings may use beside the names of their own module."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

import triceras
from triceras import layers, losses, metrics, models, ops, optimizers, random


def names() -> dict[str, Any]:
    """Name -> object: the package's and its rooms' own, but for those that would hide a builtin, and ``np``."""
    rooms = (random, metrics, losses, optimizers, models, layers, ops, triceras)  # later ones win
    public = {name: value for room in rooms for name, value in vars(room).items() if not name.startswith("_")}
    return {name: value for name, value in public.items() if not hasattr(builtins, name)} | {"np": np}
