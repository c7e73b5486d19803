"""Sparse tensors of TensorFlow: ``tf.SparseTensor``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from triceras.backends.sparse import Kit
from triceras.core import dtypes


def _made(indices: tf.Tensor, values: tf.Tensor, sizes: Any, shape: Any) -> tf.SparseTensor:
    """A sparse tensor that knows its static shape, which traces would forget."""
    made = tf.SparseTensor(indices, values, tf.cast(sizes, tf.int64))
    made.set_shape(shape)
    return made


def with_values(x: tf.SparseTensor, values: tf.Tensor) -> tf.SparseTensor:
    """The same places with other values."""
    return _made(x.indices, values, x.dense_shape, x.shape)


def to_dense(x: tf.SparseTensor) -> tf.Tensor:
    """The dense tensor, of the static shape that is known."""
    y = tf.sparse.to_dense(x)
    y.set_shape(x.shape)
    return y


def new(indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> tf.SparseTensor:
    """A sparse tensor of sorted places."""
    return _made(tf.constant(indices, tf.int64), tf.constant(values), np.asarray(shape, np.int64), shape)


def sizes_of(x: tf.SparseTensor) -> tuple[Any, ...]:
    """The shape, with scalar tensors for the sizes that a trace doesn't know."""
    sizes = tf.cast(x.dense_shape, tf.int32)
    return tuple(sizes[a] if size is None else size for a, size in enumerate(x.shape.as_list()))


def one_hot(x: tf.Tensor, num_classes: int, axis: int, dtype: Any) -> tf.SparseTensor:
    """A one at each index of a new axis; an index out of range stores a zero."""
    places = tf.unstack(tf.where(tf.ones_like(x, tf.bool)), num=x.shape.rank, axis=1)
    labels = tf.cast(tf.reshape(x, [-1]), tf.int64)
    valid = (labels >= 0) & (labels < num_classes)
    axis %= x.shape.rank + 1
    places.insert(axis, tf.where(valid, labels, tf.zeros_like(labels)))
    static, sizes = x.shape.as_list(), tf.unstack(tf.shape(x, tf.int64), num=x.shape.rank)
    static.insert(axis, num_classes)
    sizes.insert(axis, tf.constant(num_classes, tf.int64))
    values = tf.cast(valid, dtypes.standardize_dtype(dtype))
    made = _made(tf.stack(places, 1), values, tf.stack(sizes), static)
    return made if axis == x.shape.rank else tf.sparse.reorder(made)


def _pick(dense: tf.Tensor, x: tf.SparseTensor) -> tf.Tensor:
    missing = x.shape.rank - dense.shape.rank
    aligned = tf.reshape(dense, tf.concat([tf.ones([missing], tf.int32), tf.shape(dense)], 0)) if missing else dense
    stretched = tf.cast(tf.shape(aligned, tf.int64) != 1, tf.int64)
    return tf.gather_nd(aligned, x.indices * stretched)


def _flat(x: tf.SparseTensor, axes: Sequence[int]) -> tf.Tensor:
    """The number of each place among the places of some axes."""
    flat = tf.zeros_like(x.indices[:, 0])
    for a in axes:
        flat = flat * x.dense_shape[a] + x.indices[:, a]
    return flat


def _places(flat: Any, sizes: Sequence[Any]) -> tf.Tensor:
    places: list[tf.Tensor] = []
    for size in reversed(sizes):
        places.insert(0, flat % size)
        flat = flat // size
    return tf.stack(places, 1)


def _union(name: str, x1: tf.SparseTensor, x2: tf.SparseTensor) -> tf.SparseTensor:
    axes = range(x1.shape.rank)
    flat = tf.concat([_flat(x1, axes), _flat(x2, axes)], 0)
    unique, position = tf.unique(flat)
    order = tf.argsort(unique)
    count = tf.size(unique)
    half = tf.size(x1.values)
    first = tf.math.unsorted_segment_sum(x1.values, position[:half], count)
    second = tf.math.unsorted_segment_sum(x2.values, position[half:], count)
    values = tf.gather(getattr(tf, name)(first, second), order)
    sizes = [x1.dense_shape[a] for a in axes]
    return _made(_places(tf.gather(unique, order), sizes), values, x1.dense_shape, x1.shape)


def _intersection(x1: tf.SparseTensor, x2: tf.SparseTensor) -> tf.SparseTensor:
    axes = range(x1.shape.rank)
    # A place that is nowhere, so that there always is one to be found.
    known = tf.concat([[tf.constant(-1, tf.int64)], _flat(x2, axes)], 0)
    values = tf.concat([tf.zeros([1], x2.dtype), x2.values], 0)
    wanted = _flat(x1, axes)
    position = tf.minimum(tf.searchsorted(known, wanted), tf.size(known) - 1)
    found = tf.gather(known, position) == wanted
    factor = tf.where(found, tf.gather(values, position), tf.zeros([], x2.dtype))
    return with_values(x1, x1.values * factor)


def _sum(x: tf.SparseTensor, axes: tuple[int, ...], keepdims: bool) -> Any:
    rank, static = x.shape.rank, x.shape.as_list()
    kept = [a for a in range(rank) if a not in axes]
    if not kept:
        total = tf.reduce_sum(x.values)
        return tf.reshape(total, [1] * rank) if keepdims else total
    unique, position = tf.unique(_flat(x, kept))
    order = tf.argsort(unique)
    values = tf.gather(tf.math.unsorted_segment_sum(x.values, position, tf.size(unique)), order)
    sizes = [x.dense_shape[a] for a in kept]
    y = _made(_places(tf.gather(unique, order), sizes), values, tf.stack(sizes), [static[a] for a in kept])
    return _reshape(y, [1 if a in axes else x.dense_shape[a] for a in range(rank)]) if keepdims else y


def _reshape(x: tf.SparseTensor, sizes: Any) -> tf.SparseTensor:
    sizes = [sizes] if isinstance(sizes, int) else list(sizes)
    y = tf.sparse.reshape(x, tf.stack([tf.cast(size, tf.int64) for size in sizes]))
    static = [None if tf.is_tensor(size) or size == -1 else int(size) for size in sizes]
    if static.count(None) == 1 and x.shape.num_elements() is not None:
        known = int(np.prod([size for size in static if size is not None]))
        static[static.index(None)] = x.shape.num_elements() // max(known, 1)
    y.set_shape(y.shape.merge_with(static))
    return y


def _transpose(x: tf.SparseTensor, order: tuple[int, ...]) -> tf.SparseTensor:
    y = tf.sparse.transpose(x, order)
    y.set_shape([x.shape[a] for a in order])
    return y


def _concatenate(xs: Sequence[tf.SparseTensor], axis: int) -> tf.SparseTensor:
    y = tf.sparse.concat(axis, list(xs))
    static = xs[0].shape.as_list()
    along: list[Any] = [x.shape[axis] for x in xs]
    static[axis] = None if None in along else sum(along)
    y.set_shape(static)
    return y


def _dense_sparse(x1: tf.Tensor, x2: tf.SparseTensor) -> tf.Tensor:
    return tf.transpose(tf.sparse.sparse_dense_matmul(tf.sparse.transpose(x2), tf.transpose(x1)))


def _sparse_sparse(x1: tf.SparseTensor, x2: tf.SparseTensor) -> tf.SparseTensor:
    a, b = (tf.raw_ops.SparseTensorToCSRSparseMatrix(**_components(x)) for x in (x1, x2))
    product = tf.raw_ops.SparseMatrixSparseMatMul(a=a, b=b, type=x1.dtype)
    parts = tf.raw_ops.CSRSparseMatrixToSparseTensor(sparse_matrix=product, type=x1.dtype)
    return _made(parts.indices, parts.values, parts.dense_shape, [x1.shape[0], x2.shape[1]])


def _components(x: tf.SparseTensor) -> dict[str, tf.Tensor]:
    return {"indices": x.indices, "values": x.values, "dense_shape": x.dense_shape}


KIT = Kit(
    plain=lambda x: x,
    values=lambda x: x.values,
    with_values=with_values,
    to_dense=to_dense,
    is_sparse=lambda x: isinstance(x, tf.SparseTensor),
    pick=_pick,
    union=_union,
    intersection=_intersection,
    sum=_sum,
    shape=sizes_of,
    number=lambda count, values: tf.cast(count, values.dtype),
    reshape=_reshape,
    transpose=_transpose,
    concatenate=_concatenate,
    sparse_dense=tf.sparse.sparse_dense_matmul,
    dense_sparse=_dense_sparse,
    sparse_sparse=_sparse_sparse,
)
