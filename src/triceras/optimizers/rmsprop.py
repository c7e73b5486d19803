"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer, kernel
from triceras.state.variable import Variable


class RMSprop(Optimizer):
    """Gradients divided by the root of their recent mean square (Tieleman & Hinton 2012).

    ``v = rho * v + (1 - rho) * g**2``, ``w -= learning_rate * g / sqrt(v + epsilon)``. Centered, the square of the mean
    gradient is taken from v; with momentum, the step goes through ``m = momentum * m + step`` first.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        rho: the decay of the mean square.
        momentum: the share of the last step that goes on.
        epsilon: keeps the division finite.
        centered: whether to divide by an estimate of the standard deviation instead.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> RMSprop(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.6838
    """

    hyperparameters = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.velocities = self.add_optimizer_variables(var_list, "velocity")
        self.momentums = self.add_optimizer_variables(var_list, "momentum") if self.momentum > 0 else []
        self.average_gradients = self.add_optimizer_variables(var_list, "average_gradient") if self.centered else []

    @kernel("rmsprop")
    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self.slot_index(variable)
        velocity = self.velocities[index]
        new_v = velocity.value * self.rho + gradient * gradient * (1.0 - self.rho)
        velocity.assign(new_v)
        divisor = new_v + self.epsilon
        if self.centered:
            average = self.average_gradients[index]
            mean = average.value * self.rho + gradient * (1.0 - self.rho)
            average.assign(mean)
            divisor = divisor - mean * mean
        step = gradient * learning_rate * ops.rsqrt(divisor)
        if self.momentum > 0:
            momentum = self.momentums[index]
            step = momentum.value * self.momentum + step
            momentum.assign(step)
        variable.assign(variable.value - step)
