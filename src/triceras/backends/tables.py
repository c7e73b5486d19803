"""How a backend's op bodies are gathered: one module a family, each with a ``TABLE`` of op name -> body."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

#: The families, named alike in every backend's folder.
FAMILIES = tuple(
    (
        "elementwise creation reduce shape indexing linalg decompositions nn normalization "
        "attention recurrent convolution fourier image control random"
    ).split()
)


def gather(package: str) -> dict[str, Callable[..., Any]]:
    """The tables of all families that a backend's package has, merged.

    Raises:
        ValueError: two families define one op.
    """
    table: dict[str, Callable[..., Any]] = {}
    for family in FAMILIES:
        if importlib.util.find_spec(f"{package}.{family}") is None:
            continue
        bodies = importlib.import_module(f"{package}.{family}").TABLE
        if twice := table.keys() & bodies.keys():
            raise ValueError(f"{package}: {sorted(twice)} stand in two families.")
        table |= bodies
    return table
