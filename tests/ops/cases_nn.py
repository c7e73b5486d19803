"""Cases of normalizations, softmaxes, attention, encodings, segments and losses, against closed forms in NumPy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import special

from tests.ops.cases import INTEGERS, Case, values

FLOATS = ("float32", "float64", "float16", "bfloat16")
EPSILON = 1e-3
SLACK = 10.0


def _standardized(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = EPSILON) -> Any:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shape = [d if i in {a % x.ndim for a in axes} else 1 for i, d in enumerate(x.shape)]
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


def _root_mean_square(x: Any, scale: Any = None, axis: Any = -1, epsilon: float = EPSILON) -> Any:
    y = x / np.sqrt(np.mean(x * x, axis, keepdims=True) + epsilon)
    return y if scale is None else y * scale


def _batch_normalized(x: Any, mean: Any, variance: Any, axis: int, offset: Any, scale: Any, epsilon: float) -> Any:
    shape = [1] * x.ndim
    shape[axis] = -1
    mean, variance, offset, scale = (p.reshape(shape) for p in (mean, variance, offset, scale))
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset


def normalizations() -> Iterator[Case]:
    """Statistics over the last axis, over several, over one of size one, of an empty batch; of large numbers."""
    shapes = (((2, 3, 8), -1), ((4, 5), -1), ((3, 1), -1), ((0, 4), -1), ((2, 600), -1), ((2, 3, 8), (1, 2)))
    for dtype, (shape, axis) in [*((("float32", s)) for s in shapes), *((d, shapes[0]) for d in FLOATS[1:])]:
        x = values(shape, dtype)
        sizes = shape[-1:] if axis == -1 else shape[1:]
        gamma, beta = values(sizes, dtype, 0.5, 1.5, seed=1), values(sizes, dtype, seed=2)
        what, kwargs = f"{dtype} {shape} {axis}", {"axis": axis, "epsilon": EPSILON}
        yield Case("layer_normalization", (x,), kwargs, _standardized, what, SLACK)
        yield Case("layer_normalization", (x, gamma, beta), kwargs, _standardized, what, SLACK)
        if axis == -1:
            yield Case("rms_normalization", (x, gamma), kwargs, _root_mean_square, what, SLACK)
            extra = (values(sizes, dtype, seed=3), values(sizes, dtype, 0.5, 2, seed=4), -1, beta, gamma, EPSILON)
            yield Case("batch_normalization", (x, *extra), {}, _batch_normalized, what, SLACK)
    apart = (np.arange(8).reshape(2, 4) + 1000).astype("float32")
    yield Case("layer_normalization", (apart,), {"epsilon": EPSILON}, _standardized, "float32 far from zero", 50)


def softmaxes() -> Iterator[Case]:
    """Over one axis, several, all; of numbers that would overflow, of one element, of none."""
    shapes = (((2, 5), -1), ((2, 3, 4), 1), ((2, 3, 4), (0, 2)), ((3, 1), -1), ((0, 4), -1), ((7,), None), ((900,), 0))
    for op, reference in (("softmax", special.softmax), ("log_softmax", special.log_softmax)):
        for dtype, (shape, axis) in [*(("float32", s) for s in shapes), *((d, shapes[0]) for d in FLOATS[1:])]:
            yield Case(op, (values(shape, dtype),), {"axis": axis}, reference, f"{dtype} {shape} {axis}", 5)
        large = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], "float32")
        yield Case(op, (large,), {}, lambda x, f=reference: f(x, axis=-1), "float32 large", 5)
    for axis in (None, 0, -1, (0, 1)):
        yield Case("logsumexp", (values((3, 4), "float32"),), {"axis": axis}, special.logsumexp, f"float32 {axis}", 5)


def _attention(query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, is_causal: bool = False) -> Any:
    groups = query.shape[2] // key.shape[2]
    key, value = np.repeat(key, groups, 2), np.repeat(value, groups, 2)
    logits = np.einsum("bthd,bshd->bhts", query, key) / np.sqrt(query.shape[-1])
    logits = logits if bias is None else logits + bias
    if is_causal:
        causal = np.tril(np.ones(logits.shape[-2:], bool))
        mask = causal if mask is None else mask & causal
    logits = logits if mask is None else np.where(mask, logits, -np.inf)
    return np.einsum("bhts,bshd->bthd", special.softmax(logits, -1), value)


def attention() -> Iterator[Case]:
    """Masks, biases, causality, groups of heads, other lengths; dtypes; one position; an empty batch."""
    mask = np.random.default_rng(0).integers(0, 3, (2, 1, 5, 5)) > 0
    mask[..., 0] = True
    bias = values((2, 4, 5, 5), "float32", seed=3)
    settings: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
        ((2, 5, 4, 8), (2, 5, 4, 8), {}),
        ((2, 5, 4, 8), (2, 5, 4, 8), {"mask": mask}),
        ((2, 5, 4, 8), (2, 5, 4, 8), {"bias": bias}),
        ((2, 5, 4, 8), (2, 5, 4, 8), {"bias": bias, "mask": mask, "is_causal": True}),
        ((2, 5, 4, 8), (2, 5, 4, 8), {"is_causal": True}),
        ((2, 5, 4, 8), (2, 5, 2, 8), {"mask": mask}),
        ((2, 3, 4, 8), (2, 7, 4, 8), {}),
        ((1, 1, 1, 1), (1, 1, 1, 1), {}),
        ((0, 5, 4, 8), (0, 5, 4, 8), {}),
    ]
    for dtype, (first, second, kwargs) in [
        *(("float32", s) for s in settings),
        *((d, settings[0]) for d in FLOATS[1:]),
    ]:
        arrays = (values(first, dtype), values(second, dtype, seed=1), values(second, dtype, seed=2))
        what = f"{dtype} {first} {second} {sorted(kwargs)}"
        yield Case("dot_product_attention", arrays, kwargs, _attention, what, 2 * SLACK)


def _one_hot(x: Any, count: int, axis: int = -1, dtype: Any = None) -> Any:
    return np.moveaxis((np.asarray(x)[..., None] == np.arange(count)).astype(float), -1, axis)


def _multi_hot(x: Any, count: int) -> Any:
    return np.max(_one_hot(x, count), -2)


def encodings() -> Iterator[Case]:
    """Classes of every integer dtype, out of range too, along other axes, of nothing."""
    for dtype in INTEGERS:
        classes = np.array([[0, 3], [1, 9]], dtype)
        yield Case("one_hot", (classes, 4), {}, _one_hot, f"{dtype} (2, 2)")
        yield Case("multi_hot", (classes, 4), {}, _multi_hot, f"{dtype} (2, 2)")
    classes = np.array([[0, 3, -1], [2, 2, 7]], "int32")
    for axis, wanted in itertools.product((-1, 0, 1), ("float32", "int32", "bool")):
        kwargs = {"axis": axis, "dtype": wanted}
        yield Case("one_hot", (classes, 4), kwargs, _one_hot, f"int32 (2, 3) {axis} {wanted}")
    yield Case("one_hot", (np.zeros((0, 2), "int32"), 3), {}, _one_hot, "int32 (0, 2)")
    yield Case("one_hot", (np.array(1, "int32"), 3), {}, _one_hot, "int32 ()")
    scores = np.array([[0.1, 0.7, 0.7, 0.2], [0.9, 0.1, 0.0, 0.3]], "float32")
    for k in (1, 2, 4):
        reference = lambda t, p, k: (p > np.take_along_axis(p, t[:, None], 1)).sum(1) < k
        yield Case("in_top_k", (np.array([2, 3], "int32"), scores, k), {}, reference, f"int32 k={k}")


_SEGMENTS = {
    "segment_sum": (np.add, 0),
    "segment_prod": (np.multiply, 1),
    "segment_max": (np.maximum, -np.inf),
    "segment_min": (np.minimum, np.inf),
}


def segments() -> Iterator[Case]:
    """Segments in any order, of rows and of numbers; every one of them has elements."""
    ids = np.array([2, 0, 1, 0, 2], "int32")
    for op, (combine, start) in _SEGMENTS.items():

        def reference(data: Any, ids: Any, num_segments: int, c: Any = combine, s: Any = start) -> Any:
            out = np.full((num_segments, *data.shape[1:]), s, float)
            c.at(out, ids, data)
            return out

        for dtype, shape in itertools.product(("float32", "int32", "float16", "bfloat16"), ((5,), (5, 2), (5, 0, 3))):
            yield Case(op, (values(shape, dtype), ids), {"num_segments": 3}, reference, f"{dtype} {shape}", 2)


def _clipped(p: Any) -> Any:
    return np.clip(p, 1e-7, 1 - 1e-7)


def _categorical(target: Any, output: Any, from_logits: bool, axis: int = -1) -> Any:
    given = (
        special.log_softmax(output, axis) if from_logits else np.log(_clipped(output / output.sum(axis, keepdims=True)))
    )
    return -(target * given).sum(axis)


def _sparse_categorical(target: Any, output: Any, from_logits: bool) -> Any:
    return _categorical(_one_hot(target, output.shape[-1]), output, from_logits)


def _binary(target: Any, output: Any, from_logits: bool) -> Any:
    p = special.expit(output) if from_logits else _clipped(output)
    return -(target * np.log(p) + (1 - target) * np.log1p(-p))


def _ctc(target: Any, output: Any, target_length: Any, output_length: Any) -> Any:
    """The probabilities of all sequences of classes that read as the labels, added up; class 0 is the blank."""
    p = special.softmax(output, -1)
    found = np.zeros(len(p))
    for row, (labels, steps) in enumerate(zip(target_length, output_length)):
        wanted = tuple(target[row, :labels])
        for path in itertools.product(range(p.shape[-1]), repeat=int(steps)):
            if tuple(c for c, _ in itertools.groupby(path) if c) == wanted:
                found[row] += math.prod(p[row, t, c] for t, c in enumerate(path))
    return -np.log(found)


def losses() -> Iterator[Case]:
    """Crossentropies of logits and probabilities; ``ctc_loss`` by its recurrence."""
    for dtype, shape, from_logits in itertools.product(FLOATS, ((3, 5), (2, 3, 4), (0, 4)), (True, False)):
        raw = values(shape, dtype)
        output = raw if from_logits else special.softmax(raw.astype("float64"), -1).astype(raw.dtype)
        classes = (np.arange(int(np.prod(shape[:-1]))).reshape(shape[:-1]) % shape[-1]).astype("int32")
        what, kwargs = f"{dtype} {shape} from_logits={from_logits}", {"from_logits": from_logits}
        target = _one_hot(classes, shape[-1]).astype(raw.dtype)
        yield Case("categorical_crossentropy", (target, output), kwargs, _categorical, what, SLACK)
        yield Case("sparse_categorical_crossentropy", (classes, output), kwargs, _sparse_categorical, what, SLACK)
        binary = output if from_logits else special.expit(raw.astype("float64")).astype(raw.dtype)
        yield Case("binary_crossentropy", (target, binary), kwargs, _binary, what, SLACK)
    for lengths in ((5, 4), (3, 5)):
        labels, sizes = np.array([[1, 2], [2, 2]], "int32"), np.array([2, 1], "int32")
        output = values((2, 5, 4), "float32")
        args = (labels, output, sizes, np.array(lengths, "int32"))
        yield Case("ctc_loss", args, {}, _ctc, f"float32 {lengths}", SLACK)
