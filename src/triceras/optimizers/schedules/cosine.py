"""Schedules that fall along a cosine, once or again and again."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.optimizers.schedules.schedule import LearningRateSchedule, as_float


def _half_cosine(done: Tensor, alpha: float) -> Tensor:
    """From 1 at 0 to alpha at 1."""
    return (1.0 - alpha) * 0.5 * (1.0 + ops.cos(math.pi * done)) + alpha


class CosineDecay(LearningRateSchedule):
    """A linear rise where asked for, then half a cosine down (Loshchilov & Hutter 2017, without restarts).

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: how many steps the fall takes, after the rise.
        alpha: the last rate as a share of the greatest.
        name: its name.
        warmup_target: where the rise ends; None for no rise.
        warmup_steps: how many steps the rise takes.

    Example:
        >>> round(float(CosineDecay(0.1, 10)(5)), 4)
        0.05
    """

    arguments = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Tensor:
        step = as_float(step)
        if self.warmup_target is None:
            return self.initial_learning_rate * self._fall(step)
        rise = self.warmup_target - self.initial_learning_rate
        rising = self.initial_learning_rate + rise * step / max(self.warmup_steps, 1)
        falling = self.warmup_target * self._fall(step - self.warmup_steps)
        return ops.where(step < self.warmup_steps, rising, falling)

    def _fall(self, step: Tensor) -> Tensor:
        return _half_cosine(ops.minimum(step, float(self.decay_steps)) / self.decay_steps, self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine down, again and again (Loshchilov & Hutter 2017).

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: the length of the first fall.
        t_mul: how much longer each fall is than the one before.
        m_mul: the height of each fall as a share of that of the one before.
        alpha: the end of each fall as a share of ``initial_learning_rate``.
        name: its name.

    Example:
        >>> schedule = CosineDecayRestarts(0.1, 10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10)]
        [0.1, 0.05, 0.1]
    """

    arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.check_steps("first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        done = as_float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = ops.floor(done)
            done = done - restarts
        else:
            # The n-th fall begins at (1 - t_mul**n) / (1 - t_mul) times the length of the first.
            restarts = ops.floor(ops.log(1.0 - done * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = ops.power(self.t_mul, restarts)
            done = (done - (1.0 - length) / (1.0 - self.t_mul)) / length
        # The end stays where it is; only what lies above it shrinks from fall to fall.
        height = ops.power(self.m_mul, restarts) * _half_cosine(done, 0.0)
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)
