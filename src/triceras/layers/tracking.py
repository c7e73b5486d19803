"""How a layer notices the state set on it: variables, layers, metrics and seeds, also inside lists and dictionaries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from triceras import tree
from triceras.graph.symbol import PLAIN


class TrackedList(list):
    """A list whose items are tracked as they come."""

    def __init__(self, items: Iterable[Any] = (), track: Callable[[Any], Any] | None = None) -> None:
        self._track = track or (lambda item: item)
        super().__init__(map(self._track, items))

    def append(self, item: Any) -> None:
        super().append(self._track(item))

    def insert(self, index: Any, item: Any) -> None:
        super().insert(index, self._track(item))

    def extend(self, items: Iterable[Any]) -> None:
        super().extend(map(self._track, items))

    def __iadd__(self, items: Iterable[Any]) -> TrackedList:  # type: ignore[override, misc]
        self.extend(items)
        return self

    def __setitem__(self, index: Any, item: Any) -> None:
        super().__setitem__(index, [self._track(i) for i in item] if isinstance(index, slice) else self._track(item))

    def __reduce__(self) -> Any:
        return list, (list(self),)


class TrackedDict(dict):
    """A dictionary whose values are tracked as they come."""

    def __init__(self, items: Any = (), track: Callable[[Any], Any] | None = None) -> None:
        self._track = track or (lambda item: item)
        super().__init__({key: self._track(value) for key, value in dict(items).items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self._track(value))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class TrackedSet(set):
    """A set whose items are tracked as they come."""

    def __init__(self, items: Iterable[Any] = (), track: Callable[[Any], Any] | None = None) -> None:
        self._track = track or (lambda item: item)
        super().__init__(map(self._track, items))

    def add(self, item: Any) -> None:
        super().add(self._track(item))

    def update(self, *others: Iterable[Any]) -> None:
        for items in others:
            for item in items:
                self.add(item)

    def __reduce__(self) -> Any:
        return set, (list(self),)


tree.register(TrackedList, lambda x: (list(x), None), lambda _, children: TrackedList(children))
tree.register(
    TrackedDict,
    lambda x: ([x[k] for k in sorted(x)], tuple(sorted(x))),
    lambda keys, children: TrackedDict(zip(keys, children, strict=True)),
)


class Tracker:
    """Sorts tracked values into a layer's stores.

    Args:
        found: called with each piece of state and the attribute it was found under.
    """

    def __init__(self, found: Callable[[str, Any], bool]) -> None:
        self._found = found

    def track(self, name: str, value: Any) -> Any:
        """Note the state in a value; returns what to store: containers become tracked ones."""
        if type(value) in PLAIN or self._found(name, value):
            return value
        if type(value) is list:
            return TrackedList(value, self._within(name))
        if type(value) is dict:
            return TrackedDict(value, self._within(name))
        if type(value) is set:
            return TrackedSet(value, self._within(name))
        if isinstance(value, tuple):
            for position, item in enumerate(value):
                self.track(f"{name}_{position}", item)
        return value

    def _within(self, name: str) -> Callable[[Any], Any]:
        """Tracks the items of a container, each under a name of its own: frameworks register them by it."""
        numbers = itertools.count()
        return lambda item: self.track(f"{name}_{next(numbers)}", item)
