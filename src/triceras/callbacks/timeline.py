"""What the time of training goes to, part by part."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")
_NOTHING = contextlib.nullcontext()


class Timeline:
    """Takes the marks that training sets; this one, which every run has unless a callback puts another there, ignores them."""

    def part(self, name: str) -> AbstractContextManager[Any]:
        """A scope whose time is that part's: ``"data"``, ``"step"`` or ``"callbacks"``; one inside it takes its own away."""
        return _NOTHING

    def over(self, name: str, items: Iterable[_T]) -> Iterable[_T]:
        """The same items, of which waiting for each is that part's."""
        return items


class Stopwatch(Timeline):
    """A timeline that keeps the seconds of each part.

    Args:
        clock: gives the time in seconds.
        settle: waits until the device has done what it was told to, so that a step's time is its own.

    Example:
        >>> ticks = iter(range(10))
        >>> watch = Stopwatch(lambda: next(ticks))
        >>> with watch.part("step"):
        ...     with watch.part("data"):
        ...         pass
        >>> watch.read()
        {'step': 2.0, 'data': 1.0}
    """

    def __init__(self, clock: Callable[[], float], settle: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._settle = settle
        self._seconds: dict[str, float] = {}
        self._current: str | None = None
        self._since = 0.0

    def _switch(self, name: str | None) -> None:
        now = self._clock()
        if self._current is not None:
            self._seconds[self._current] = self._seconds.get(self._current, 0.0) + now - self._since
        if name is not None:
            self._seconds.setdefault(name, 0.0)
        self._current, self._since = name, now

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        outer = self._current
        self._switch(name)
        try:
            yield
            if name == "step":
                self._settle()
        finally:
            self._switch(outer)

    def over(self, name: str, items: Iterable[_T]) -> Iterator[_T]:
        waiting = iter(items)
        end = object()
        while True:
            with self.part(name):
                item: Any = next(waiting, end)
            if item is end:
                return
            yield item

    def read(self) -> dict[str, float]:
        """The seconds of each part so far, those of the one that runs among them."""
        if self._current is not None:
            self._switch(self._current)
        return dict(self._seconds)

    def set(self, seconds: dict[str, float]) -> None:
        """Go on from other seconds: none for a new beginning, those of a ``read`` to forget what was since."""
        self._seconds = dict(seconds)
        if self._current is not None:
            self._since = self._clock()


def timed(method: _F) -> _F:
    """A method of a list of callbacks whose time is theirs."""

    @functools.wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.timeline.part("callbacks"):
            return method(self, *args, **kwargs)

    return run  # type: ignore[return-value]
