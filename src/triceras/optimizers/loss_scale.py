"""Loss scaling, so that small gradients survive float16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import objects
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class LossScaleOptimizer(Optimizer):
    """Multiplies the loss by a scale and divides the gradients by it before another optimizer uses them.

    The scale doubles after a number of steps with finite gradients in a row. Where a gradient isn't finite, the step is
    left out and the scale is halved (Micikevicius et al. 2018, section 3.2).

    Args:
        inner_optimizer: what uses the gradients.
        initial_scale: the first scale.
        dynamic_growth_steps: after how many finite steps the scale doubles.
        name: its name.

    Example:
        >>> v = Variable([1.0])
        >>> optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=4.0)
        >>> optimizer.apply([ones((1,)) * 4.0], [v])
        >>> float(v[0])
        0.5
    """

    skips_overflow = True

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(inner_optimizer, dict):
            inner_optimizer = objects.deserialize_keras_object(inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"LossScaleOptimizer wraps an Optimizer, received {inner_optimizer!r}.")
        super().__init__(0.0, name=name, **kwargs)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "ones", "float32", name="dynamic_scale")
        self.dynamic_scale.assign(float(self.initial_scale))
        self.inner_optimizer.build(var_list)
        self.variables.extend(self.inner_optimizer.variables)

    @property
    def iterations(self) -> Any:
        """The number of updates done."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next update, the inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times the scale."""
        scale = self.dynamic_scale.value if self.built else self.initial_scale
        return self.inner_optimizer.scale_loss(loss) * scale

    def _update(self, gradients: list[Tensor], variables: list[Variable], fused: bool) -> None:
        scale, count = self.dynamic_scale.value, self.step_counter.value
        gradients = [g * ops.cast(1.0 / scale, ops.dtype(g)) for g in gradients]
        finite = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in gradients]))
        self._update_if(finite, lambda: self.inner_optimizer._apply(gradients, variables, fused=False))
        grown = ops.equal(count, self.dynamic_growth_steps - 1)
        self.step_counter.assign(ops.where(ops.logical_and(finite, ops.logical_not(grown)), count + 1, 0))
        self.dynamic_scale.assign(scale * ops.where(finite, ops.where(grown, 2.0, 1.0), 0.5))

    def moving_average(self, variable: Variable) -> Variable | None:
        return self.inner_optimizer.moving_average(variable)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": objects.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }


def with_loss_scaling(optimizer: Optimizer) -> LossScaleOptimizer:
    """An optimizer with loss scaling, which float16 gradients need; one that has it stays as it is."""
    return optimizer if isinstance(optimizer, LossScaleOptimizer) else LossScaleOptimizer(optimizer)
