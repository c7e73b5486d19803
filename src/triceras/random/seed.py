"""Where draws take their keys from: a seed and a counter that lives in a variable."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.core import naming
from triceras.core.autograph import left_alone
from triceras.state.variable import Variable


@left_alone
class SeedGenerator:
    """A stream of keys: each draw takes one and moves on.

    Its state is a variable, so a compiled step carries it along, and saving a model saves where its streams are.

    Args:
        seed: a non-negative integer below 2**32; None draws one from ``utils.set_random_seed``'s stream, else from the system.
        name: its name.

    Example:
        >>> generator = SeedGenerator(7)
        >>> bool(
        ...     (convert_to_numpy(normal((2,), seed=generator)) != convert_to_numpy(normal((2,), seed=generator))).all()
        ... )
        True
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if seed is None:
            seed = make_default_seed()
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"A seed is a non-negative integer, received {seed!r}.")
        self._initial_seed = int(seed)
        self.name = name or naming.auto_name("seed_generator")
        with naming.name_scope(self.name):
            self.state = Variable(
                np.array([self._initial_seed & 0xFFFFFFFF, 0], np.uint32),
                dtype=registry.active().seed_dtype,
                trainable=False,
                autocast=False,
                aggregation="none",
                name="seed_generator_state",
            )
        self.backend = self.state.backend

    def __deepcopy__(self, memo: dict[int, Any]) -> SeedGenerator:
        made = memo[id(self)] = object.__new__(type(self))
        vars(made).update(vars(self), backend=registry.destination(self.backend))
        made.state = self.state.__deepcopy__(memo, made.backend.seed_dtype)
        return made

    def next(self, ordered: bool = True) -> Tensor:
        """The key of the next draw, two words; the counter moves on."""
        key = self.state.value
        following = key + self._one()
        if self.backend.updates_in_place:
            key = following - self._one()  # the assignment would change the key itself
        self.state.assign(following)
        return key

    def _one(self) -> Any:
        return self.backend.convert_to_tensor(np.array([0, 1]), self.state.stored_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make one from ``get_config``'s result."""
        return cls(**config)


class _Process:
    """The seed of the process and what was drawn from it."""

    def __init__(self) -> None:
        self.reset(None)

    def reset(self, seed: int | None) -> None:
        self.seed = seed
        entropy = int.from_bytes(os.urandom(4), "little") if seed is None else seed
        self.defaults = np.random.Generator(np.random.Philox(entropy))
        self.generators: dict[str, SeedGenerator] = {}


_process = _Process()


def set_random_seed(seed: int) -> None:
    """Seed everything that draws: initial weights, layers, shuffling, ``random``; and Python's and NumPy's own generators.

    Args:
        seed: an integer of at least 0 and below 2**32.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed() takes an integer from 0 to 2**32 - 1, received {seed!r}.")
    import random

    random.seed(int(seed))
    np.random.seed(int(seed))
    _process.reset(int(seed))


def forget() -> None:
    """Drop the process-wide streams; the next draw starts them anew."""
    _process.reset(_process.seed)


def make_default_seed() -> int:
    """A seed for something that was given none."""
    return int(_process.defaults.integers(1, 2**31 - 1))


def global_seed_generator() -> SeedGenerator:
    """The stream of the active backend that draws without a seed use; streams of all backends start alike."""
    backend = registry.active()
    generator = _process.generators.get(backend.name)
    if generator is None:
        seed = _process.seed if _process.seed is not None else make_default_seed()
        generator = _process.generators[backend.name] = SeedGenerator(seed, name="global_seed_generator")
    return generator


def draw_key(seed: Any) -> Any:
    """The key for one draw: an integer's first, a generator's next, or the process's next for None."""
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, int | np.integer):
        return registry.active().convert_to_tensor(
            np.array([int(seed) & 0xFFFFFFFF, 0], np.uint32), registry.active().seed_dtype
        )
    if registry.owner_of(seed) is not None or isinstance(seed, np.ndarray):  # a key already
        return seed
    raise ValueError(f"A seed is an integer, a SeedGenerator or None, received {seed!r}.")
