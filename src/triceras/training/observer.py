"""What looks at training steps from inside: it is compiled with them, and read when somebody wants to know."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.metrics.metric import Metric
from triceras.state.stateless import StatelessScope
from triceras.state.variable import Variable


class Observer(Metric):
    """Sees the data, the loss and the gradients of each training step of a model, and keeps what it learns in its variables.

    A step is compiled with the observers that the model has when training begins (``attach``). They may compute and assign to
    their variables, and nothing else: what they do runs on the device, and nothing waits for it.
    """

    def watch(self, model: Any, data: Any) -> AbstractContextManager[Any]:
        """A scope around the model's call and its loss.

        Args:
            model: the model.
            data: the batch, ``(x, y, sample_weight)``.
        """
        return contextlib.nullcontext()

    def saw_loss(self, loss: Tensor) -> None:
        """Take in the loss, inside ``watch``."""

    def update_state(self, gradients: Sequence[Any], variables: Sequence[Variable], optimizer: Any) -> None:
        """Take in the gradients, before the optimizer does.

        Args:
            gradients: those of the loss as the optimizer scales it, neither clipped nor accumulated; None where there is none.
            variables: what each belongs to.
            optimizer: the optimizer.
        """

    def result(self) -> dict[str, Tensor]:
        """Figures for the logs of training."""
        return {}


def attach(model: Any, observer: Observer) -> None:
    """Let the steps of a model's training show themselves to an observer from now on."""
    if not any(known is observer for known in model._observers):
        model._observers = [*model._observers, observer]


def detach(model: Any, observer: Observer) -> None:
    """Let them do without it."""
    model._observers = [known for known in model._observers if known is not observer]


@contextlib.contextmanager
def watching(observers: Sequence[Observer], model: Any, data: Any) -> Any:
    """The scopes of several observers as one."""
    with contextlib.ExitStack() as stack:
        for observer in observers:
            stack.enter_context(observer.watch(model, data))
        yield


def observed(model: Any) -> dict[str, Any]:
    """The figures of a model's observers, computed by NumPy: one transfer, and nothing to compile."""
    variables = [v for observer in model._observers for v in observer.variables]
    values = [model.backend.to_numpy(v.stored_value) for v in variables]
    with StatelessScope.over(variables, values), registry.backend_scope("numpy"):
        return {name: value for observer in model._observers for name, value in observer.result().items()}
