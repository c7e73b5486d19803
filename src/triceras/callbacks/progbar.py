"""A progress bar for loops of one's own."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.callbacks.progress import Display, display_for


class Progbar:
    """Progress towards a number of steps, with figures that are averaged over the steps.

    In a terminal and in a notebook it is a bar drawn in place; elsewhere a line at the end, and one a minute until then.

    Args:
        target: the number of steps; None where it isn't known.
        width: of the bar, in characters.
        verbose: 0 for silence, 1 for a bar, 2 for a line at the end.
        interval: seconds between two drawings of the bar.
        stateful_metrics: names of figures that are shown as they are given, for they are averages already.
        stateless_metrics: names of the figures that are averaged; with them, all others are shown as they are given.
        unit_name: what a step is called.

    Raises:
        ValueError: both kinds of names are given.

    Example:
        >>> from triceras.utils import Progbar
        >>> bar = Progbar(2, verbose=2)
        >>> bar.add(1, [("loss", 1.0)])
        >>> bar.add(1, [("loss", 0.5)])
        2/2 - 0s - ...us/step - loss: 0.7500
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
        stateless_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar takes stateful_metrics or stateless_metrics, received both: "
                f"{list(stateful_metrics)!r} and {list(stateless_metrics)!r}. Name those of one kind alone."
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = frozenset(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else frozenset(stateless_metrics)
        self._seen = 0
        #: Name -> (the sum of its values, each times its steps; those steps).
        self._sums: dict[str, tuple[Any, float]] = {}
        self._begun = False
        self._display = self._new_display()

    def _new_display(self) -> Display:
        options: dict[str, Any] = {"unit": self.unit_name, "interval": self.interval, "width": self.width}
        display = display_for("", self.target, self.verbose, **options)
        # Where an exception ends the loop, the terminal is put back when nobody holds this object any more.
        weakref.finalize(self, display.close)
        return display

    def update(
        self, current: int | None, values: Sequence[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that ``current`` steps are done.

        Args:
            current: the steps done; None keeps the number.
            values: names and figures of the steps since the last call.
            finalize: whether these are the last; by default whether the target is reached. With True the values are shown as
                they are, as figures of all steps.
        """
        current = self._seen if current is None else current
        self._take(values or (), max(current - self._seen, 1), as_given=finalize is True)
        self._seen = current
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._display.total = self.target
        due = self._display.passed()
        if finalize:
            self._display.end(current, self._figures())
            self._begun, self._display = False, self._new_display()
        elif due:
            if not self._begun:
                self._begun = True
                self._display.begin()
            self._display.show(current, self._figures())

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Show that n more steps are done."""
        self.update(self._seen + n, values)

    def _take(self, values: Sequence[tuple[str, Any]], steps: float, as_given: bool) -> None:
        for name, value in values:
            total, count = self._sums.get(name, (0.0, 0.0))
            if as_given or not self._is_averaged(name, value):
                self._sums[name] = value, 1.0
            else:
                self._sums[name] = total + float(np.mean(value)) * steps, count + steps

    def _is_averaged(self, name: str, value: Any) -> bool:
        if isinstance(value, str) or value is None:
            return False
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in self.stateful_metrics

    def _figures(self) -> list[tuple[str, Any]]:
        return [(name, total if count == 1.0 else total / count) for name, (total, count) in self._sums.items()]
