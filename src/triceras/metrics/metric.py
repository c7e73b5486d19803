"""What metrics have in common: state that accumulates over batches, and a result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras import dtype_policies, initializers
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.core import dtypes, naming, scopes, settings
from triceras.core.autograph import left_alone
from triceras.state.stateless import StatelessScope
from triceras.state.variable import Variable


def _on_own_backend(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(self: Metric, *args: Any, **kwargs: Any) -> Any:
        if scopes.in_stateless_scope():  # whoever opened it has chosen the backend of its values
            return method(self, *args, **kwargs)
        with registry.use(self.backend):
            return method(self, *args, **kwargs)

    return run


@left_alone
class Metric:
    """A figure over all batches of an epoch.

    A subclass makes its state in ``__init__`` with ``add_variable``, changes it in ``update_state`` and computes the
    figure in ``result``. Where the state's shape depends on the data, the subclass makes it in ``build`` and sets ``built``.

    Args:
        dtype: the dtype or dtype policy of its state.
        name: its name.
    """

    #: Whether its state is made.
    built = False

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype_policy = dtype_policies.get(dtype or settings.floatx())
        self._dtype = self._dtype_policy.compute_dtype
        self._own_variables: list[Variable] = []
        self._metrics: list[Metric] = []
        self.backend = registry.active()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let what a subclass defines run on the metric's own backend, whichever is active."""
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result", "reset_state"):
            if name in cls.__dict__:
                setattr(cls, name, _on_own_backend(cls.__dict__[name]))

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable) and not any(v is value for v in self._own_variables):
            self._own_variables.append(value)
        elif isinstance(value, Metric):
            self._metrics.append(value)
        object.__setattr__(self, name, value)

    @property
    def dtype(self) -> str:
        """The dtype of its state."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """Its state."""
        return [*self._own_variables, *(v for metric in self._metrics for v in metric.variables)]

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, aggregation: str = "sum", name: str | None = None
    ) -> Variable:
        """Make a variable of its state."""
        with naming.name_scope(self.name), registry.use(self.backend):
            variable = Variable(
                initializers.get(initializer),
                shape,
                dtype or self.dtype,
                trainable=False,
                autocast=False,
                aggregation=aggregation,
                synchronization="on_read",
                name=name,
            )
        self._own_variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """The same as ``add_variable``."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the state that depends on the shapes of the data; called before a step is compiled."""
        self.built = True

    def reset_state(self) -> None:
        """Begin anew."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, dtypes.numpy_dtype(variable.stored_dtype)))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define update_state().")

    def result(self) -> Any:
        """The figure so far."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define result().")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and return the figure so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    # ---- pure forms -------------------------------------------------------------------------------------------------

    def _scope(self, metric_variables: Any) -> StatelessScope:
        values = list(metric_variables)
        if len(values) != len(self.variables):
            raise ValueError(
                f"The metric {self.name!r} has {len(self.variables)} variables, received {len(values)} values."
            )
        return StatelessScope.over(self.variables, values)

    def stateless_update_state(self, metric_variables: Any, *args: Any, **kwargs: Any) -> list[Tensor]:
        """The values of its variables after a batch, given those before."""
        with self._scope(metric_variables) as scope:
            self.update_state(*args, **kwargs)
        return scope.current(self.variables)

    def stateless_result(self, metric_variables: Any) -> Any:
        """The figure for values of its variables."""
        with self._scope(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Tensor]:
        """The values of its variables at the beginning."""
        with StatelessScope() as scope, registry.use(self.backend):
            self.reset_state()
        return scope.current(self.variables)

    # ---- files ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make one from ``get_config``'s result."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
