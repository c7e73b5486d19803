"""The progress bar."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from triceras.core import settings

_logger = logging.getLogger("triceras")


class Progbar:
    """Progress towards a number of steps, with figures, redrawn in place on a terminal.

    Args:
        target: the number of steps; None where it isn't known.
        width: of the bar, in characters.
        verbose: 0 for silence, 1 for a bar, 2 for a line at the end.
        interval: seconds between two drawings.
        stateful_metrics: accepted for compatibility; figures are shown as they are given.
        stateless_metrics: the same.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Any = None,
        stateless_metrics: Any = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self._started = time.monotonic()
        self._drawn = 0.0
        self._seen = 0
        self._status: Any = None

    def title(self, text: str) -> None:
        """Print a line above the bar."""
        self._print(text)

    def update(
        self, current: int | None, values: list[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that ``current`` steps are done.

        Args:
            current: the steps done; None keeps the number.
            values: names and figures.
            finalize: whether this is the last drawing; by default whether the target is reached.
        """
        self._seen = current if current is not None else self._seen
        if finalize is None:
            finalize = self.target is not None and self._seen >= self.target
        now = time.monotonic()
        if self.verbose == 0 or (not finalize and (self.verbose == 2 or now - self._drawn < self.interval)):
            return
        self._drawn = now
        line = self._line(values or [], now)
        if finalize:
            self._clear()
            self._print(line)
        else:
            self._redraw(line)

    def add(self, n: int, values: list[tuple[str, Any]] | None = None) -> None:
        """Show that n more steps are done."""
        self.update(self._seen + n, values)

    def _line(self, values: list[tuple[str, Any]], now: float) -> str:
        elapsed = now - self._started
        parts = []
        if self.target:
            share = min(self._seen / self.target, 1.0)
            filled = int(share * self.width)
            bar = "━" * filled + "─" * (self.width - filled)
            parts.append(f"{self._seen}/{self.target} {bar}")
        else:
            parts.append(f"{self._seen} {self.unit_name}s")
        per_step = elapsed / self._seen if self._seen else 0.0
        parts.append(f"{elapsed:.1f}s {_duration(per_step)}/{self.unit_name}")
        parts += [f"{name}: {_figure(value)}" for name, value in values]
        return " - ".join(parts)

    def _redraw(self, line: str) -> None:
        if not settings.is_interactive_logging_enabled() or not sys.stdout.isatty():
            return
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        if self._status is None:
            self._status = Live(Text(line), console=Console(), refresh_per_second=10, transient=True)
            self._status.start()
        self._status.update(Text(line))

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print(self, line: str) -> None:
        if settings.is_interactive_logging_enabled():
            print(line, flush=True)
        else:
            _logger.info(line)


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1e3:.1f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _figure(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if abs(number) >= 1e-3 or number == 0 else f"{number:.4e}"
