"""A pure step under JAX: jitted, its inputs' memory given away, and many steps in one loop on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from triceras.backends.base import Backend, StepLoop

#: On a CPU, XLA runs these in a loop's body on one core and by its slowest code: a small ConvNet's step takes 980 ms
#: there and 38 ms outside (jaxlib 0.10).
SLOW_IN_LOOPS = frozenset(("conv_general_dilated",))


class JaxLoop(StepLoop):
    """One program for one step over a batch, one for any number of steps over rows of the data."""

    def __init__(
        self, backend: Backend, step: Callable[..., Any], variables: Sequence[Any], constants: Sequence[Any] = ()
    ) -> None:
        super().__init__(backend, step, variables, constants)

        def indexed(values: list[Any], constants: list[Any], data: list[Any], index: Any, i: Any) -> list[Any]:
            rows = index[i]
            return step(values, constants, [array[rows] for array in data])[0]

        def many(
            values: list[Any], constants: list[Any], data: list[Any], index: Any, start: Any, stop: Any
        ) -> list[Any]:
            return jax.lax.fori_loop(start, stop, lambda i, values: indexed(values, constants, data, index, i), values)

        self._one = jax.jit(step, donate_argnums=0)
        self._indexed = jax.jit(indexed, donate_argnums=0)
        self._many = jax.jit(many, donate_argnums=0)
        self._loops: bool | None = None

    def values(self) -> tuple[list[Any], list[Any]]:
        # Memory can be given away once: what two variables share, for one was assigned the other's value, is copied.
        values, constants = super().values()
        seen = {id(value) for value in constants}
        for i, value in enumerate(values):
            if id(value) in seen:
                values[i] = jnp.copy(value)
            seen.add(id(value))
        return values, constants

    def run(self, batch: list[Any]) -> Any:
        values, output = self._one(*self.values(), batch)
        self.store(values)
        return output

    def run_many(self, data: list[Any], index: Any, start: int, stop: int) -> None:
        values, constants = self.values()
        if self._loops is None:
            traced = self._many.trace(values, constants, data, index, start, stop)
            self._loops = jax.default_backend() != "cpu" or SLOW_IN_LOOPS.isdisjoint(_primitives(traced.jaxpr.jaxpr))
        if self._loops:
            values = self._many(values, constants, data, index, start, stop)
        else:
            for i in range(start, stop):
                values = self._indexed(values, constants, data, index, i)
        self.store(values)


def _primitives(jaxpr: Any) -> Iterator[str]:
    """The names of all primitives in a program, those inside loops and calls too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for parameter in equation.params.values():
            for inner in parameter if isinstance(parameter, list | tuple) else (parameter,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _primitives(inner)
