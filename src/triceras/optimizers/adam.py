"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer, kernel
from triceras.state.variable import Variable


class Adam(Optimizer):
    """Steps by moment estimates (Kingma & Ba 2015).

    ``m += (1 - beta_1) * (g - m)``, ``v += (1 - beta_2) * (g**2 - v)``,
    ``w -= learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_1, beta_2: decay rates of the two moments.
        epsilon: keeps the division finite.
        amsgrad: whether the largest second moment so far divides (Reddi et al. 2018).
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Adam(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.velocities = self.add_optimizer_variables(var_list, ("momentum", "velocity"))
        self.greatest = self.add_optimizer_variables(var_list, "velocity_hat") if self.amsgrad else []

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1.0 - ops.power(self.beta_2, step)) / (1.0 - ops.power(self.beta_1, step))
        self.rate = learning_rate * correction

    @kernel("adam")
    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self.slot_index(variable)
        m, v = self.momentums[index], self.velocities[index]
        new_m = m.value + (gradient - m.value) * (1.0 - self.beta_1)
        new_v = v.value + (gradient * gradient - v.value) * (1.0 - self.beta_2)
        m.assign(new_m)
        v.assign(new_v)
        if self.amsgrad:
            new_v = ops.maximum(self.greatest[index].value, new_v)
            self.greatest[index].assign(new_v)
        rate = ops.cast(self.rate, variable.stored_dtype)
        variable.assign(variable.value - new_m * rate / (ops.sqrt(new_v) + self.epsilon))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019); arguments as ``Adam``'s."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if weight_decay is None:
            raise ValueError("AdamW needs a weight_decay, received None. Use Adam for none.")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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
