"""Random shapes, axes and positions: broadcasting, indexing, reductions and moves against NumPy.

The draws are the same in every run. On jax, which compiles every shape, only every tenth is run.
"""

from __future__ import annotations

import itertools
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.extra import numpy as arrays

from triceras import ops, tree
from triceras.backends import registry

BACKENDS = ("numpy", "torch", "tensorflow")
JAX_EVERY = 10
set_hypothesis_home_dir(pathlib.Path(tempfile.gettempdir()) / "hypothesis")  # it writes files although nothing is kept
settings.register_profile("fixed", max_examples=60, derandomize=True, deadline=None, database=None)
fixed = settings(settings.get_profile("fixed"))
_count = itertools.count()

shapes = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)
full_shapes = arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


def filled(shape: tuple[int, ...], start: int = 0) -> np.ndarray:
    """Different small numbers, their sign in turn; the last axis is the first in memory."""
    size = int(np.prod(shape))
    numbers = (np.arange(size) * 7 + start) % 23 - 11
    return (numbers / 4).astype("float32").reshape(shape[::-1]).T


def agree(call: Callable[..., Any], reference: Callable[..., Any], *given_arrays: np.ndarray) -> None:
    """The results of a call are those of the reference, values, shapes and number, on every backend."""
    expected = [np.asarray(x) for x in tree.flatten(reference(*given_arrays))]
    on_jax = next(_count) % JAX_EVERY == 0
    for name in (*BACKENDS, *(("jax",) if on_jax else ())):
        with registry.backend_scope(name):
            results = tree.flatten(call(*map(ops.convert_to_tensor, given_arrays)))
            found = [np.asarray(ops.convert_to_numpy(x)) for x in results]
        assert len(found) == len(expected), name
        for x, y in zip(found, expected, strict=True):
            assert x.shape == y.shape, f"{name}: {x.shape}, expected {y.shape}"
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5, err_msg=name)


def axis_of(data: Any, rank: int) -> int:
    return data.draw(st.integers(-rank, rank - 1), label="axis")


def axes_of(data: Any, rank: int, least: int = 0) -> tuple[int, ...]:
    """Several axes, each from either end."""
    chosen = data.draw(st.lists(st.integers(0, rank - 1), unique=True, min_size=least, max_size=rank), label="axes")
    return tuple(i - rank if data.draw(st.booleans()) else i for i in chosen)


# ---- broadcasting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["add", "multiply", "maximum", "less", "arctan2"])
@fixed
@given(shapes=arrays.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4, max_dims=4))
def test_two_shapes_broadcast(op: str, shapes: Any) -> None:
    x, y = (filled(s, i) for i, s in enumerate(shapes.input_shapes))
    agree(getattr(ops, op), getattr(np, op), x, y)


@fixed
@given(shapes=arrays.mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=4, max_dims=3))
def test_three_shapes_broadcast(shapes: Any) -> None:
    x, y, z = (filled(s, i) for i, s in enumerate(shapes.input_shapes))
    agree(lambda x, y, z: ops.where(x > 0, y, z), lambda x, y, z: np.where(x > 0, y, z), x, y, z)
    agree(lambda x: ops.broadcast_to(x, shapes.result_shape), lambda x: np.broadcast_to(x, shapes.result_shape), x)


@fixed
@given(data=st.data(), sizes=st.tuples(*[st.integers(0, 4)] * 3))
def test_matrix_products_broadcast(data: Any, sizes: tuple[int, int, int]) -> None:
    pair = data.draw(arrays.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=2))
    first, second = pair.input_shapes
    a, b, c = sizes
    agree(ops.matmul, np.matmul, filled((*first, a, b)), filled((*second, b, c), 3))


# ---- reductions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["sum", "prod", "any", "all"])
@fixed
@given(data=st.data(), shape=shapes, keepdims=st.booleans())
def test_reductions(op: str, data: Any, shape: tuple[int, ...], keepdims: bool) -> None:
    axis = data.draw(st.sampled_from([None, axes_of(data, len(shape)), axis_of(data, len(shape))]))
    x = filled(shape) if op != "prod" else np.sign(filled(shape) + 0.1)
    agree(
        lambda x: getattr(ops, op)(x, axis, keepdims=keepdims),
        lambda x: getattr(np, op)(x, axis=axis, keepdims=keepdims),
        x,
    )


@pytest.mark.parametrize("op", ["max", "min", "mean", "var", "std", "median"])
@fixed
@given(data=st.data(), shape=full_shapes, keepdims=st.booleans())
def test_reductions_of_something(op: str, data: Any, shape: tuple[int, ...], keepdims: bool) -> None:
    axis = data.draw(st.sampled_from([None, axes_of(data, len(shape), 1), axis_of(data, len(shape))]))
    agree(
        lambda x: getattr(ops, op)(x, axis, keepdims=keepdims),
        lambda x: getattr(np, op)(x, axis=axis, keepdims=keepdims),
        filled(shape),
    )


@pytest.mark.parametrize("op", ["argmax", "argmin", "cumsum"])
@fixed
@given(data=st.data(), shape=full_shapes)
def test_along_an_axis(op: str, data: Any, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.sampled_from([None, axis_of(data, len(shape))]))
    agree(lambda x: getattr(ops, op)(x, axis), lambda x: getattr(np, op)(x, axis), filled(shape))


# ---- positions -------------------------------------------------------------------------------------------------------


@fixed
@given(data=st.data(), shape=full_shapes)
def test_keys(data: Any, shape: tuple[int, ...]) -> None:
    key = data.draw(arrays.basic_indices(shape, allow_newaxis=True), label="key")
    agree(lambda x: ops.get_item(x, key), lambda x: x[key], filled(shape))


@fixed
@given(data=st.data(), shape=full_shapes)
def test_keys_of_integer_arrays(data: Any, shape: tuple[int, ...]) -> None:
    rank = data.draw(st.integers(1, len(shape)))
    key = data.draw(
        arrays.integer_array_indices(shape[:rank], result_shape=arrays.array_shapes(max_dims=2, max_side=3))
    )
    agree(lambda x: ops.get_item(x, key), lambda x: x[key], filled(shape))


@fixed
@given(data=st.data(), shape=full_shapes)
def test_take(data: Any, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.sampled_from([None, axis_of(data, len(shape))]))
    size = int(np.prod(shape)) if axis is None else shape[axis]
    places = arrays.arrays(
        "int32",
        arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
        elements=st.integers(-size, size - 1),
    )
    indices = data.draw(places, label="indices")
    agree(lambda x, i: ops.take(x, i, axis), lambda x, i: np.take(x, i, axis), filled(shape), indices)


@fixed
@given(data=st.data(), shape=full_shapes, count=st.integers(0, 3))
def test_take_along_axis(data: Any, shape: tuple[int, ...], count: int) -> None:
    axis = axis_of(data, len(shape))
    sizes = [d if data.draw(st.booleans()) else 1 for d in shape]
    sizes[axis] = count
    places = arrays.arrays("int32", tuple(sizes), elements=st.integers(-shape[axis], shape[axis] - 1))
    agree(
        lambda x, i: ops.take_along_axis(x, i, axis),
        lambda x, i: np.take_along_axis(x, i, axis),
        filled(shape),
        data.draw(places, label="indices"),
    )


@fixed
@given(data=st.data(), shape=full_shapes)
def test_blocks(data: Any, shape: tuple[int, ...]) -> None:
    sizes = tuple(data.draw(st.integers(0, d)) for d in shape)
    starts = tuple(data.draw(st.integers(0, d - n)) for d, n in zip(shape, sizes, strict=True))
    block = tuple(slice(s, s + n) for s, n in zip(starts, sizes, strict=True))

    def updated(x: np.ndarray, u: np.ndarray) -> np.ndarray:
        x = np.array(x)
        x[block] = u
        return x

    agree(lambda x: ops.slice(x, starts, sizes), lambda x: x[block], filled(shape))
    agree(lambda x, u: ops.slice_update(x, starts, u), updated, filled(shape), filled(sizes, 5))


@fixed
@given(
    data=st.data(), shape=full_shapes, count=st.integers(0, 4), reduction=st.sampled_from(["add", "max", "min", "mul"])
)
def test_scatter(data: Any, shape: tuple[int, ...], count: int, reduction: str) -> None:
    depth = data.draw(st.integers(1, len(shape)))
    rows = [[data.draw(st.integers(-d, d - 1)) for d in shape[:depth]] for _ in range(count)]
    indices = np.array(rows, "int32").reshape(count, depth)
    combine = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}[reduction]

    def reference(x: np.ndarray, i: np.ndarray, u: np.ndarray) -> np.ndarray:
        x = np.array(x)
        combine.at(x, tuple(np.moveaxis(i, -1, 0)), u)
        return x

    call = lambda x, i, u: ops.scatter_update(x, i, u, reduction)
    agree(call, reference, filled(shape), indices, filled((count, *shape[depth:]), 2))


# ---- shapes ----------------------------------------------------------------------------------------------------------


@fixed
@given(data=st.data(), shape=shapes)
def test_reshape(data: Any, shape: tuple[int, ...]) -> None:
    size = int(np.prod(shape))
    factors = [n for n in range(1, 5) if size and size % n == 0] or [1]
    first = data.draw(st.sampled_from(factors))
    target = (first, -1) if size else (*shape[::-1], 1)
    agree(lambda x: ops.reshape(x, target), lambda x: np.reshape(x, target), filled(shape))
    agree(ops.ravel, np.ravel, filled(shape))


@fixed
@given(data=st.data(), shape=shapes)
def test_axes_move(data: Any, shape: tuple[int, ...]) -> None:
    rank = len(shape)
    order = data.draw(st.permutations(range(rank)))
    agree(lambda x: ops.transpose(x, order), lambda x: np.transpose(x, order), filled(shape))
    source = axes_of(data, rank)
    target = axes_of(data, rank)
    count = min(len(source), len(target))
    agree(
        lambda x: ops.moveaxis(x, source[:count], target[:count]),
        lambda x: np.moveaxis(x, source[:count], target[:count]),
        filled(shape),
    )
    a, b = axis_of(data, rank), axis_of(data, rank)
    agree(lambda x: ops.swapaxes(x, a, b), lambda x: np.swapaxes(x, a, b), filled(shape))


@fixed
@given(data=st.data(), shape=shapes)
def test_axes_of_size_one(data: Any, shape: tuple[int, ...]) -> None:
    place = data.draw(st.integers(-len(shape) - 1, len(shape)))
    agree(lambda x: ops.expand_dims(x, place), lambda x: np.expand_dims(x, place), filled(shape))
    agree(ops.squeeze, np.squeeze, filled(shape))
    agree(lambda x: ops.squeeze(ops.expand_dims(x, place), place), lambda x: x, filled(shape))


@fixed
@given(data=st.data(), shape=shapes, count=st.integers(1, 3))
def test_joining(data: Any, shape: tuple[int, ...], count: int) -> None:
    axis = axis_of(data, len(shape))
    sizes = [list(shape) for _ in range(count)]
    for size in sizes:
        size[axis] = data.draw(st.integers(0, 3))
    parts = [filled(tuple(s), i) for i, s in enumerate(sizes)]
    agree(lambda *xs: ops.concatenate(xs, axis), lambda *xs: np.concatenate(xs, axis), *parts)
    place = data.draw(st.integers(-len(shape) - 1, len(shape)))
    alike = [filled(shape, i) for i in range(count)]
    agree(lambda *xs: ops.stack(xs, place), lambda *xs: np.stack(xs, place), *alike)


@fixed
@given(data=st.data(), shape=shapes)
def test_splitting(data: Any, shape: tuple[int, ...]) -> None:
    axis = axis_of(data, len(shape))
    places = sorted(data.draw(st.lists(st.integers(0, shape[axis]), max_size=3)))
    agree(lambda x: ops.split(x, places, axis), lambda x: np.split(x, places, axis), filled(shape))
    count = data.draw(st.integers(1, 4))
    agree(lambda x: ops.array_split(x, count, axis), lambda x: np.array_split(x, count, axis), filled(shape))


@fixed
@given(data=st.data(), shape=shapes)
def test_padding(data: Any, shape: tuple[int, ...]) -> None:
    widths = tuple((data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in shape)
    agree(
        lambda x: ops.pad(x, widths, constant_values=2.5),
        lambda x: np.pad(x, widths, constant_values=2.5),
        filled(shape),
    )


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@fixed
@given(data=st.data(), shape=full_shapes)
def test_mirroring(mode: Any, data: Any, shape: tuple[int, ...]) -> None:
    widest = [d - (mode == "reflect") for d in shape]
    widths = tuple((data.draw(st.integers(0, n)), data.draw(st.integers(0, n))) for n in widest)
    agree(lambda x: ops.pad(x, widths, mode), lambda x: np.pad(x, widths, mode), filled(shape))


@fixed
@given(data=st.data(), shape=shapes)
def test_rolling_and_flipping(data: Any, shape: tuple[int, ...]) -> None:
    axes = axes_of(data, len(shape))
    agree(lambda x: ops.flip(x, axes), lambda x: np.flip(x, axes), filled(shape))
    axis, shift = axis_of(data, len(shape)), data.draw(st.integers(-5, 5))
    agree(lambda x: ops.roll(x, shift, axis), lambda x: np.roll(x, shift, axis), filled(shape))
    agree(lambda x: ops.roll(x, shift), lambda x: np.roll(x, shift), filled(shape))


@fixed
@given(data=st.data(), shape=shapes)
def test_repeating(data: Any, shape: tuple[int, ...]) -> None:
    axis = axis_of(data, len(shape))
    counts = [data.draw(st.integers(0, 2)) for _ in range(shape[axis])]
    agree(lambda x: ops.repeat(x, counts, axis), lambda x: np.repeat(x, counts, axis), filled(shape))
    times = data.draw(st.integers(0, 3))
    agree(lambda x: ops.repeat(x, times, axis), lambda x: np.repeat(x, times, axis), filled(shape))
    reps = tuple(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4)))
    agree(lambda x: ops.tile(x, reps), lambda x: np.tile(x, reps), filled(shape))
