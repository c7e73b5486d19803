"""The scope that makes stateful code pure: variables read from and write to a mapping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from triceras.backends import registry
from triceras.core import scopes
from triceras.core.autograph import left_alone


@left_alone
class StatelessScope:
    """Inside, variables have the values of a mapping, and assignments go there instead of to the variables.

    Args:
        state_mapping: pairs of a variable and its value in the scope, a tensor of its shape.
        collect_losses: whether losses that layers add are gathered in ``losses`` rather than kept by the layers.
        initialize_variables: kept for compatibility; variables made inside are always initialised, outside of any trace.

    Example:
        >>> v = Variable([1.0, 2.0])
        >>> with StatelessScope() as scope:
        ...     _ = v.assign([3.0, 4.0])
        >>> convert_to_numpy(scope.get_current_value(v)).tolist(), v.numpy().tolist()
        ([3.0, 4.0], [1.0, 2.0])
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Any, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self.values: dict[Any, Any] = {}
        for variable, value in state_mapping or ():
            if not isinstance(variable, registry.StateHolder):
                raise ValueError(f"StatelessScope takes pairs (Variable, value), received {variable!r} for a variable.")
            if value is not None and variable.shape != tuple(value.shape):
                raise ValueError(
                    f"The value for {variable.path} has the shape {tuple(value.shape)}, expected {variable.shape}."
                )
            self.values[variable] = value
        self._tokens: list[Any] = []

    @classmethod
    def over(cls, variables: Iterable[Any], values: Iterable[Any], collect_losses: bool = False) -> StatelessScope:
        """The same without checks, for the compiled steps."""
        scope = cls(collect_losses=collect_losses)
        scope.values = dict(zip(variables, values, strict=True))
        return scope

    def add_loss(self, loss: Any) -> None:
        """Gather a loss."""
        self.losses.append(loss)

    def add_update(self, update: tuple[Any, Any]) -> None:
        """Set a variable's value in this scope: a pair of the two."""
        variable, value = update
        self.values[variable] = value

    def get_current_value(self, variable: Any) -> Any:
        """The value of a variable in this scope, None where it has none."""
        return self.values.get(variable)

    def current(self, variables: Iterable[Any]) -> list[Any]:
        """The values of several variables, each its stored one where this scope doesn't know it."""
        return [value if (value := self.values.get(v)) is not None else v.stored_value for v in variables]

    def __enter__(self) -> StatelessScope:
        self._tokens.append(scopes.stateless.set(self))
        return self

    def __exit__(self, *error: object) -> None:
        scopes.stateless.reset(self._tokens.pop())
