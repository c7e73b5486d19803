"""Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import patterns
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class Muon(Optimizer):
    """Orthogonalized momentum for matrices (Jordan et al. 2024), Adam for all other variables.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        adam_beta_1, adam_beta_2, epsilon: Adam's, for variables that aren't matrices.
        adam_weight_decay: their weight decay.
        exclude_layers: patterns of paths of matrices that Adam handles.
        exclude_embeddings: whether Adam handles embeddings.
        muon_a, muon_b, muon_c: the coefficients of an iteration of Newton and Schulz.
        adam_lr_ratio: Adam's learning rate as a share of Muon's.
        momentum: the decay of the momentum.
        ns_steps: the number of iterations.
        nesterov: whether the gradient counts as taken after the momentum's step.
        rms_rate: the root mean square of a step in units of the learning rate; None for no scaling.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as for ``Optimizer``.

    Example:
        >>> v = Variable([1.0])
        >>> Muon(0.1).apply([ones((1,))], [v])
        >>> round(float(v[0]), 4)
        0.8996
    """

    hyperparameters = (
        "adam_beta_1",
        "adam_beta_2",
        "adam_weight_decay",
        "epsilon",
        "exclude_layers",
        "exclude_embeddings",
        "muon_a",
        "muon_b",
        "muon_c",
        "adam_lr_ratio",
        "momentum",
        "ns_steps",
        "nesterov",
        "rms_rate",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
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
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or ())
        for pattern in self.exclude_layers:
            patterns.check_pattern(pattern)
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.velocities = [], {}
        for variable in var_list:
            self.momentums.append(self.add_variable_from_reference(variable, "momentum"))
            if self._is_for_adam(variable):
                self.velocities[id(variable)] = self.add_variable_from_reference(variable, "velocity")

    def _is_for_adam(self, variable: Variable) -> bool:
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(patterns.search(pattern, variable.path) for pattern in self.exclude_layers)

    def prepare_step(self, learning_rate: Tensor) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1.0 - ops.power(self.adam_beta_2, step)) / (1.0 - ops.power(self.adam_beta_1, step))
        self.rate = learning_rate * self.adam_lr_ratio * correction

    def _decay(self, variables: list[Variable], rate: Tensor, fused: bool) -> None:
        for variable in variables:
            share = self.adam_weight_decay if id(variable) in self.velocities else self.weight_decay
            if share is not None and self._decays(variable):
                shrink = ops.cast(rate, variable.stored_dtype) * share
                variable.assign(variable.value - variable.value * shrink)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        momentum = self.momentums[self.slot_index(variable)]
        if id(variable) in self.velocities:
            self._adam_step(gradient, variable, momentum, self.velocities[id(variable)])
            return
        m = momentum.value * self.momentum + gradient
        momentum.assign(m)
        direction = self._orthogonal(gradient + m * self.momentum if self.nesterov else m)
        rows, columns = variable.shape
        scale = 1.0 if self.rms_rate is None else self.rms_rate * max(rows, columns) ** 0.5
        variable.assign(variable.value - direction * (learning_rate * scale))

    def _adam_step(self, gradient: Tensor, variable: Variable, momentum: Variable, velocity: Variable) -> None:
        m = momentum.value + (gradient - momentum.value) * (1.0 - self.adam_beta_1)
        v = velocity.value + (gradient * gradient - velocity.value) * (1.0 - self.adam_beta_2)
        momentum.assign(m)
        velocity.assign(v)
        rate = ops.cast(self.rate, variable.stored_dtype)
        variable.assign(variable.value - m * rate / (ops.sqrt(v) + self.epsilon))

    def _orthogonal(self, x: Tensor) -> Tensor:
        """Near the orthogonal matrix nearest to x, by iterations of Newton and Schulz."""
        wide = x.shape[0] <= x.shape[1]
        x = x if wide else ops.transpose(x)
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            square = ops.matmul(x, ops.transpose(x))
            mixed = square * self.muon_b + ops.matmul(square, square) * self.muon_c
            x = x * self.muon_a + ops.matmul(mixed, x)
        return x if wide else ops.transpose(x)
