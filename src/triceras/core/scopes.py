"""Scopes that change what a read or write of state means, each a context variable so that threads stay apart."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

#: The innermost StatelessScope, or None.
stateless: ContextVar[Any] = ContextVar("stateless", default=None)
#: The dtype that floating variables are read in, or None.
autocast: ContextVar[str | None] = ContextVar("autocast", default=None)
#: The open Blanks (core/blanks.py), for which variables are made without values, or None.
blanks: ContextVar[Any] = ContextVar("blanks", default=None)
#: True while shapes and dtypes are inferred rather than values computed.
symbolic: ContextVar[bool] = ContextVar("symbolic", default=False)
#: True inside of what may be traced by itself: loops, branches, mapped functions, what is computed again for gradients.
apart: ContextVar[bool] = ContextVar("apart", default=False)
#: The format for which a program is recorded whose runtimes know a framework's common operations only, or None.
portable: ContextVar[str | None] = ContextVar("portable", default=None)
#: The device of new tensors as the user wrote it, or None for the backend's own choice.
device_name: ContextVar[str | None] = ContextVar("device_name", default=None)


class _Scope:
    """Sets one context variable while open; may be entered again."""

    variable: ContextVar[Any]

    def __init__(self, value: Any) -> None:
        self.value = value
        self._tokens: list[Any] = []

    def __enter__(self) -> Any:
        self._tokens.append(self.variable.set(self.value))
        return self

    def __exit__(self, *error: object) -> None:
        self.variable.reset(self._tokens.pop())


class AutocastScope(_Scope):
    """Floating variables that allow it are read in this dtype; None reads them as stored."""

    variable = autocast


class ApartScope(_Scope):
    """Marks the code inside as one that may be traced by itself: its tensors can't be used outside."""

    variable = apart

    def __init__(self) -> None:
        super().__init__(True)


class SymbolicScope(_Scope):
    """Marks the code inside as inferring shapes and dtypes: nothing it computes is a value."""

    variable = symbolic

    def __init__(self) -> None:
        super().__init__(True)


class PortableScope(_Scope):
    """Marks the code inside as recorded for the runtimes of a format: ops keep to what those know."""

    variable = portable


def in_stateless_scope() -> bool:
    """Whether variables are read from and written to a StatelessScope."""
    return stateless.get() is not None


def in_symbolic_scope() -> bool:
    """Whether only shapes and dtypes are being inferred."""
    return symbolic.get()
