"""How progress is shown: as a bar of rich's in a terminal or a notebook, as lines in a file."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from triceras.core import settings

#: Seconds, on a clock that only goes forward.
clock: Callable[[], float] = time.monotonic
#: Seconds between two drawings of a bar, and between two lines about one epoch.
DRAWING_SECONDS, LINE_SECONDS = 0.25, 60.0

_logger = logging.getLogger("triceras")
Figures = Iterable[tuple[str, Any]]


class Display:
    """Shows how many steps are done and what their figures are; this one shows nothing.

    Args:
        title: what stands before the steps.
        total: the number of steps, None where it isn't known.
        unit: what a step is called.
        interval: seconds between two drawings.
    """

    def __init__(
        self, title: str = "", total: int | None = None, unit: str = "step", interval: float = math.inf
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.interval = interval
        self.initial = 0
        self._started = self._stepped = self._drawn = clock()

    def begin(self) -> None:
        """Show that it begins."""

    def start_at(self, initial: int) -> None:
        """Count from steps that were done before."""
        self.initial = initial
        self._started = clock()

    def passed(self) -> bool:
        """Take note that steps were done; whether it is time to show them."""
        self._stepped = clock()
        if self._stepped - self._drawn < self.interval:
            return False
        self._drawn = self._stepped
        return True

    def show(self, done: int, figures: Figures) -> None:
        """Show how many steps are done, and their figures."""

    def end(self, done: int, figures: Figures) -> None:
        """Show that all are done, for good."""

    def close(self) -> None:
        """Leave the terminal as it was, whether or not all are done."""

    def elapsed(self) -> float:
        """The seconds since it began."""
        return clock() - self._started

    def seconds_per_step(self, done: int) -> float | None:
        """The mean over all steps so far; None before the first one."""
        steps = done - self.initial
        return (self._stepped - self._started) / steps if steps > 0 else None


class Lines(Display):
    """A line at the end, and one for every interval until then: for files, pipes and logs.

    Args:
        write: takes a line.
        title, total, unit, interval: as for ``Display``.
    """

    def __init__(self, write: Callable[[str], object], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._write = write

    def show(self, done: int, figures: Figures) -> None:
        rate = self.seconds_per_step(done)
        parts = [
            self.title,
            steps_done(done, self.total),
            f"{self.elapsed():.0f}s",
            "" if rate is None else f"{duration(rate)}/{self.unit}",
            figures_text(figures),
        ]
        self._write(" - ".join(part for part in parts if part))

    def end(self, done: int, figures: Figures) -> None:
        self.show(done, figures)


# ---- which one -------------------------------------------------------------------------------------------------------

#: The bar on the terminal; what begins before it ends shows lines, which appear above it.
_in_front: list[Display] = []


def make_console() -> Any:
    """Where a bar can be drawn, a ``rich.console.Console``; None where standard output is a file or a pipe."""
    terminal = bool(getattr(sys.stdout, "isatty", bool)())
    if not terminal and "IPython" not in sys.modules:
        return None
    from rich.console import Console

    # A variable like FORCE_COLOR makes no terminal of a file.
    console = Console(force_terminal=None if terminal else False)
    return console if console.is_jupyter or console.is_interactive else None


def display_for(
    title: str,
    total: int | None,
    verbose: int,
    *,
    unit: str = "step",
    interval: float = DRAWING_SECONDS,
    width: int = 20,
) -> Display:
    """The display for where the process runs.

    Args:
        title, total, unit, interval: as for ``Display``.
        verbose: 0 for none, 1 for a bar, 2 for a line at the end.
        width: of the bar, in characters.
    """
    if not verbose:
        return Display(title, total, unit)
    every = LINE_SECONDS if verbose == 1 else math.inf
    if not settings.is_interactive_logging_enabled():
        return Lines(_logger.info, title, total, unit, every)
    console = make_console() if verbose == 1 and not _in_front else None
    if console is None:
        return Lines(write_line, title, total, unit, every)
    from triceras.callbacks.rich_bar import Bar, NotebookBar

    made = NotebookBar if console.is_jupyter else Bar
    return made(console, width, title, total, unit, interval)


def write_line(line: str) -> None:
    """Write a line to standard output at once."""
    print(line, flush=True)


def come_to_the_front(display: Display) -> None:
    """Take note of a bar on the terminal."""
    _in_front.append(display)


def step_back(display: Display) -> None:
    """Take note that it is gone."""
    _in_front[:] = [other for other in _in_front if other is not display]


# ---- how it is written -----------------------------------------------------------------------------------------------


def steps_done(done: int, total: int | None) -> str:
    """How many steps of how many.

    Example:
        >>> from triceras.callbacks.progress import steps_done
        >>> steps_done(3, 10), steps_done(3, None)
        ('3/10', '3/?')
    """
    return f"{done}/{'?' if total is None else total}"


def duration(seconds: float) -> str:
    """A short time in the unit that suits it.

    Example:
        >>> from triceras.callbacks.progress import duration
        >>> duration(2.5), duration(0.0123), duration(45e-6)
        ('2.5s', '12.3ms', '45us')
    """
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1e3:.1f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def on_a_clock(seconds: float) -> str:
    """Seconds as minutes and seconds, and hours where there are any.

    Example:
        >>> from triceras.callbacks.progress import on_a_clock
        >>> on_a_clock(65), on_a_clock(3605)
        ('1:05', '1:00:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def figures_text(figures: Figures) -> str:
    """Names and figures in one line.

    Example:
        >>> from triceras.callbacks.progress import figures_text
        >>> figures_text([("loss", 0.25), ("learning_rate", 1e-05)])
        'loss: 0.2500 - learning_rate: 1.0000e-05'
    """
    return " - ".join(f"{name}: {figure(value)}" for name, value in figures)


def figure(value: Any) -> str:
    """A number, or the mean of several, with four digits; anything else as its text."""
    if value is None:
        return "None"
    try:
        number = float(np.mean(np.asarray(value, "float64")))
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if abs(number) >= 1e-3 or number == 0 else f"{number:.4e}"
