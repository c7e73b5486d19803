"""One pass over a source of batches, at the pace the device sets."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np

from triceras import ops, tree
from triceras.core import settings
from triceras.training.data.array_source import ArraySource
from triceras.training.data.sources import Source
from triceras.training.runner import Runner

#: The time, in seconds, that one call on the device should take when the number of steps in it is free.
CALL_SECONDS = 0.1


class Pace:
    """How many steps go into the next call: a fixed number, or as many as fit a time."""

    def __init__(self, model: Any, listeners: Any, kind: str) -> None:
        wanted = model.steps_per_execution
        #: The number where it is fixed, or None.
        self.fixed = 1 if listeners.needs_batches(kind) else (None if wanted == "auto" else int(wanted))
        self._steps = self.fixed or 1
        self._timed_once = False
        #: Whether calls are still timed; once their length is found the device isn't waited for any more.
        self.learns = self.fixed is None

    def next(self, left: int) -> int:
        """The number for the next call."""
        return max(1, min(self._steps, left))

    def took(self, count: int, seconds: float) -> None:
        """Learn from a call; the first of all compiles, so its time says nothing."""
        if not self._timed_once:
            self._timed_once = True
            return
        fitting = max(1, int(CALL_SECONDS / max(seconds / count, 1e-7)))
        self.learns = count < self._steps or not self._steps / 2 <= fitting <= self._steps * 2
        self._steps = min(fitting, self._steps * 8)


def run_epoch(
    model: Any, runner: Runner, source: Any, listeners: Any, kind: str, limit: int | None = None, done: int = 0
) -> dict[str, Any]:
    """Run steps of a kind over a source, from the one after those done; returns the figures at the end."""
    cap = settings.max_steps_per_epoch()
    if cap is not None:
        limit = cap if limit is None else min(limit, cap)
    run: Any = (
        _run_many if isinstance(source, ArraySource) and source.on_device and runner.batches_many else _run_batches
    )
    output = run(model, runner, source, listeners, kind, limit, done)
    return model.read_logs(output, kind)


def _run_many(
    model: Any, runner: Runner, source: ArraySource, listeners: Any, kind: str, limit: int | None, done: int
) -> Any:
    """Steps over arrays on the device, as many in a call as fit its pace; then the last, smaller batch."""
    backend = model.backend
    pace: Pace = listeners.pace(kind) or listeners.set_pace(kind, Pace(model, listeners, kind))
    order = source.order()
    size = source.batch_size
    whole = source.rows // size
    count = min(whole, limit) if limit is not None else whole
    index = backend.convert_to_tensor(order[: whole * size].reshape(whole, size)) if count else None
    while done < count and not _ends(model, kind):
        batch_count = pace.next(count - done)
        listeners.begin_steps(kind, done)
        with listeners.timeline.part("step"):
            started = time.perf_counter()
            runner.run_many(source.arrays, index, done, done + batch_count)
            if pace.learns:
                backend.block([v.stored_value for v in model.metrics_variables[:1]])
                pace.took(batch_count, time.perf_counter() - started)
        done += batch_count
        listeners.end_steps(kind, done - 1, lambda: model.read_logs(None, kind))
    output: Any = None
    tail = order[whole * size :]
    if len(tail) and done == whole and (limit is None or done < limit) and not _ends(model, kind):
        listeners.begin_steps(kind, done)
        with listeners.timeline.part("step"):
            output = runner.run(source.gather(tail))
        listeners.end_steps(kind, done, lambda: model.read_logs(output, kind))
    return output


def _run_batches(
    model: Any, runner: Runner, source: Source, listeners: Any, kind: str, limit: int | None, done: int
) -> Any:
    """Steps over batches as they come, several of them in a call where they were handed over together."""
    output: Any = None
    together = Pace(model, listeners, kind).fixed if runner.batches_many else 1
    with contextlib.closing(source.batches(done, limit, together)) as batches:
        for tensors, index, count in listeners.timeline.over("data", batches):
            listeners.begin_steps(kind, done)
            with listeners.timeline.part("step"):
                output = runner.run(tensors) if index is None else runner.run_many(tensors, index, 0, count)
            done += count
            listeners.end_steps(kind, done - 1, lambda output=output: model.read_logs(output, kind))
            if _ends(model, kind):
                return output
    if done == 0:
        raise ValueError(
            "The data ran out: the source yielded no batch in this epoch. Pass an iterable that can begin again."
        )
    if limit is not None and done < limit and not isinstance(source, ArraySource):
        raise ValueError(
            f"The data ended early: expected {limit} batches in this epoch, received {done}. Lower steps_per_epoch, or let the "
            "generator go on."
        )
    return output


def _ends(model: Any, kind: str) -> bool:
    """Whether steps end before their data do; validation that follows a training cut short is done as a whole."""
    return kind == "train" and model.stop_training


def predict_batches(runner: Runner, source: Source, listeners: Any, limit: int | None) -> Any:
    """The outputs of all batches, joined on the host."""
    results: list[list[np.ndarray]] = []
    structure: Any = None
    with contextlib.closing(source.batches(0, limit)) as batches:
        for position, handed in enumerate(batches):
            listeners.begin_steps("predict", position)
            structure = runner.run(handed.tensors)
            results.append([ops.convert_to_numpy(x) for x in tree.flatten(structure)])
            listeners.end_steps("predict", position, dict)
    if len(results) == 1:
        return tree.pack_sequence_as(structure, results[0])
    return tree.pack_sequence_as(structure, [np.concatenate(column) for column in zip(*results, strict=True)])
