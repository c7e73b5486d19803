"""Relatives of Adam: Adamax, Nadam, Lamb and Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class Adamax(Optimizer):
    """Adam by the greatest gradient (Kingma & Ba 2015, section 7.1).

    ``m += (1 - beta_1) * (g - m)``, ``u = max(beta_2 * u, abs(g))``,
    ``w -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_1, beta_2: decay rates of the mean and of the greatest gradient.
        epsilon: keeps the division finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Adamax(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.norms = self.add_optimizer_variables(var_list, ("momentum", "norm"))

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        self.rate = learning_rate / (1.0 - ops.power(self.beta_1, step))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self.slot_index(variable)
        momentum, norm = self.momentums[index], self.norms[index]
        m = momentum.value + (gradient - momentum.value) * (1.0 - self.beta_1)
        u = ops.maximum(norm.value * self.beta_2, ops.abs(gradient))
        momentum.assign(m)
        norm.assign(u)
        variable.assign(variable.value - m * ops.cast(self.rate, variable.stored_dtype) / (u + self.epsilon))


class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016, with its schedule of momenta).

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_1, beta_2: decay rates of the two moments.
        epsilon: keeps the division finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Nadam(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.8937
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.velocities = self.add_optimizer_variables(var_list, ("momentum", "velocity"))
        self.product = self.add_variable((), "ones", "float32", name="momentum_product")

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        now, later = (self.beta_1 * (1.0 - 0.5 * ops.power(0.96, s)) for s in (step, step + 1))
        product = self.product.value * now
        self.product.assign(product)
        self.share_of_momentum = later / (1.0 - product * later)
        self.share_of_gradient = (1.0 - now) / (1.0 - product)
        self.correction = 1.0 / (1.0 - ops.power(self.beta_2, step))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index, dtype = self.slot_index(variable), variable.stored_dtype
        momentum, velocity = self.momentums[index], self.velocities[index]
        m = momentum.value + (gradient - momentum.value) * (1.0 - self.beta_1)
        v = velocity.value + (gradient * gradient - velocity.value) * (1.0 - self.beta_2)
        momentum.assign(m)
        velocity.assign(v)
        ahead = m * ops.cast(self.share_of_momentum, dtype) + gradient * ops.cast(self.share_of_gradient, dtype)
        divisor = ops.sqrt(v * ops.cast(self.correction, dtype)) + self.epsilon
        variable.assign(variable.value - ahead * learning_rate / divisor)


class Lamb(Optimizer):
    """Adam's steps, scaled for each variable to the length of its weights (You et al. 2020, algorithm 2).

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_1, beta_2: decay rates of the two moments.
        epsilon: keeps the division finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Lamb(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.velocities = self.add_optimizer_variables(var_list, ("momentum", "velocity"))

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        self.corrections = [1.0 / (1.0 - ops.power(beta, step)) for beta in (self.beta_1, self.beta_2)]

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index, dtype = self.slot_index(variable), variable.stored_dtype
        momentum, velocity = self.momentums[index], self.velocities[index]
        m = momentum.value + (gradient - momentum.value) * (1.0 - self.beta_1)
        v = velocity.value + (gradient * gradient - velocity.value) * (1.0 - self.beta_2)
        momentum.assign(m)
        velocity.assign(v)
        of_m, of_v = (ops.cast(c, dtype) for c in self.corrections)
        step = m * of_m / (ops.sqrt(v * of_v) + self.epsilon)
        length, step_length = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable.value, step))
        usable = ops.logical_and(length > 0, step_length > 0)
        ratio = ops.where(usable, length / ops.where(usable, step_length, 1.0), 1.0)
        variable.assign(variable.value - step * (ratio * learning_rate))


class Lion(Optimizer):
    """Steps of one size, by the sign of the momentum (Chen et al. 2023, algorithm 2).

    ``w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)``, ``m = beta_2 * m + (1 - beta_2) * g``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_1: the momentum's share in the sign, above 0 and at most 1.
        beta_2: the decay of the momentum.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Lion(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9
    """

    hyperparameters = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        if not 0 < beta_1 <= 1:
            raise ValueError(
                f"Lion: beta_1 lies above 0 and is at most 1, received {beta_1!r}. It would use gradients alone."
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums = self.add_optimizer_variables(var_list, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        momentum = self.momentums[self.slot_index(variable)]
        m = momentum.value
        variable.assign(variable.value - ops.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1)) * learning_rate)
        momentum.assign(m * self.beta_2 + gradient * (1.0 - self.beta_2))
