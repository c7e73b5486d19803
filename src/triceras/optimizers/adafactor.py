"""Adafactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class Adafactor(Optimizer):
    """Adam with second moments kept by row and column (Shazeer & Stern 2018, algorithm 4).

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        beta_2_decay: the second moments decay by ``1 - t**beta_2_decay``.
        epsilon_1: added to squared gradients.
        epsilon_2: the least size a weight counts as having.
        clip_threshold: the greatest root mean square of a step.
        relative_step: whether the rate is at most ``1 / sqrt(t)``.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Adafactor(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.9
    """

    hyperparameters = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.rows, self.columns, self.velocities = [], [], []
        for variable in var_list:
            shape, dtype = variable.shape, variable.stored_dtype
            factored = len(shape) >= 2
            # Where nothing is factored two empty slots keep the places in files.
            row, column = (shape[:-1], (*shape[:-2], shape[-1])) if factored else ((), ())
            slot_dtype = dtype if factored else "int32"
            stem = variable.path.replace("/", "_")
            self.rows.append(self.add_variable(row, "zeros", slot_dtype, name=f"{stem}_row"))
            self.columns.append(self.add_variable(column, "zeros", slot_dtype, name=f"{stem}_column"))
            self.velocities.append(self.add_variable_from_reference(variable, "velocity"))

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        self.rate = ops.minimum(learning_rate, ops.rsqrt(step)) if self.relative_step else learning_rate
        self.decay = 1.0 - ops.power(step, self.beta_2_decay)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index, dtype = self.slot_index(variable), variable.stored_dtype
        decay = ops.cast(self.decay, dtype)
        squares = ops.square(gradient) + self.epsilon_1
        velocity = self.velocities[index]
        if len(variable.shape) < 2:
            v = velocity.value * decay + squares * (1.0 - decay)
        else:
            row, column = self.rows[index], self.columns[index]
            r = row.value * decay + ops.mean(squares, axis=-1) * (1.0 - decay)
            c = column.value * decay + ops.mean(squares, axis=-2) * (1.0 - decay)
            row.assign(r)
            column.assign(c)
            share = r / ops.mean(r, axis=-1, keepdims=True)
            v = ops.expand_dims(share, -1) * ops.expand_dims(c, -2)
        velocity.assign(v)
        step = gradient * ops.rsqrt(v)
        step = step / ops.maximum(1.0, _root_mean_square(step) / self.clip_threshold)
        size = ops.maximum(self.epsilon_2, _root_mean_square(variable.value))
        variable.assign(variable.value - step * (size * ops.cast(self.rate, dtype)))


def _root_mean_square(x: Tensor) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x)))
