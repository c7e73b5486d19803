"""Connectionist temporal classification (Graves et al., 2006)."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops.activation import log_softmax
from triceras.ops.control import scan
from triceras.ops.core import cast
from triceras.ops.creation import arange, full_like
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.indexing import take_along_axis
from triceras.ops.logic import logical_and, not_equal, where
from triceras.ops.shape import concatenate, expand_dims, moveaxis, pad, repeat, reshape, stack
from triceras.ops.transcendental import logaddexp

#: The logarithm of no probability: finite, so that no gradient is NaN.
IMPOSSIBLE = -1e30


def _ctc_spec(target: Spec, output: Spec, target_length: Spec, output_length: Spec, mask_index: int = 0) -> Spec:
    if len(target.shape) != 2 or len(output.shape) != 3:
        raise ValueError(
            "ctc_loss() needs a target (batch, labels) and an output (batch, steps, classes), received "
            f"{tuple(target.shape)} and {tuple(output.shape)}."
        )
    return Spec((output.shape[0],), output.dtype)


@composite("float", spec=_ctc_spec)
def ctc_loss(
    target: Index, output: TensorLike, target_length: Index, output_length: Index, mask_index: int = 0
) -> Tensor:
    """``-log`` of the probability that a sequence of outputs, repeats and blanks dropped, reads as the labels.

    Args:
        target: labels, ``(batch, labels)``.
        output: logits, ``(batch, steps, classes)``.
        target_length, output_length: how many labels and steps of each row count, ``(batch,)``.
        mask_index: the class that means blank.

    Returns:
        The loss of each row, ``(batch,)``.

    Example:
        >>> convert_to_numpy(ctc_loss([[1]], zeros((1, 1, 2)), [1], [1])).round(3).tolist()
        [0.6930000185966492]
    """
    _ctc_spec(target, output, target_length, output_length)
    target, target_length, output_length = (cast(x, "int32") for x in (target, target_length, output_length))
    log_probabilities = log_softmax(output, -1)
    # Blanks stand between the labels and around them.
    blank = full_like(target, mask_index)
    states = reshape(stack([blank, target], -1), (-1, 2 * target.shape[1]))
    states = concatenate([states, blank[:, :1]], 1)
    count = 2 * target.shape[1] + 1
    steps = log_probabilities.shape[1]
    emitted = take_along_axis(log_probabilities, repeat(expand_dims(states, 1), steps, 1), 2)
    # A label may follow another one without a blank where they differ.
    skips = logical_and(not_equal(states, mask_index), not_equal(states, pad(states[:, :-2], ((0, 0), (2, 0)))))
    reachable = expand_dims(arange(count) < 2, 0)
    first = where(reachable, emitted[:, 0], IMPOSSIBLE)

    def later(values: Any, by: int) -> Any:
        return pad(values[:, :-by], ((0, 0), (by, 0)), constant_values=IMPOSSIBLE)

    def step(alpha: Any, inputs: Any) -> tuple[Any, Any]:
        time, emission = inputs
        new = logaddexp(alpha, later(alpha, 1))
        new = logaddexp(new, where(skips, later(alpha, 2), IMPOSSIBLE)) + emission
        return where(expand_dims(time < output_length, 1), new, alpha), ()

    alpha = first
    if steps > 1:
        alpha, _ = scan(step, first, (arange(1, steps), moveaxis(emitted[:, 1:], 1, 0)))
    last = expand_dims(2 * target_length, 1)
    end = take_along_axis(alpha, last, 1)[:, 0]
    before = take_along_axis(alpha, where(last > 0, last - 1, 0), 1)[:, 0]
    return -where(target_length > 0, logaddexp(end, before), end)
