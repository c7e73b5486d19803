"""Optimizers that divide by all gradients so far: Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import initializers, ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares (Duchi, Hazan & Singer 2011).

    ``a += g**2``, ``w -= learning_rate * g / sqrt(a + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        initial_accumulator_value: where the sums begin, at least 0.
        epsilon: keeps the division finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Adagrad(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9047
    """

    hyperparameters = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        start = initializers.Constant(self.initial_accumulator_value)
        self.accumulators = self.add_optimizer_variables(var_list, "accumulator", start)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        accumulator = self.accumulators[self.slot_index(variable)]
        total = accumulator.value + gradient * gradient
        accumulator.assign(total)
        variable.assign(variable.value - gradient * learning_rate / ops.sqrt(total + self.epsilon))


class Adadelta(Optimizer):
    """Steps whose units match the weights' (Zeiler 2012).

    ``a = rho * a + (1 - rho) * g**2``, ``step = g * sqrt(d + epsilon) / sqrt(a + epsilon)``,
    ``d = rho * d + (1 - rho) * step**2``, ``w -= learning_rate * step``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        rho: the decay of both means.
        epsilon: keeps the division finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Adadelta(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9999
    """

    hyperparameters = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        self.rho = rho
        self.epsilon = epsilon

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        slots = ("accumulated_grad", "accumulated_delta_var")
        self.squares, self.squared_steps = self.add_optimizer_variables(var_list, slots)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self.slot_index(variable)
        squares, squared_steps = self.squares[index], self.squared_steps[index]
        mean = squares.value * self.rho + gradient * gradient * (1.0 - self.rho)
        step = gradient * ops.sqrt(squared_steps.value + self.epsilon) / ops.sqrt(mean + self.epsilon)
        squares.assign(mean)
        squared_steps.assign(squared_steps.value * self.rho + step * step * (1.0 - self.rho))
        variable.assign(variable.value - step * learning_rate)
