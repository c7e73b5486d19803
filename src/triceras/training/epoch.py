"""One pass over a source of batches, at the pace the device sets."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from triceras import ops, tree
from triceras.core import settings
from triceras.training.data.sources import ArraySource, IteratorSource
from triceras.training.runner import Runner

#: The time, in seconds, that one call on the device should take when the number of steps in it is free.
CALL_SECONDS = 0.1


class Pace:
    """How many steps go into the next call: a fixed number, or as many as fit a time."""

    def __init__(self, model: Any, listeners: Any, kind: str) -> None:
        wanted = model.steps_per_execution
        self._fixed = 1 if listeners.needs_batches(kind) else (None if wanted == "auto" else int(wanted))
        self._steps = self._fixed or 1
        self._timed_once = False

    def next(self, left: int) -> int:
        """The number for the next call."""
        return max(1, min(self._steps, left))

    def took(self, count: int, seconds: float) -> None:
        """Learn from a call; the first of all compiles, so its time says nothing."""
        if self._fixed is not None:
            return
        if not self._timed_once:
            self._timed_once = True
            return
        fitting = int(CALL_SECONDS / max(seconds / count, 1e-7))
        self._steps = max(1, min(fitting, self._steps * 8))


def run_epoch(
    model: Any, runner: Runner, source: Any, listeners: Any, kind: str, limit: int | None = None, done: int = 0
) -> dict[str, Any]:
    """Run steps of a kind over a source, from the one after those done; returns the figures at the end."""
    cap = settings.max_steps_per_epoch()
    if cap is not None:
        limit = cap if limit is None else min(limit, cap)
    run: Any = _run_arrays if isinstance(source, ArraySource) else _run_batches
    output = run(model, runner, source, listeners, kind, limit, done)
    return model.read_logs(output)


def _run_arrays(
    model: Any, runner: Runner, source: ArraySource, listeners: Any, kind: str, limit: int | None, done: int
) -> Any:
    backend = model.backend
    pace: Pace = listeners.pace(kind) or listeners.set_pace(kind, Pace(model, listeners, kind))
    order = source.order()
    size = source.batch_size
    whole = source.rows // size
    count = min(whole, limit) if limit is not None else whole
    many = runner.batches_many and source.on_device
    index = backend.convert_to_tensor(order[: whole * size].reshape(whole, size)) if count and many else None
    output: Any = None
    while done < count and not model.stop_training:
        batch_count = pace.next(count - done) if many else 1
        listeners.begin_steps(kind, done)
        started = time.perf_counter()
        if many:
            runner.run_many(source.arrays, index, done, done + batch_count)
            backend.block([v.stored_value for v in model.metrics_variables[:1]])
        else:
            output = runner.run(source.gather(order[done * size : (done + 1) * size]))
        pace.took(batch_count, time.perf_counter() - started)
        done += batch_count
        listeners.end_steps(kind, done - 1, lambda output=output: model.read_logs(output))
    tail = order[whole * size :]
    if len(tail) and done == whole and (limit is None or done < limit) and not model.stop_training:
        listeners.begin_steps(kind, done)
        output = runner.run(source.gather(tail))
        listeners.end_steps(kind, done, lambda: model.read_logs(output))
    return output


def _run_batches(
    model: Any, runner: Runner, source: IteratorSource, listeners: Any, kind: str, limit: int | None, done: int
) -> Any:
    output: Any = None
    for batch in itertools.islice(source, done, limit):
        listeners.begin_steps(kind, done)
        output = runner.run(batch)
        listeners.end_steps(kind, done, lambda output=output: model.read_logs(output))
        done += 1
        if model.stop_training:
            break
    if done == 0:
        raise ValueError(
            "The data ran out: the source yielded no batch in this epoch. Pass an iterable that can begin again."
        )
    if limit is not None and done < limit and not model.stop_training:
        raise ValueError(
            f"The data ended early: expected {limit} batches in this epoch, received {done}. Lower steps_per_epoch, or let the "
            "generator go on."
        )
    return output


def predict_batches(runner: Runner, source: Any, listeners: Any, limit: int | None) -> Any:
    """The outputs of all batches, joined on the host."""
    results: list[list[np.ndarray]] = []
    structure: Any = None
    batches = _array_batches(source) if isinstance(source, ArraySource) else iter(source)
    for position, batch in enumerate(itertools.islice(batches, limit)):
        listeners.begin_steps("predict", position)
        structure = runner.run(batch)
        results.append([ops.convert_to_numpy(x) for x in tree.flatten(structure)])
        listeners.end_steps("predict", position, dict)
    if len(results) == 1:
        return tree.pack_sequence_as(structure, results[0])
    return tree.pack_sequence_as(structure, [np.concatenate(column) for column in zip(*results, strict=True)])


def _array_batches(source: ArraySource) -> Any:
    for start in range(0, source.rows, source.batch_size):
        yield source.span(start, start + source.batch_size)
