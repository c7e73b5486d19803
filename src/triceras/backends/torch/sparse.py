"""Sparse tensors of torch: the COO layout, with every axis sparse."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from triceras.backends.sparse import Kit
from triceras.core import dtypes

_LAYOUTS = frozenset((torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc))


def is_sparse(x: Any) -> bool:
    """Whether a value is a tensor of a sparse layout."""
    return isinstance(x, torch.Tensor) and x.layout in _LAYOUTS


def plain(x: torch.Tensor) -> torch.Tensor:
    """The same in the COO layout, each place once and in order.

    Raises:
        ValueError: it has dense axes.
    """
    x = x if x.layout == torch.sparse_coo else x.to_sparse_coo()
    if x.dense_dim():
        raise ValueError(
            f"Sparse tensors of torch with dense axes aren't taken; received shape {tuple(x.shape)} with {x.dense_dim()} of "
            "them. Expected every axis to be sparse, as Tensor.to_sparse() makes it."
        )
    return x.coalesce()


def _made(indices: torch.Tensor, values: torch.Tensor, shape: Sequence[int], ordered: bool = False) -> torch.Tensor:
    return torch.sparse_coo_tensor(indices, values, tuple(shape), is_coalesced=ordered, check_invariants=False)


def with_values(x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The same places with other values."""
    return _made(x.indices(), values, x.shape, ordered=True)


def new(indices: torch.Tensor, values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A sparse tensor of sorted places ``(axes, count)``."""
    return _made(indices, values, shape, ordered=True)


def parts(x: torch.Tensor) -> tuple[np.ndarray, torch.Tensor]:
    """Places ``(count, axes)`` on the host and values."""
    x = plain(x.detach())
    return x.indices().cpu().numpy().T, x.values()


def one_hot(x: torch.Tensor, num_classes: int, axis: int, dtype: Any) -> torch.Tensor:
    """A one at each index of a new axis; an index out of range stores a zero."""
    places = list(torch.ones_like(x, dtype=torch.bool).nonzero().T)
    labels = x.reshape(-1).long()
    valid = (labels >= 0) & (labels < num_classes)
    axis %= x.ndim + 1
    places.insert(axis, torch.where(valid, labels, 0))
    shape = (*x.shape[:axis], num_classes, *x.shape[axis:])
    return _made(torch.stack(places), valid.to(getattr(torch, dtypes.standardize_dtype(dtype))), shape).coalesce()


def _pick(dense: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    aligned = dense.reshape((1,) * (x.ndim - dense.ndim) + tuple(dense.shape))
    places = x.indices()
    return aligned[tuple(torch.zeros_like(i) if n == 1 else i for i, n in zip(places, aligned.shape, strict=True))]


def _union(name: str, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    indices = torch.cat([x1.indices(), x2.indices()], 1)
    first = _made(indices, torch.cat([x1.values(), torch.zeros_like(x2.values())]), x1.shape).coalesce()
    second = _made(indices, torch.cat([torch.zeros_like(x1.values()), x2.values()]), x1.shape).coalesce()
    return with_values(first, getattr(torch, name)(first.values(), second.values()))


def _sum(x: torch.Tensor, axes: tuple[int, ...], keepdims: bool) -> torch.Tensor:
    if len(axes) == x.ndim:
        total = torch.sum(x.values(), dtype=x.dtype)
        return total.reshape((1,) * x.ndim) if keepdims else total
    kept = [a for a in range(x.ndim) if a not in axes]
    y = _made(x.indices()[kept], x.values(), [x.shape[a] for a in kept]).coalesce()
    return _reshape(y, [1 if a in axes else size for a, size in enumerate(x.shape)]) if keepdims else y


def _reshape(x: torch.Tensor, sizes: Any) -> torch.Tensor:
    sizes = [sizes] if isinstance(sizes, int) else list(sizes)
    total = int(np.prod(x.shape))
    if -1 in sizes:
        sizes[sizes.index(-1)] = total // max(int(np.prod([size for size in sizes if size != -1])), 1)
    if int(np.prod(sizes)) != total:
        raise ValueError(f"reshape() keeps the number of elements: received the shape {tuple(x.shape)} and {sizes}.")
    flat = torch.zeros_like(x.indices()[0])
    for i, size in zip(x.indices(), x.shape, strict=True):
        flat = flat * size + i
    places = []
    for size in reversed(sizes):
        places.insert(0, flat % size)
        flat = flat // size
    return _made(torch.stack(places), x.values(), sizes, ordered=True)


def _transpose(x: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    return _made(x.indices()[list(order)], x.values(), [x.shape[a] for a in order]).coalesce()


def _without_first_warning() -> None:
    """Products go through the CSR layout, of which torch warns, the first time in a process, that it is in beta."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.eye(1).to_sparse_csr()


_without_first_warning()


KIT = Kit(
    plain=plain,
    values=lambda x: x.values(),
    with_values=with_values,
    to_dense=lambda x: x.to_dense(),
    is_sparse=is_sparse,
    pick=_pick,
    union=_union,
    intersection=lambda x1, x2: torch.mul(x1, x2).coalesce(),
    sum=_sum,
    shape=lambda x: tuple(x.shape),
    number=lambda count, values: count,
    reshape=_reshape,
    transpose=_transpose,
    concatenate=lambda xs, axis: torch.cat(xs, axis).coalesce(),
    sparse_dense=torch.sparse.mm,
    dense_sparse=lambda x1, x2: torch.sparse.mm(_transpose(x2, (1, 0)), x1.T).T,
    sparse_sparse=torch.sparse.mm,
)

#: The ops whose dense bodies run on sparse tensors in torch, some wrongly, although the op doesn't take them.
REFUSING = frozenset(
    (
        "append average categorical_crossentropy cross diff dot dstack empty_like floor_divide full_like "
        "geomspace get_item hstack inner kron ldexp linspace lstsq nansum norm normalize outer padded polar "
        "power psnr softmax_crossentropy squareplus stack tanh_shrink unstack vdot view view_as_complex "
        "view_as_real vstack zeros_like einsum_of"
    ).split()
)


def refusing(body: Callable[..., Any]) -> Callable[..., Any]:
    """A dense body that runs on no sparse tensor, alone or in a list; the op says more than this error."""

    def run(*args: Any, **kwargs: Any) -> Any:
        for x in (*args, *kwargs.values()):
            if is_sparse(x) or (isinstance(x, list | tuple) and any(map(is_sparse, x))):
                raise TypeError("A body over dense tensors was given a sparse one.")
        return body(*args, **kwargs)

    return run
