"""Masked sequences without masks: the steps that count are moved to the front, and what came of them back to their places.

A masked step leaves the state of a recurrence as it is, so only the order of the steps that count matters. Any loop or
fused kernel can then run over all steps of all rows at once; what it makes of those behind is never read. Where the steps
go is data, so a captured or compiled graph is the same for every mask.
"""

from __future__ import annotations

from triceras.backends.base import Tensor
from triceras.ops.control import custom_gradient
from triceras.ops.core import cast, shape
from triceras.ops.creation import ones_like
from triceras.ops.indexing import argsort, take
from triceras.ops.logic import logical_not, where
from triceras.ops.reduce import cumsum
from triceras.ops.shape import expand_dims, reshape


class Packed:
    """A sequence whose masked steps stand behind those that count, in each row by itself.

    Args:
        sequence: ``(time, batch, ...)``.
        mask: booleans ``(time, batch)``, False where a step doesn't count.

    Attributes:
        sequence: the sequence in that order, zero behind the steps that count.
        padding: ``(time, batch, 1)`` in the sequence's dtype: one behind them, zero before.

    Example:
        >>> packed = Packed(
        ...     convert_to_tensor([[[1.0]], [[2.0]], [[3.0]]]), convert_to_tensor([[False], [True], [True]])
        ... )
        >>> convert_to_numpy(packed.sequence).ravel().tolist()
        [2.0, 3.0, 0.0]
        >>> convert_to_numpy(packed.restored(packed.sequence)).ravel().tolist()
        [0.0, 2.0, 3.0]
    """

    def __init__(self, sequence: Tensor, mask: Tensor) -> None:
        steps, self._batch = shape(mask)
        ones = ones_like(mask, "int32")
        time, self._column = cumsum(ones, 0) - 1, cumsum(ones, 1) - 1
        self._mask = mask
        #: How many steps count up to each, itself among them.
        self._count = cumsum(cast(mask, "int32"), 0)
        total = self._count[-1]
        source = argsort(where(mask, time, time + steps), 0)
        place = where(mask, self._count - 1, total + time - self._count)
        counts = expand_dims(time < total, -1)
        ordered = self._reordered(sequence, self._rows(source), self._rows(place))
        self.sequence = where(_like(counts, sequence), ordered, 0)
        self.padding = cast(logical_not(counts), sequence.dtype)

    def _rows(self, steps: Tensor) -> Tensor:
        """Steps ``(time, batch)`` as positions among all rows of all steps."""
        return reshape(steps * self._batch + self._column, (-1,))

    def _reordered(self, sequence: Tensor, rows: Tensor, back: Tensor) -> Tensor:
        """The rows in another order. Its gradient is the reverse order, which is read rather than added up."""
        permuted = custom_gradient(lambda x: (take(x, rows, 0), lambda upstream: take(upstream, back, 0)))
        return reshape(permuted(reshape(sequence, (-1, *sequence.shape[2:]))), shape(sequence))

    def restored(self, outputs: Tensor, hold: bool = True) -> Tensor:
        """What a loop over ``sequence`` gave, each at its step.

        Args:
            outputs: ``(time, batch, units)``.
            hold: whether a masked step has the output of the step before that counts, rather than zeros.

        Returns:
            ``(time, batch, units)``, zero before the first step that counts.
        """
        last = where(self._count > 0, self._count - 1, 0)
        found = reshape(take(reshape(outputs, (-1, outputs.shape[-1])), self._rows(last), 0), shape(outputs))
        return where(expand_dims(self._count > 0 if hold else self._mask, -1), found, 0)

    def last(self, outputs: Tensor, initial: Tensor | None = None) -> Tensor:
        """The output of each row's last step that counts, ``(batch, units)``; the initial one, or zero, where none does."""
        total = self._count[-1]
        rows = where(total > 0, total - 1, 0) * self._batch + self._column[0]
        found = take(reshape(outputs, (-1, outputs.shape[-1])), rows, 0)
        return where(expand_dims(total > 0, -1), found, 0 if initial is None else initial)


def _like(mask: Tensor, x: Tensor) -> Tensor:
    """A mask ``(time, batch, 1)`` with as many axes as a tensor."""
    return reshape(mask, (*shape(mask)[:2], *(1,) * (len(x.shape) - 2)))
