"""Random numbers, the same on every backend from the same seed."""

from triceras.core import objects
from triceras.random.counts import binomial
from triceras.random.distributions import (
    categorical,
    dropout,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from triceras.random.gamma_family import beta, gamma
from triceras.random.seed import SeedGenerator

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

objects.register_builtin("random", [SeedGenerator])
