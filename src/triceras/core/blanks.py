"""Variables without values: what a model is made of while a file is read that has the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from triceras.core import scopes

if TYPE_CHECKING:
    from triceras.state.variable import Variable


class Blanks:
    """While this is open, variables with an initializer get no value: one is assigned later, or drawn when it is read.

    So a model is made without memory for values that a file is about to replace, and without the time to draw them. Where it
    ends, what has no value yet draws one, and frameworks are told of the variables in the order in which they were made.

    Args:
        before_drawing: is called with a variable's name and its size in bytes before memory is taken for a drawn value;
            may raise.

    Example:
        >>> from triceras import Variable, ops
        >>> with Blanks():
        ...     v = Variable(ops.ones, (2,))
        ...     was_blank = v.is_blank
        >>> was_blank, v.is_blank, v.numpy().tolist()
        (True, False, [1.0, 1.0])
    """

    def __init__(self, before_drawing: Callable[[str, int], None] = lambda name, size: None) -> None:
        self.before_drawing = before_drawing
        self._made: list[Variable] = []
        self._to_tell: list[Callable[[], None]] = []
        self._token: Any = None

    def __enter__(self) -> Blanks:
        self._token = scopes.blanks.set(self)
        return self

    def __exit__(self, kind: Any, *error: object) -> None:
        scopes.blanks.reset(self._token)
        if kind is None:
            for variable in self._made:
                variable.draw()
            for tell in self._to_tell:
                tell()

    def note(self, variable: Variable) -> None:
        """A variable was made without a value."""
        self._made.append(variable)

    def later(self, tell: Callable[[], None]) -> None:
        """What to do when all variables have values."""
        self._to_tell.append(tell)
