"""A pure step under JAX: jitted, its inputs' memory given away, and many steps in one loop on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from triceras.backends.base import Backend, StepLoop


class JaxLoop(StepLoop):
    """One program for one step, one for any number of them."""

    def __init__(
        self, backend: Backend, step: Callable[..., Any], variables: Sequence[Any], constants: Sequence[Any] = ()
    ) -> None:
        super().__init__(backend, step, variables, constants)

        def many(
            values: list[Any], constants: list[Any], data: list[Any], index: Any, start: Any, stop: Any
        ) -> list[Any]:
            def body(i: Any, values: list[Any]) -> list[Any]:
                rows = index[i]
                return step(values, constants, [array[rows] for array in data])[0]

            return jax.lax.fori_loop(start, stop, body, values)

        self._one = jax.jit(step, donate_argnums=0)
        self._many = jax.jit(many, donate_argnums=0)

    def run(self, batch: list[Any]) -> Any:
        values, output = self._one(*self.values(), batch)
        self.store(values)
        return output

    def run_many(self, data: list[Any], index: Any, start: int, stop: int) -> None:
        self.store(self._many(*self.values(), data, index, start, stop))
