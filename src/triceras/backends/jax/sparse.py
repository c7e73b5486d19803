"""Sparse tensors of JAX: ``BCOO`` with every axis sparse.

A program is compiled for a number of elements. Padding lies outside of the shape, where JAX's own functions ignore it, and
has the value 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse as native
from jax.experimental.sparse import BCOO

from triceras.backends.sparse import Kit
from triceras.core import dtypes


def plain(x: Any) -> BCOO:
    """The same with no batched or dense axes and each place once."""
    if not isinstance(x, BCOO):
        x = x.to_bcoo()
    if x.n_batch or x.n_dense:
        x = native.bcoo_update_layout(x, n_batch=0, n_dense=0)
    return x if x.unique_indices else native.bcoo_sum_duplicates(x, nse=x.nse)


def to_dense(x: Any) -> jax.Array:
    """The dense tensor; by way of integers for booleans, which JAX doesn't scatter."""
    x = plain(x)
    return with_values(x, x.data.astype(jnp.int8)).todense() != 0 if x.dtype == jnp.bool_ else x.todense()


def with_values(x: BCOO, values: jax.Array) -> BCOO:
    """The same places with other values."""
    return BCOO((values, x.indices), shape=x.shape, indices_sorted=x.indices_sorted, unique_indices=x.unique_indices)


def new(indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...], capacity: int | None = None) -> BCOO:
    """A sparse tensor of sorted places, with room for a number of elements."""
    room = max((capacity or len(values)) - len(values), 0)
    places = np.concatenate([indices, np.tile(np.asarray(shape), (room, 1))]).astype(np.int32)
    padded = np.concatenate([values, np.zeros(room, values.dtype)])
    return BCOO((jnp.asarray(padded), jnp.asarray(places)), shape=shape, indices_sorted=True, unique_indices=True)


def parts(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Places and values on the host, without padding."""
    x = plain(x)
    indices, values = np.asarray(x.indices), np.asarray(x.data)
    inside = (indices < np.asarray(x.shape)).all(1)
    return indices[inside].astype(np.int64), values[inside]


def one_hot(x: jax.Array, num_classes: int, axis: int, dtype: Any) -> BCOO:
    """A one at each index of a new axis; an index out of range stores a zero."""
    places = [i.reshape(-1) for i in jnp.indices(x.shape)]
    labels = x.reshape(-1)
    valid = (labels >= 0) & (labels < num_classes)
    axis %= x.ndim + 1
    places.insert(axis, jnp.where(valid, labels, 0))
    shape = (*x.shape[:axis], num_classes, *x.shape[axis:])
    values = valid.astype(dtypes.numpy_dtype(dtypes.standardize_dtype(dtype)))
    indices = jnp.stack([i.astype(jnp.int32) for i in places], 1)
    return BCOO((values, indices), shape=shape, unique_indices=True)


def _pick(dense: jax.Array, x: BCOO) -> jax.Array:
    aligned = jnp.asarray(dense).reshape((1,) * (x.ndim - jnp.ndim(dense)) + jnp.shape(dense))
    places = tuple(0 if size == 1 else x.indices[:, a] for a, size in enumerate(aligned.shape))
    # Padding meets a one, so that neither products nor quotients are NaN there.
    return jnp.broadcast_to(aligned.at[places].get(mode="fill", fill_value=1), x.data.shape)


def _union(name: str, x1: BCOO, x2: BCOO) -> BCOO:
    indices = jnp.concatenate([x1.indices, x2.indices])
    first = BCOO((jnp.concatenate([x1.data, jnp.zeros_like(x2.data)]), indices), shape=x1.shape)
    second = BCOO((jnp.concatenate([jnp.zeros_like(x1.data), x2.data]), indices), shape=x1.shape)
    first, second = (native.bcoo_sum_duplicates(x, nse=indices.shape[0]) for x in (first, second))
    return with_values(first, getattr(jnp, name)(first.data, second.data))


def _sum(x: BCOO, axes: tuple[int, ...], keepdims: bool) -> Any:
    kept = [1 if a in axes else size for a, size in enumerate(x.shape)]
    y = native.bcoo_reduce_sum(x, axes=axes)
    if len(axes) == x.ndim:
        return y.todense().reshape(kept if keepdims else ())
    return native.bcoo_reshape(y, new_sizes=tuple(kept)) if keepdims else y


def _reshape(x: BCOO, sizes: Any) -> BCOO:
    sizes = [sizes] if isinstance(sizes, int) else list(sizes)
    if -1 in sizes:
        known = int(np.prod([size for size in sizes if size != -1]))
        sizes[sizes.index(-1)] = int(np.prod(x.shape)) // max(known, 1)
    return native.bcoo_reshape(x, new_sizes=tuple(sizes))


def _concatenate(xs: Sequence[BCOO], axis: int) -> BCOO:
    return native.bcoo_concatenate(list(xs), dimension=axis)


KIT = Kit(
    plain=plain,
    values=lambda x: x.data,
    with_values=with_values,
    to_dense=to_dense,
    is_sparse=lambda x: isinstance(x, native.JAXSparse),
    pick=_pick,
    union=_union,
    intersection=lambda x1, x2: plain(native.bcoo_multiply_sparse(x1, x2)),
    sum=_sum,
    shape=lambda x: tuple(x.shape),
    number=lambda count, values: jnp.asarray(count, values.dtype),
    reshape=_reshape,
    transpose=lambda x, order: native.bcoo_transpose(x, permutation=order),
    concatenate=_concatenate,
    sparse_dense=lambda x1, x2: x1 @ x2,
    dense_sparse=lambda x1, x2: x1 @ x2,
    sparse_sparse=lambda x1, x2: x1 @ x2,
)
