"""AdamW without a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class ScheduleFreeAdamW(Optimizer):
    """AdamW whose average of iterates takes the place of a falling learning rate (Defazio et al. 2024, algorithm 1).

    Gradients are taken at ``y = (1 - beta_1) * z + beta_1 * x``; z makes Adam's steps without momentum and x is its
    mean. The variables hold y, z lies in the slot ``momentum``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_1: how near to the mean gradients are taken.
        beta_2: the decay rate of the second moment.
        epsilon: keeps the division finite.
        warmup_steps: over how many steps the learning rate rises.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> ScheduleFreeAdamW(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon", "warmup_steps")

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.velocities = self.add_optimizer_variables(var_list, ("momentum", "velocity"))
        for z, variable in zip(self.momentums, var_list, strict=True):
            z.assign(variable.value)

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        rise = ops.minimum(1.0, step / self.warmup_steps) if self.warmup_steps else 1.0
        self.rate = learning_rate * rise
        self.correction = 1.0 / (1.0 - ops.power(self.beta_2, step))
        self.share = 1.0 / step

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index, dtype = self.slot_index(variable), variable.stored_dtype
        z, velocity = self.momentums[index], self.velocities[index]
        y = variable.value
        v = velocity.value + (gradient * gradient - velocity.value) * (1.0 - self.beta_2)
        velocity.assign(v)
        step = gradient / (ops.sqrt(v * ops.cast(self.correction, dtype)) + self.epsilon)
        x = (y - z.value * (1.0 - self.beta_1)) / self.beta_1
        new_z = z.value - step * ops.cast(self.rate, dtype)
        z.assign(new_z)
        x = x + (new_z - x) * ops.cast(self.share, dtype)
        variable.assign(new_z * (1.0 - self.beta_1) + x * self.beta_1)
