"""Names: automatic, unique within a session, and the scopes that prefix them."""

from __future__ import annotations

import collections
import contextlib
import re
import threading
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

_counts: collections.Counter[str] = collections.Counter()
_lock = threading.Lock()
_path: ContextVar[tuple[str, ...]] = ContextVar("name_scope", default=())


def to_snake_case(name: str) -> str:
    """``LSTMCell`` becomes ``lstm_cell``, ``Conv2D`` becomes ``conv2d``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """The name itself the first time, then ``name_1``, ``name_2`` …"""
    with _lock:
        count = _counts[name]
        _counts[name] += 1
    return f"{name}_{count}" if count else name


def auto_name(prefix: str) -> str:
    """A unique name from a class name or another prefix."""
    return uniquify(to_snake_case(prefix))


def get_uid(prefix: str = "") -> int:
    """The next number, from 1, for a prefix."""
    with _lock:
        _counts[prefix] += 1
        return _counts[prefix]


def reset() -> None:
    """Begin counting anew."""
    with _lock:
        _counts.clear()


def current_path() -> str:
    """The names of the open scopes, joined by slashes."""
    return "/".join(_path.get())


def joined(name: str) -> str:
    """A name behind those of the open scopes."""
    return "/".join((*_path.get(), name))


@contextlib.contextmanager
def whole_path(path: str) -> Iterator[None]:
    """Let names be made in scopes that are all given, whichever are open."""
    token = _path.set(tuple(path.split("/")))
    try:
        yield
    finally:
        _path.reset(token)


class name_scope:  # noqa: N801
    """Prefix the names of the variables and ops made inside.

    Args:
        name: the prefix, without slashes.

    Example:
        >>> with name_scope("encoder"):
        ...     current_path()
        'encoder'
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"name_scope() takes a name without slashes, received {name!r}.")
        self.name = name
        self._tokens: list[Any] = []

    def __enter__(self) -> name_scope:
        self._tokens.append(_path.set((*_path.get(), self.name)))
        return self

    def __exit__(self, *error: object) -> None:
        _path.reset(self._tokens.pop())


def apart(names: Iterable[str]) -> list[str]:
    """Names with a number behind those that another one has already."""
    taken: dict[str, None] = {}
    for name in names:
        number, unused = 0, name
        while unused in taken:
            number += 1
            unused = f"{name}_{number}"
        taken[unused] = None
    return list(taken)
