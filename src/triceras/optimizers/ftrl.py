"""FTRL-proximal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import initializers, ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models (McMahan et al. 2013, algorithm 1).

    With ``p = -learning_rate_power``: ``n' = n + g**2``,
    ``z += g + 2 * shrinkage * w - (n'**p - n**p) / learning_rate * w``,
    ``w = -shrink(z, l1) / ((n'**p + beta) / learning_rate + 2 * l2)``.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        learning_rate_power: the exponent, at most 0; 0 for a constant rate.
        initial_accumulator_value: where the sums of squares begin, at least 0.
        l1_regularization_strength, l2_regularization_strength: penalties on the weights, at least 0.
        l2_shrinkage_regularization_strength: an L2 penalty on the gradients' side, at least 0.
        beta: added to the root of the sums of squares.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Ftrl(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.6031
    """

    hyperparameters = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        least = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
            "-learning_rate_power": -learning_rate_power,
        }
        for what, value in least.items():
            if value < 0:
                raise ValueError(f"Ftrl: {what} is at least 0, received {value!r}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        starts = (initializers.Constant(self.initial_accumulator_value), "zeros")
        self.squares, self.linears = self.add_optimizer_variables(var_list, ("accumulator", "linear"), starts)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index, weight = self.slot_index(variable), variable.value
        squares, linear = self.squares[index], self.linears[index]
        power = -self.learning_rate_power
        total = squares.value + gradient * gradient
        curvature = ops.power(total, power)
        growth = (curvature - ops.power(squares.value, power)) / learning_rate
        shrunk = gradient + weight * (2.0 * self.l2_shrinkage_regularization_strength)
        z = linear.value + shrunk - growth * weight
        squares.assign(total)
        linear.assign(z)
        quadratic = (curvature + self.beta) / learning_rate + 2.0 * self.l2_regularization_strength
        l1 = self.l1_regularization_strength
        variable.assign((ops.clip(z, -l1, l1) - z) / quadratic)
