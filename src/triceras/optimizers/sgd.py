"""Gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer, kernel
from triceras.state.variable import Variable


class SGD(Optimizer):
    """Gradient descent, with momentum where asked for.

    ``w -= learning_rate * g``; with momentum ``m = momentum * m - learning_rate * g``, then ``w += m``, or in
    Nesterov's form ``w += momentum * m - learning_rate * g``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        momentum: the share of the last step that goes on, 0 … 1.
        nesterov: whether the gradient counts as taken after the momentum's step (Sutskever et al. 2013).
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Raises:
        ValueError: the momentum is out of range.

    Example:
        >>> v = Variable([1.0])
        >>> SGD(0.5).apply([ones((1,))], [v])
        >>> float(v[0])
        0.5
    """

    hyperparameters = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum lies between 0 and 1, received {momentum!r}.")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums = self.add_optimizer_variables(var_list, "momentum") if self.momentum else []

    @kernel("sgd")
    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign(variable.value - step)
            return
        m = self.momentums[self.slot_index(variable)]
        new = m.value * self.momentum - step
        m.assign(new)
        variable.assign(variable.value + (new * self.momentum - step if self.nesterov else new))
