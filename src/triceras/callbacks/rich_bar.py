"""Bars drawn by rich, in a terminal and in a notebook. Imported where one is drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.jupyter import JUPYTER_HTML_FORMAT, JupyterRenderable
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Table
from rich.text import Text

from triceras.callbacks import progress
from triceras.callbacks.progress import Display, Figures, duration, figures_text, on_a_clock, steps_done


class _Words(ProgressColumn):
    """A column of text."""

    def __init__(self, words: Callable[[Task], str], style: str = "") -> None:
        super().__init__()
        self._words, self._style = words, style

    def render(self, task: Task) -> Text:
        return Text(self._words(task), style=self._style)


def _times(task: Task) -> str:
    """The time since the beginning and, while there are steps to come, how much remains."""
    elapsed = on_a_clock(task.elapsed or 0.0)
    if task.fields["ended"] or task.total is None:
        return elapsed
    remaining = task.time_remaining
    return f"{elapsed} < {'?' if remaining is None else on_a_clock(remaining)}"


def _pace(task: Task) -> str:
    """The time of a step: over the last half minute, and at the end over all."""
    seconds = task.fields["seconds_per_step"]
    if seconds is None and task.speed:
        seconds = 1 / task.speed
    return "" if seconds is None else f"{duration(seconds)}/{task.fields['unit']}"


def _total(task: Task) -> int | None:
    return None if task.total is None else int(task.total)


class _Row(Progress):
    """One task, with its figures beside it, or below it where they don't fit."""

    def get_renderables(self) -> Iterable[RenderableType]:
        if not self.tasks:  # asked before it has any
            return
        bar, figures = self.make_tasks_table(self.tasks), Text(self.tasks[0].fields["figures"])
        room = self.console.width - Measurement.get(self.console, self.console.options, bar).maximum
        if not figures:
            yield bar
        elif len(figures) < room:
            row = Table.grid(padding=(0, 1))
            row.add_row(bar, figures)
            yield row
        else:
            yield bar
            yield figures


class Bar(Display):
    """A bar on a terminal, drawn in place; nothing but its last state stays.

    Args:
        console: what it is drawn on.
        width: of the bar, in characters.
        title, total, unit, interval: as for ``Display``.
    """

    def __init__(self, console: Console, width: int, title: str, total: int | None, unit: str, interval: float) -> None:
        super().__init__(title, total, unit, interval)
        self._console = console
        self._drawn = -math.inf  # the first step is shown at once
        columns = (
            *([_Words(lambda task: task.description, "bold")] if title else []),
            _Words(lambda task: steps_done(int(task.completed), _total(task)), "bold"),
            BarColumn(bar_width=width),
            _Words(_times, "progress.elapsed"),
            _Words(_pace, "progress.data.speed"),
        )
        # No thread draws it: an exception leaves none behind, and steps aren't disturbed.
        self._progress = _Row(*columns, console=console, auto_refresh=False, get_time=progress.clock)
        fields: dict[str, Any] = {"figures": "", "unit": unit, "ended": False, "seconds_per_step": None}
        self._task = self._progress.add_task(title, total=total, **fields)

    def begin(self) -> None:
        self._open()

    def start_at(self, initial: int) -> None:
        super().start_at(initial)
        task = self._progress.tasks[0]
        self._progress.reset(self._task, total=task.total, completed=initial, **task.fields)

    def show(self, done: int, figures: Figures) -> None:
        self._progress.update(self._task, completed=done, total=self.total, figures=figures_text(figures))
        self._draw()

    def end(self, done: int, figures: Figures) -> None:
        rate = self.seconds_per_step(done)
        total = done if self.total is None else self.total
        self._progress.update(self._task, total=total, ended=True, seconds_per_step=rate)
        self.total = total
        self.show(done, figures)
        self.close()

    def close(self) -> None:
        self._progress.stop()
        progress.step_back(self)

    def _open(self) -> None:
        progress.come_to_the_front(self)
        self._progress.start()

    def _draw(self) -> None:
        self._progress.refresh()


class NotebookBar(Bar):
    """A bar in a notebook: one output of a cell, which is replaced; widgets aren't needed."""

    _handle: Any = None

    def _open(self) -> None:
        from IPython.display import display  # type: ignore[import-not-found]

        self._handle = display(self._snapshot(), display_id=True)

    def _draw(self) -> None:
        if self._handle is not None:
            self._handle.update(self._snapshot())

    def close(self) -> None:
        """Nothing to put back."""

    def _snapshot(self) -> JupyterRenderable:
        """What is to be seen now, as HTML and as text."""
        paper = Console(
            file=io.StringIO(),
            record=True,
            width=self._console.width,
            force_terminal=True,
            force_jupyter=False,
            color_system="truecolor",
        )
        paper.print(self._progress.get_renderable())
        html = paper.export_html(code_format=JUPYTER_HTML_FORMAT, inline_styles=True, clear=False)
        return JupyterRenderable(html, paper.export_text(styles=False))
