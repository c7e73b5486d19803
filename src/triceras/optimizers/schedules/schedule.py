"""What schedules have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core.autograph import left_alone


@left_alone
class LearningRateSchedule:
    """A learning rate for each step: called with the number of updates done, returns a scalar.

    A subclass defines ``__call__`` and either names its arguments in ``arguments`` or defines ``get_config``.
    """

    #: The attributes that ``get_config`` returns.
    arguments: tuple[str, ...] | None = None

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define __call__().")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        if self.arguments is None:
            raise NotImplementedError(f"{type(self).__name__} doesn't define get_config(), which saving it needs.")
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Make one from ``get_config``'s result."""
        return cls(**config)

    def check_steps(self, name: str, value: Any) -> None:
        """Raise a ValueError unless a number of steps is positive."""
        if not value > 0:
            raise ValueError(f"{type(self).__name__}: {name} is a positive number of steps, received {value!r}.")


def as_float(step: Any) -> Tensor:
    """A step as a float32 scalar."""
    return ops.cast(ops.convert_to_tensor(step), "float32")
