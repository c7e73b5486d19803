"""Figures that are read when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class LazyLogs(dict):
    """A dictionary of figures that is filled the first time anything is asked of it; till then the device isn't waited for.

    Args:
        read: gives the figures.

    Example:
        >>> from triceras.callbacks.lazy_logs import LazyLogs
        >>> logs = LazyLogs(lambda: {"loss": 0.5})
        >>> logs.was_read, logs["loss"], logs.was_read
        (False, 0.5, True)
    """

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        super().__init__({"": None})  # json's encoder takes one without entries for empty before it asks for them
        self._read: Callable[[], dict[str, Any]] | None = read

    @property
    def was_read(self) -> bool:
        """Whether anything was asked of it."""
        return self._read is None

    def _fill(self) -> None:
        if self._read is not None:
            read, self._read = self._read, None
            super().clear()
            super().update(read())


def _filled(name: str) -> Any:
    method = getattr(dict, name)

    def call(self: LazyLogs, *args: Any, **kwargs: Any) -> Any:
        self._fill()
        return method(self, *args, **kwargs)

    call.__name__ = name
    call.__doc__ = method.__doc__
    return call


for _name in (
    *("__contains__", "__delitem__", "__eq__", "__getitem__", "__ior__", "__iter__", "__len__", "__ne__", "__or__"),
    *("__repr__", "__reversed__", "__ror__", "__setitem__", "clear", "copy", "get", "items", "keys", "pop", "popitem"),
    *("setdefault", "update", "values"),
):
    setattr(LazyLogs, _name, _filled(_name))
