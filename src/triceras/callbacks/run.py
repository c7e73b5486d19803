"""What a call of ``fit`` is about to do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triceras.callbacks.callback_list import CallbackList


@dataclasses.dataclass
class Run:
    """What a call of ``fit`` is about to do, which callbacks may change by ``Callback.adjust`` before it begins.

    Args:
        source: where its batches come from; ``source.head(n)`` is a source of the first n, the same ones each epoch.
        validation: where those to validate on come from, or None.
        epochs: the epoch to end with.
        initial_epoch: the epoch to begin with, from 0.
        steps_per_epoch, validation_steps: at most how many batches are taken; None for all.
        validation_freq: every how many epochs, or in which ones, it is validated.
        listeners: the callbacks.
    """

    source: Any
    validation: Any
    epochs: int
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_freq: int | list[int]
    listeners: CallbackList

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, None where it isn't known."""
        return at_most(self.source.steps, self.steps_per_epoch)


def at_most(*limits: int | None) -> int | None:
    """The smallest of some numbers, those that aren't known left out; None where none is.

    Example:
        >>> at_most(3, None, 2)
        2
    """
    return min((limit for limit in limits if limit is not None), default=None)


def checked_count(name: str, batches: Any) -> int:
    """A number of batches that a callback was given.

    Raises:
        ValueError: it isn't a positive integer.
    """
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 1:
        raise ValueError(f"{name}: batches is a positive integer, received {batches!r}.")
    return batches
