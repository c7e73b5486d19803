"""Connectionist temporal classification (Graves et al., 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import tree
from triceras.backends.base import Spec, Tensor
from triceras.ops.activation import log_softmax
from triceras.ops.control import scan
from triceras.ops.core import cast, shape
from triceras.ops.core import dtype as dtype_of
from triceras.ops.creation import arange, full_like
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.indexing import argsort, take_along_axis, top_k
from triceras.ops.logic import equal, logical_and, logical_not, not_equal, where
from triceras.ops.products import matmul
from triceras.ops.reduce import argmax, max, sum
from triceras.ops.shape import concatenate, expand_dims, moveaxis, pad, repeat, reshape, stack
from triceras.ops.specs import at_least_float32
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


# ---- decoding --------------------------------------------------------------------------------------------------------

#: Two lanes of a rolling hash that tells label sequences apart.
_LANES = (0x2C1B3C6D, 0x297A2D39)


def _decode_spec(
    inputs: Spec,
    sequence_lengths: Spec,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Spec, Spec]:
    if len(inputs.shape) != 3:
        raise ValueError(f"ctc_decode() needs inputs (batch, steps, classes), received {tuple(inputs.shape)}.")
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"ctc_decode() has no strategy {strategy!r}. Expected one of: greedy, beam_search.")
    if strategy == "beam_search" and not 0 < top_paths <= beam_width:
        raise ValueError(
            f"ctc_decode() keeps beam_width={beam_width} sequences, so it can't return top_paths={top_paths} of them."
        )
    paths = top_paths if strategy == "beam_search" else 1
    batch, steps, _ = inputs.shape
    return Spec((paths, batch, steps), "int32"), Spec((batch, paths), inputs.dtype)


@composite(at_least_float32, spec=_decode_spec)
def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: Index,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The sequences of labels that outputs trained with ``ctc_loss`` stand for.

    Args:
        inputs: logits, ``(batch, steps, classes)``.
        sequence_lengths: how many steps of each row count, ``(batch,)``.
        strategy: ``"greedy"`` reads the likeliest class of each step; ``"beam_search"`` looks for the likeliest sequences
            (Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition").
        beam_width: how many sequences the search keeps.
        top_paths: how many of them it returns.
        merge_repeated: whether greedy reading takes equal labels that follow one another as one.
        mask_index: the class that means blank; a negative one counts from the end.

    Returns:
        The labels, int32 ``(top_paths, batch, steps)``, -1 after their ends; and scores ``(batch, top_paths)``: the
        logarithm of each sequence's probability, or, read greedily, minus the sum of the highest logits.

    Raises:
        ValueError: an unknown strategy, or more paths than the beam holds.

    Example:
        >>> logits = [[[0.0, 5.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]]]
        >>> convert_to_numpy(ctc_decode(logits, [3])[0]).tolist()
        [[[1, 2, -1]]]
    """
    _decode_spec(inputs, sequence_lengths, strategy, beam_width, top_paths, merge_repeated, mask_index)
    lengths, blank = cast(sequence_lengths, "int32"), mask_index % inputs.shape[2]
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, blank)
    return beam_search(log_softmax(inputs, -1), lengths, beam_width, top_paths, blank)


def _greedy(inputs: Tensor, lengths: Tensor, merge_repeated: bool, blank: int) -> tuple[Tensor, Tensor]:
    times = expand_dims(arange(inputs.shape[1]), 0)
    counts = times < expand_dims(lengths, 1)
    labels = argmax(inputs, -1)
    kept = logical_and(counts, not_equal(labels, blank))
    if merge_repeated:
        before = pad(labels[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
        kept = logical_and(kept, not_equal(labels, before))
    # What is kept comes first, in its order.
    order = argsort(where(kept, times, times + inputs.shape[1]), -1)
    total = sum(cast(kept, "int32"), -1, keepdims=True)
    labels = where(times < total, take_along_axis(labels, order, 1), -1)
    scores = -sum(where(counts, max(inputs, -1), 0.0), -1, keepdims=True)
    return expand_dims(labels, 0), scores


def _extended(hashes: Sequence[Tensor], label: Tensor) -> list[Tensor]:
    """The hashes of sequences with a label more."""
    return [h * lane + (label + 1) for h, lane in zip(hashes, _LANES, strict=True)]


def _search_spec(log_probabilities: Spec, lengths: Spec, width: int, top_paths: int, blank: int) -> tuple[Spec, Spec]:
    return _decode_spec(log_probabilities, lengths, "beam_search", width, top_paths)


@composite(at_least_float32, spec=_search_spec, fused=True)
def beam_search(
    log_probabilities: TensorLike, lengths: Index, width: int, top_paths: int, blank: int
) -> tuple[Tensor, Tensor]:
    """``ctc_decode`` by beam search.

    Sequences are kept with two probabilities: of the paths that end with a blank, and of those that don't.
    """
    steps, classes = shape(log_probabilities)[1:]
    dtype = dtype_of(log_probabilities)
    slots = expand_dims(arange(width), 0) + expand_dims(
        lengths * 0, 1
    )  # (batch, width), whatever is known of the batch
    none = cast(slots * 0, dtype) + IMPOSSIBLE
    state = {
        "blank": where(equal(slots, 0), 0.0, none),
        "label": none,
        "last": slots * 0 - 1,
        "size": slots * 0,
        "hashes": [slots * 0, slots * 0],
        "labels": expand_dims(slots * 0 - 1, -1) + arange(steps) * 0,
    }

    def step(state: Any, inputs: Any) -> tuple[Any, Any]:
        time, emission = inputs
        new = _advance(state, emission, width, classes, blank)
        going = expand_dims(time < lengths, 1)
        return tree.map_structure(
            lambda a, b: where(going if len(a.shape) == 2 else expand_dims(going, 2), a, b), new, state
        ), ()

    state, _ = scan(step, state, (arange(steps), moveaxis(log_probabilities, 1, 0)))
    scores = logaddexp(state["blank"], state["label"])[:, :top_paths]
    scores = where(scores > IMPOSSIBLE / 2, scores, float("-inf"))
    found = expand_dims(scores > float("-inf"), -1)
    return moveaxis(where(found, state["labels"][:, :top_paths], -1), 1, 0), scores


def _advance(state: dict[str, Any], emission: Tensor, width: int, classes: int, blank: int) -> dict[str, Any]:
    """The likeliest sequences after one step more: each stays as it is, or has a label appended."""
    last, hashes = state["last"], state["hashes"]
    total = logaddexp(state["blank"], state["label"])
    alive = total > IMPOSSIBLE / 2
    label_of = expand_dims(arange(classes), 0)
    repeats = equal(expand_dims(last, -1), label_of)  # (batch, width, classes)
    # A label like the last one begins anew only after a blank.
    appended = where(repeats, expand_dims(state["blank"], -1), expand_dims(total, -1)) + expand_dims(emission, 1)
    appended = where(equal(label_of, blank), IMPOSSIBLE, appended)
    # i with the last label of j appended may be the sequence j, which is kept too: their paths are one sequence's.
    grown = _extended([expand_dims(h, 2) for h in hashes], expand_dims(last, 1))
    same = logical_and(equal(grown[0], expand_dims(hashes[0], 1)), equal(grown[1], expand_dims(hashes[1], 1)))
    same = logical_and(same, logical_and(expand_dims(alive, 2), expand_dims(logical_and(alive, last >= 0), 1)))
    latest = expand_dims(where(last >= 0, last, 0), 1)
    onto = take_along_axis(appended, repeat(latest, width, 1), 2)
    joined = max(where(same, onto, IMPOSSIBLE), 1)
    moved = matmul(cast(same, dtype_of(emission)), cast(repeats, dtype_of(emission))) > 0
    appended = where(moved, IMPOSSIBLE, appended)
    own = take_along_axis(emission, latest[:, 0], 1)
    kept_blank = total + emission[:, blank : blank + 1]
    kept_label = logaddexp(where(last >= 0, state["label"] + own, IMPOSSIBLE), joined)
    kept = logaddexp(kept_blank, kept_label)
    candidates = concatenate([kept, reshape(appended, (-1, width * classes))], 1)
    values, chosen = top_k(candidates, width)
    stays = chosen < width
    source = where(stays, chosen, (chosen - width) // classes)
    label = where(stays, -1, (chosen - width) % classes)

    def pick(x: Tensor) -> Tensor:
        return take_along_axis(x, source, 1)

    size = pick(state["size"])
    at_end = logical_and(
        expand_dims(logical_not(stays), -1), equal(expand_dims(size, -1), arange(state["labels"].shape[-1]))
    )
    labels = take_along_axis(state["labels"], repeat(expand_dims(source, -1), state["labels"].shape[-1], 2), 1)
    picked = [pick(h) for h in hashes]
    return {
        "blank": where(stays, pick(kept_blank), IMPOSSIBLE),
        "label": where(stays, pick(kept_label), values),
        "last": where(stays, pick(last), label),
        "size": size + cast(logical_not(stays), "int32"),
        "hashes": [where(stays, old, new) for old, new in zip(picked, _extended(picked, label), strict=True)],
        "labels": where(at_end, expand_dims(label, -1), labels),
    }
