"""What optimizers have in common: state, and clipping, decay, averaging and accumulation around one update rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from triceras import initializers, ops
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.core import naming, objects
from triceras.core.autograph import left_alone
from triceras.optimizers.clipping import clip_by_global_norm, clip_by_norm
from triceras.optimizers.schedules import LearningRateSchedule
from triceras.state.stateless import StatelessScope
from triceras.state.variable import Variable

_SHARED_ARGUMENTS = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


@left_alone
class Optimizer:
    """Changes variables by their gradients.

    A subclass names its own arguments in ``hyperparameters`` and defines ``build``, which makes its slots with
    ``add_variable_from_reference``, and ``update_step`` for one variable. Where the backend has a fused kernel for a rule,
    it is used instead, with the same results.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        weight_decay: the share of each weight, times the learning rate, taken off at each step.
        clipnorm: the greatest norm of one variable's gradient.
        clipvalue: the greatest absolute value in a gradient.
        global_clipnorm: the greatest norm of all gradients together.
        use_ema: whether to keep moving averages of the variables.
        ema_momentum: of those averages.
        ema_overwrite_frequency: after how many steps the variables are set to their averages; None for the end of
            training only.
        loss_scale_factor: what the loss is multiplied by, and gradients divided by.
        gradient_accumulation_steps: how many gradients are averaged for one update.
        name: its name.
    """

    #: The attributes that ``get_config`` adds to those all optimizers have.
    hyperparameters: tuple[str, ...] = ()
    #: Whether it leaves steps out whose gradients aren't finite.
    skips_overflow = False

    def __init__(
        self,
        learning_rate: Any,
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
        if kwargs:
            raise ValueError(f"{type(self).__name__} received arguments it doesn't know: {', '.join(kwargs)}.")
        if sum(value is not None for value in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"Only one of clipnorm, clipvalue and global_clipnorm can be set, received clipnorm={clipnorm}, "
                f"clipvalue={clipvalue}, global_clipnorm={global_clipnorm}."
            )
        _check_range("ema_momentum", ema_momentum, 0, 1)
        _check_count("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        _check_count("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self.name = name or naming.auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency if use_ema else None
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self.backend = registry.active()
        self._excluded_from_decay: tuple[list[int], list[str]] = ([], [])
        self._trainable_variables: list[Variable] = []
        self._positions: dict[int, int] = {}
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._make_counters(learning_rate)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy needs: no tensors, which a step leaves behind for the next one to replace."""
        return {key: value for key, value in vars(self).items() if not registry.is_native(value)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._positions = {id(v): i for i, v in enumerate(self._trainable_variables)}

    def _make_counters(self, learning_rate: Any) -> None:
        """Make the variables that come before all slots."""
        self._variables: list[Variable] = []
        with naming.name_scope(self.name), registry.use(self.backend):
            self._iterations = Variable(
                0, dtype="int32", trainable=False, name="iteration", aggregation="only_first_replica"
            )
            self._variables.append(self._iterations)
            self._learning_rate = self._make_learning_rate(learning_rate)

    def _make_learning_rate(self, learning_rate: Any) -> Any:
        if isinstance(learning_rate, dict):
            learning_rate = objects.deserialize_keras_object(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule) or callable(learning_rate):
            return learning_rate
        if not isinstance(learning_rate, int | float) and not hasattr(learning_rate, "__float__"):
            raise ValueError(
                f"learning_rate is a number, a LearningRateSchedule or a function, received {learning_rate!r}."
            )
        variable = Variable(
            float(learning_rate),
            dtype="float32",
            trainable=False,
            name="learning_rate",
            aggregation="only_first_replica",
        )
        self._variables.append(variable)
        return variable

    # ---- state ------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The counter of steps, the learning rate unless it follows a schedule, and the slots, in the files' order."""
        return self._variables

    @property
    def iterations(self) -> Any:
        """The number of updates done."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next update."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self.iterations)
        return rate if isinstance(rate, Variable) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule):
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            raise TypeError(
                "The learning rate of this optimizer follows a schedule and can't be set; make the optimizer with a "
                "number to set it later."
            )

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for some variables."""
        if self.built:
            return
        owner = variables[0].backend if variables else self.backend
        if owner is not self.backend:
            # Made while another backend was active: an optimizer lives where its variables do.
            rate = self._learning_rate
            self.backend = owner
            self._make_counters(float(rate.numpy()) if isinstance(rate, Variable) else rate)
        self._trainable_variables = list(variables)
        self._positions = {id(v): i for i, v in enumerate(variables)}
        if self.use_ema:
            self._averages = [
                self.add_variable_from_reference(v, "average", lambda *_, v=v, **__: v.stored_value) for v in variables
            ]
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self.built = True

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this optimizer."""
        with naming.name_scope(self.name), registry.use(self.backend):
            variable = Variable(
                initializers.get(initializer),
                shape,
                dtype,
                trainable=False,
                autocast=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of another."""
        name = f"{reference_variable.path.replace('/', '_')}_{name or 'variable'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.stored_dtype, name=name)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Make a variable for each of some variables; several lists for several names."""
        if isinstance(name, str):
            return [self.add_variable_from_reference(v, name, initializer) for v in trainable_variables]
        starts = initializer if isinstance(initializer, list | tuple) else [initializer] * len(name)
        columns: list[list[Variable]] = [[] for _ in name]
        for variable in trainable_variables:
            for column, slot, start in zip(columns, name, starts, strict=True):
                column.append(self.add_variable_from_reference(variable, slot, start))
        return tuple(columns)

    def slot_index(self, variable: Variable) -> int:
        """The position of a variable among those this optimizer was built for."""
        return self._positions[id(variable)]

    # ---- updates ----------------------------------------------------------------------------------------------------

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Change one variable; the rule that a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define update_step().")

    def prepare_step(self, learning_rate: Tensor) -> None:
        """Compute what the updates of all variables share."""

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign(variable.value + value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign(variable.value - value)

    def apply_gradients(self, grads_and_vars: Any) -> Any:
        """The same as ``apply`` for pairs of a gradient and a variable."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(list(gradients), list(variables))
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Change variables by their gradients.

        Args:
            grads: a gradient for each variable, of its shape; None where there is none.
            trainable_variables: the variables; those it was built for by default.

        Raises:
            ValueError: the numbers of gradients and variables differ, or a variable isn't among those it was built for.
        """
        if not self.built and trainable_variables:
            self.build(list(trainable_variables))
        with registry.use(self.backend), self.backend.no_grad():
            gradients = self.backend.gradients(grads)
            if type(self).__module__.startswith("triceras."):
                self.backend.run_update(lambda g: self._apply(g, trainable_variables, fused=True), gradients)
            else:  # a rule that the compiler may not know how to compile
                self._apply(gradients, trainable_variables, fused=True)

    def _apply(self, grads: list[Any], trainable_variables: Sequence[Variable] | None, fused: bool) -> None:
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"The optimizer {self.name!r} isn't built: pass trainable_variables, or call build() first."
                )
            variables = self._trainable_variables
        else:
            variables = list(trainable_variables)
        self._check(grads, variables)
        pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if not pairs:
            raise ValueError(f"The optimizer {self.name!r} was given no gradient: all of them are None.")
        gradients, variables = [g for g, _ in pairs], [v for _, v in pairs]
        if self.loss_scale_factor is not None:
            gradients = [
                g * (1.0 / self.loss_scale_factor) if self._divides(v) else g for g, v in zip(gradients, variables)
            ]
        overwritten = [i for i, v in enumerate(variables) if v.overwrite_with_gradient]
        for i in overwritten:
            variables[i].assign(gradients[i])
        if overwritten:
            gradients = [g for i, g in enumerate(gradients) if i not in overwritten]
            variables = [v for i, v in enumerate(variables) if i not in overwritten]
        if self.gradient_accumulation_steps:
            self._accumulate(gradients, variables)
        else:
            self._update(gradients, variables, fused)
        self._iterations.assign(self._iterations.value + 1)

    def _divides(self, variable: Variable) -> bool:
        """Whether a variable's gradient is divided by ``loss_scale_factor`` here."""
        return True

    def _check(self, grads: list[Any], variables: Sequence[Variable]) -> None:
        if len(grads) != len(variables):
            raise ValueError(
                f"The optimizer {self.name!r} received {len(grads)} gradients for {len(variables)} variables."
            )
        for variable in variables:
            if id(variable) not in self._positions:
                raise ValueError(
                    f"The optimizer {self.name!r} was built for other variables and doesn't know {variable.path!r}. "
                    "Compile the model again after a layer became trainable; make a new optimizer for another model."
                )

    def _update(self, gradients: list[Tensor], variables: list[Variable], fused: bool) -> None:
        """One whole update: clip, decay, the rule, averages, constraints."""
        dtype_of = self.backend.dtype_of
        pairs = zip(gradients, variables, strict=True)
        gradients = self._clip([g if dtype_of(g) == v.stored_dtype else _cast(g, v.stored_dtype) for g, v in pairs])
        rate = ops.cast(self.learning_rate, "float32")
        self._decay(variables, rate, fused)
        self.prepare_step(rate)
        rule = getattr(type(self).update_step, "kernel", "")
        if not (fused and self._run_kernel(rule, gradients, variables, rate)):
            for gradient, variable in zip(gradients, variables, strict=True):
                self.update_step(gradient, variable, _cast(rate, variable.stored_dtype))
        if self.use_ema:
            self._update_averages(variables)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))

    def _run_kernel(self, rule: str, gradients: list[Tensor], variables: list[Variable], rate: Tensor) -> bool:
        """Whether the backend had a fused kernel for these variables, and ran it."""
        run = self.backend.optimizer_kernels.get(rule)
        return run is not None and run(self, gradients, variables, rate)

    def _accumulate(self, gradients: list[Tensor], variables: list[Variable]) -> None:
        """Add to the accumulators; every so often update by their mean. Written without a branch: it is compiled."""
        steps = self.gradient_accumulation_steps or 1
        due = ops.equal(ops.mod(self._iterations.value, steps), steps - 1)
        accumulators = [self._accumulators[self.slot_index(v)] for v in variables]
        sums = [a.value + _cast(g, a.stored_dtype) for g, a in zip(gradients, accumulators, strict=True)]
        self._update_if(due, lambda: self._update([s / steps for s in sums], variables, fused=False))
        for accumulator, total in zip(accumulators, sums, strict=True):
            accumulator.assign(ops.where(due, ops.zeros_like(total), total))

    def _update_if(self, due: Tensor, update: Callable[[], None]) -> None:
        """Run an update and keep what it changes only where ``due`` holds: what compiled steps have for a branch."""
        touched = [*self._trainable_variables, *self.variables]
        before = [v.value for v in touched]
        with StatelessScope.over(touched, before) as scope:
            update()
        for variable, old, new in zip(touched, before, scope.current(touched), strict=True):
            if new is not old:
                variable.assign(ops.where(due, new, old))

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Update as a pure function.

        Args:
            optimizer_variables: the values of ``variables``, in order.
            grads: the gradients.
            trainable_variables: the values of the variables it was built for, in order.

        Returns:
            ``(trainable_variables, optimizer_variables)``, the new values.
        """
        if not self.built:
            raise ValueError(
                f"The optimizer {self.name!r} isn't built. Call build(variables) before stateless_apply()."
            )
        for what, ours, given in (
            ("optimizer", self.variables, optimizer_variables),
            ("trainable", self._trainable_variables, trainable_variables),
        ):
            if len(ours) != len(given):
                raise ValueError(
                    f"The optimizer {self.name!r} has {len(ours)} {what} variables, received {len(given)} values."
                )
        variables = [*self._trainable_variables, *self.variables]
        with (
            StatelessScope.over(variables, [*trainable_variables, *optimizer_variables]) as scope,
            registry.use(self.backend),
        ):
            self._apply(self.backend.gradients(grads), self._trainable_variables, fused=False)
        return scope.current(self._trainable_variables), scope.current(self.variables)

    # ---- gradients --------------------------------------------------------------------------------------------------

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times the scale."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _clip(self, gradients: list[Tensor]) -> list[Tensor]:
        if self.clipnorm is not None and self.clipnorm > 0:
            return [clip_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm is not None and self.global_clipnorm > 0:
            return clip_by_global_norm(gradients, self.global_clipnorm)
        if self.clipvalue is not None and self.clipvalue > 0:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in gradients]
        return gradients

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leave variables out of weight decay: those given, and those whose path holds one of some names."""
        if self.built:
            raise ValueError("exclude_from_weight_decay() must be called before the optimizer is built.")
        self._excluded_from_decay = ([id(v) for v in var_list or ()], list(var_names or ()))

    def _decays(self, variable: Variable) -> bool:
        ids, names = self._excluded_from_decay
        return id(variable) not in ids and not any(re.search(name, variable.path) for name in names)

    def _decay(self, variables: list[Variable], rate: Tensor, fused: bool) -> None:
        if self.weight_decay is None:
            return
        decayed = [v for v in variables if self._decays(v)]
        if not decayed or (fused and self._run_kernel("decay", [], decayed, rate)):
            return
        for variable in decayed:
            shrink = _cast(rate, variable.stored_dtype) * self.weight_decay
            variable.assign(variable.value - variable.value * shrink)

    def _update_averages(self, variables: list[Variable]) -> None:
        frequency = self.ema_overwrite_frequency
        due = None
        if frequency:
            due = ops.equal(ops.mod(self.iterations + 1, frequency), 0)
        # The first step has nothing to average with yet.
        momentum = ops.where(ops.equal(self.iterations, 0), 0.0, self.ema_momentum)
        for variable in variables:
            average = self._averages[self.slot_index(variable)]
            keep = _cast(momentum, average.stored_dtype)
            average.assign(average.value * keep + variable.value * (1.0 - keep))
            if due is not None:
                variable.assign(ops.where(due, average.value, variable.value))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Set variables to their moving averages, at the end of training."""
        for variable in var_list:
            average = self.moving_average(variable)
            if average is not None:
                # A copy, for a step takes the memory of all its variables in turn.
                variable.assign(ops.copy(average.value))

    def moving_average(self, variable: Variable) -> Variable | None:
        """The moving average of a variable, or None where none is kept."""
        kept = self.use_ema and self.built and id(variable) in self._positions
        return self._averages[self.slot_index(variable)] if kept else None

    # ---- files ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate.numpy())
        elif isinstance(rate, LearningRateSchedule):
            rate = objects.serialize_keras_object(rate)
        config = {"name": self.name, "learning_rate": rate}
        return config | {key: getattr(self, key) for key in (*_SHARED_ARGUMENTS, *self.hyperparameters)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        """Make one from ``get_config``'s result."""
        with objects.CustomObjectScope(custom_objects or {}):
            return cls(**config)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state from arrays, in the order of ``variables``.

        Raises:
            ValueError: the number of arrays or a shape differs.
        """
        if len(weights) != len(self.variables):
            raise ValueError(
                f"The optimizer {self.name!r} has {len(self.variables)} variables, received {len(weights)} arrays. "
                "build() it for the model's trainable variables first."
            )
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Put the state into a mapping, by position."""
        for position, variable in enumerate(self.variables):
            store[str(position)] = variable

    def load_own_variables(self, store: Any) -> None:
        """Set the state from a mapping; of an optimizer that wasn't built when it was saved, the counters are there."""
        counters = 1 + isinstance(self._learning_rate, Variable)
        if len(store.keys()) not in (counters, len(self.variables)):
            raise ValueError(
                f"The optimizer {self.name!r} has {len(self.variables)} variables, the file has {len(store.keys())} for "
                "it. Compile the model with the optimizer it was saved with."
            )
        for position, variable in enumerate(self.variables[: len(store.keys())]):
            variable.assign(store[str(position)])


def _cast(x: Any, dtype: str) -> Any:
    return x if getattr(x, "dtype", None) == dtype else ops.cast(x, dtype)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} lies between {low} and {high}, received {value!r}.")


def _check_count(name: str, value: Any, least: int) -> None:
    if value is not None and (not isinstance(value, int) or value < least):
        raise ValueError(f"{name} is an integer of at least {least} or None, received {value!r}.")


def kernel(name: str) -> Callable[[Any], Any]:
    """Name the fused kernel that backends may have for an ``update_step``; an override of it has none."""

    def decorate(update_step: Any) -> Any:
        update_step.kernel = name
        return update_step

    return decorate
