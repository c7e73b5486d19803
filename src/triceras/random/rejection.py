"""Methods that propose until they accept, with draws that depend on nothing but a number's place and the round.

Every backend makes the same proposals. Where shapes may depend on values, later rounds are made for those alone that are left,
a few in a hundred; where programs are compiled, for all of them, until none is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.random.words import unit_at

#: ``attempt(round, positions, *parameters)``: a value for each, and whether it is accepted.
Attempt = Callable[..., tuple[Tensor, Tensor]]


def uniform_at(key: Tensor, positions: Tensor, stream: Any, count: int) -> Tensor:
    """Uniform numbers on (0, 1), those of a stream at some of its ``count`` positions."""
    return unit_at(positions + stream * count, key)


def where_needed(function: Callable[..., Tensor], needed: Tensor, other: Tensor, *values: Tensor) -> Tensor:
    """``function(*values)`` at the places where it is needed, else another value; looked at for nothing, at those alone."""
    if not registry.active().immediate(needed):
        return ops.where(needed, function(*values), other)
    (places,) = ops.nonzero(needed)
    if not places.shape[0]:
        return other
    found = function(*(ops.take(x, places) for x in values))
    return ops.scatter_update(other, ops.expand_dims(places, 1), found)


def first_accepted(attempt: Attempt, positions: Tensor, parameters: tuple[Tensor, ...], rounds: int) -> Tensor:
    """The first accepted value for each place, or the last one if none of ``rounds`` is.

    Args:
        attempt: see ``Attempt``.
        positions: the places, int32.
        parameters: vectors of one size.
        rounds: how many there are at most.
    """
    backend = registry.active()
    if backend.immediate(positions):
        return _over_the_rest(attempt, positions, parameters, rounds)
    result, done = attempt(0, positions, *parameters)

    def again(number: Any, result: Tensor, done: Tensor) -> tuple[Any, Tensor, Tensor]:
        value, accepted = attempt(number, positions, *parameters)
        return number + 1, ops.where(done, result, value), ops.logical_or(done, accepted)

    if not backend.traces_loops:
        for number in range(1, rounds):
            _, result, done = again(number, result, done)
        return result
    start = ops.convert_to_tensor(1, "int32"), result, done
    return ops.while_loop(
        lambda number, _, done: ops.logical_and(number < rounds, ops.logical_not(ops.all(done))), again, start
    )[1]


def _over_the_rest(attempt: Attempt, positions: Tensor, parameters: tuple[Tensor, ...], rounds: int) -> Tensor:
    result, accepted = _in_pieces(attempt, positions, parameters)
    places = ops.arange(result.shape[0], dtype="int32")
    for number in range(1, rounds):
        (left,) = ops.nonzero(ops.logical_not(accepted))
        if not left.shape[0]:
            break
        places, positions, *parameters = (ops.take(x, left) for x in (places, positions, *parameters))  # type: ignore[assignment]
        value, accepted = attempt(number, positions, *parameters)
        result = ops.scatter_update(result, ops.expand_dims(places, 1), value)
    return result


def _in_pieces(attempt: Attempt, positions: Tensor, parameters: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The first round, so many at once that intermediate results stay in the cache."""
    size, piece = positions.shape[0], registry.active().piece
    if size <= piece:
        return attempt(0, positions, *parameters)
    starts = range(0, size, piece)
    found = [attempt(0, *(x[start : start + piece] for x in (positions, *parameters))) for start in starts]
    values, accepted = zip(*found, strict=True)
    return ops.concatenate(values), ops.concatenate(accepted)
