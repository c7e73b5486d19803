"""Runs a model's steps over batches: the pure step compiled by the backend, or a ``train_step`` that a user wrote."""

from __future__ import annotations

import contextlib
import pathlib
import traceback
import warnings
from typing import Any

from triceras.backends import registry
from triceras.backends.base import StepLoop, why
from triceras.state.variable import Variable
from triceras.training.data.batches import Layout, pack_x_y_sample_weight
from triceras.training.step import STEPS, StateChangeError, groups_of

_OWN_CODE = str(pathlib.Path(__file__).parents[1])


class Runner:
    """One kind of step for one layout of batches."""

    #: Whether many steps can go into one call.
    batches_many: bool

    def run(self, batch: list[Any]) -> Any:
        """One step; returns its output."""
        raise NotImplementedError

    def run_many(self, data: list[Any], index: Any, start: int, stop: int) -> None:
        """Steps over rows of arrays."""
        raise NotImplementedError


class Runners(dict[Any, "Runner"]):
    """The compiled steps of a model; a copy of the model has none and compiles its own."""

    def __init__(self) -> None:
        super().__init__()
        #: The variables that predictions were seen to change.
        self.carried: dict[Variable, None] = {}

    def __reduce__(self) -> Any:
        return Runners, ()


class PureRunner(Runner):
    """The pure step; one that can't be compiled since it looks at its values runs eagerly from then on."""

    def __init__(self, model: Any, kind: str, layout: Layout) -> None:
        self._model, self._kind, self._layout = model, kind, layout
        self._start()
        self.batches_many = kind != "predict" and not model.logs_are_custom

    def _start(self) -> None:
        model, kind = self._model, self._kind
        known = [model._runners.carried] if kind == "predict" else []
        self._parts = STEPS[kind](model, self._layout, *known)
        self.loop: StepLoop = (
            model.backend.eager_loop(*self._parts)
            if model.run_eagerly
            else model.backend.step_loop(*self._parts, jit=model.compiles(kind))
        )

    def run(self, batch: list[Any]) -> Any:
        try:
            return self._call("run", batch)
        except StateChangeError:  # which is known from now on
            self._start()
            return self.run(batch)

    def run_many(self, data: list[Any], index: Any, start: int, stop: int) -> None:
        self._call("run_many", data, index, start, stop)

    def _call(self, method: str, *args: Any) -> Any:
        try:
            return getattr(self.loop, method)(*args)
        except Exception as error:
            backend = self._model.backend
            if self._model.run_eagerly or self.loop.fallback or not backend.refuses(error):
                raise
            reason = why(error)
            warn_of_fallback(self._model, "The step", error)
        self.loop = backend.eager_loop(*self._parts)
        self.loop.fallback = reason
        return getattr(self.loop, method)(*args)


def warn_of_fallback(model: Any, step: str, error: Exception) -> None:
    """Say that a step runs eagerly, why, and where in the user's code it looked at its values."""
    place = _place(error)
    warnings.warn(
        f"{step} of model {model.name!r} can't be compiled and runs eagerly: {why(error)}{place} Compute with ops rather than "
        "Python's own branches and conversions, or compile the model with run_eagerly=True.",
        stacklevel=3,
    )


def _place(error: Exception) -> str:
    """The last line of the user's own code that an error passed through, or nothing where there is none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OWN_CODE, "<")) and "site-packages" not in pathlib.Path(frame.filename).parts
    ]
    return f" In {frames[-1].name}(), {frames[-1].filename}, line {frames[-1].lineno}." if frames else ""


class OwnStepRunner(Runner):
    """A ``train_step`` of the user's, as written for the backend: ``(state, data) -> (logs, state)`` or ``data -> logs``."""

    batches_many = False

    def __init__(self, model: Any, kind: str, layout: Layout) -> None:
        self.model = model
        self.kind = kind
        method = getattr(model, f"{kind}_step")
        backend = model.backend
        wanted = model.compiles(kind)
        if backend.functional_steps:
            self._plain: Any = lambda state, batch: method(state, _data(layout, batch))
            self._step: Any = self._plain if wanted is False else backend.compile(self._plain)
            self._run = self._run_functional
        else:
            record = contextlib.nullcontext if kind == "train" else backend.no_grad

            def plain(batch: list[Any]) -> Any:
                with record():
                    return method(_data(layout, batch))

            self._plain = plain
            self._step = self._plain if wanted is False else backend.stateful_step(self._plain, jit=wanted)
            self._run = self._call

    def run(self, batch: list[Any]) -> Any:
        return self._run(batch)

    def _call(self, *args: Any) -> Any:
        """The step; one that can't be compiled since it looks at its values runs eagerly from then on."""
        try:
            return self._step(*args)
        except Exception as error:
            if self._step is self._plain or not self.model.backend.refuses(error):
                raise
            warn_of_fallback(self.model, f"{self.kind}_step()", error)
        self._step = self._plain
        return self._step(*args)

    def _run_functional(self, batch: list[Any]) -> Any:
        groups = groups_of(self.model, self.kind)
        state = tuple([v.stored_value for v in group] for group in groups)
        output, new_state = self._call(state, batch)
        for group, values in zip(groups, new_state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.store(value)
        return output


def _data(layout: Layout, batch: list[Any]) -> Any:
    return pack_x_y_sample_weight(*layout.unflatten(batch))


def make_runner(model: Any, kind: str, layout: Layout) -> Runner:
    """The runner for a kind of step: the user's own where the model's class overrides it."""
    with registry.use(model.backend):
        return (OwnStepRunner if model.overrides(f"{kind}_step") else PureRunner)(model, kind, layout)
