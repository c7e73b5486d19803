"""Which ops take sparse tensors, by families, and the bodies that follow from a few functions of a backend.

A backend's ``sparse.py`` gives a ``Kit``; ``bodies`` makes its table. What an op has no family for it doesn't take.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triceras.backends.base import Tensor
from triceras.core.shapes import broadcast_shapes, normalize_axes

#: f(0) = 0: computed on the stored values, the result is as sparse as the tensor.
ZERO_PRESERVING = tuple(
    (
        "abs fabs negative sign square sqrt cbrt ceil floor trunc round sin tan sinh tanh arcsin arctan arcsinh arctanh expm1 "
        "log1p erf erfinv real imag conj nan_to_num isnan isinf isposinf isneginf signbit stop_gradient cast relu relu6 "
        "leaky_relu elu selu gelu silu softsign"
    ).split()
)
#: f(0) is another number: the result is dense, as it must be.
FILLING = tuple("cos cosh arccos arccosh exp exp2 log log2 log10 reciprocal isfinite".split())
#: Nonzero where either operand is: sparse of two sparse tensors, dense otherwise.
UNION = ("add", "subtract", "maximum", "minimum")
#: Sparse as long as an axis is left over; a sum over all of them is a dense number.
REDUCING = ("sum", "mean")
#: What a kit computes itself.
MOVING = ("reshape", "transpose", "squeeze", "expand_dims")

Flags = Sequence[bool]

#: Op name -> whether its result is sparse, from whether each of its tensors is; None where it can't take these.
RULES: dict[str, Callable[[Flags], bool | None]] = {
    **dict.fromkeys((*ZERO_PRESERVING, *MOVING, *REDUCING), lambda flags: True),
    **dict.fromkeys(FILLING, lambda flags: False),
    **dict.fromkeys((*UNION, "matmul", "concatenate"), all),
    "multiply": any,
    "divide": lambda flags: flags[0] and not flags[1],
    # Indices may be sparse: Keras's embeddings take them, places without one being index 0.
    "take": lambda flags: None if flags[0] else False,
}

#: Composites that are written over these ops and so take sparse tensors too.
THROUGH = frozenset("affine add_bias ravel moveaxis swapaxes deg2rad rad2deg".split())


@dataclasses.dataclass(frozen=True)
class Kit:
    """What a backend does with its sparse tensors; ``x`` is one without duplicates, as ``plain`` gives it."""

    #: Any sparse tensor of the framework -> one with all axes sparse and each place once.
    plain: Callable[[Any], Any]
    #: The stored values, ``(count,)``; the same places with other values.
    values: Callable[[Any], Tensor]
    with_values: Callable[[Any, Tensor], Any]
    to_dense: Callable[[Any], Tensor]
    is_sparse: Callable[[Any], bool]
    #: ``pick(dense, x)``: the elements of a dense tensor, broadcast to the shape of x, at its places.
    pick: Callable[[Tensor, Any], Tensor]
    #: ``union(name, x1, x2)`` of two sparse tensors of one shape, and their product.
    union: Callable[[str, Any, Any], Any]
    intersection: Callable[[Any, Any], Any]
    #: ``sum(x, axes, keepdims)`` over some axes, at least one of which stays.
    sum: Callable[[Any, tuple[int, ...], bool], Any]
    #: The sizes, those a trace doesn't know as scalar tensors; a number of them as a tensor of the values' dtype.
    shape: Callable[[Any], tuple[Any, ...]]
    number: Callable[[Any, Tensor], Any]
    reshape: Callable[[Any, Sequence[Any]], Any]
    transpose: Callable[[Any, tuple[int, ...]], Any]
    concatenate: Callable[[list[Any], int], Any]
    #: Products of matrices.
    sparse_dense: Callable[[Any, Tensor], Tensor]
    dense_sparse: Callable[[Tensor, Any], Tensor]
    sparse_sparse: Callable[[Any, Any], Any]


def bodies(kit: Kit, dense: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The bodies of all ops in ``RULES``, from a kit and the backend's bodies over dense tensors."""
    table: dict[str, Callable[..., Any]] = {}
    for name in ZERO_PRESERVING:
        table[name] = functools.partial(_on_values, kit, dense[name])
    for name in FILLING:
        table[name] = functools.partial(_on_dense, kit, dense[name])
    for name in UNION:
        table[name] = functools.partial(_union, kit, name, dense[name])
    return table | {
        "multiply": functools.partial(_multiply, kit, dense["multiply"]),
        "divide": functools.partial(_divide, kit, dense["divide"]),
        "sum": functools.partial(_sum, kit),
        "mean": functools.partial(_mean, kit, dense["divide"]),
        "reshape": lambda x, newshape: kit.reshape(kit.plain(x), newshape),
        "transpose": functools.partial(_transpose, kit),
        "squeeze": functools.partial(_squeeze, kit),
        "expand_dims": functools.partial(_expand_dims, kit),
        "concatenate": functools.partial(_concatenate, kit, dense["concatenate"]),
        "matmul": functools.partial(_matmul, kit, dense),
        "take": lambda x, indices, axis=None: dense["take"](x, kit.to_dense(indices), axis=axis),
    }


def _on_values(kit: Kit, body: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    x = kit.plain(x)
    return kit.with_values(x, body(kit.values(x), *args, **kwargs))


def _on_dense(kit: Kit, body: Callable[..., Any], x: Any) -> Tensor:
    return body(kit.to_dense(x))


def _as_dense(kit: Kit, x: Any) -> Tensor:
    return kit.to_dense(x) if kit.is_sparse(x) else x


def _same_shapes(name: str, x1: Any, x2: Any) -> None:
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(
            f"{name}() of two sparse tensors needs tensors of one shape, received {tuple(x1.shape)} and {tuple(x2.shape)}. "
            "Make the one that is to be broadcast dense: ops.convert_to_tensor(x, sparse=False)."
        )


def _union(kit: Kit, name: str, body: Callable[..., Any], x1: Any, x2: Any) -> Any:
    if not (kit.is_sparse(x1) and kit.is_sparse(x2)):
        return body(_as_dense(kit, x1), _as_dense(kit, x2))
    _same_shapes(name, x1, x2)
    return kit.union(name, kit.plain(x1), kit.plain(x2))


def _scaled(kit: Kit, name: str, body: Callable[..., Any], x: Any, other: Any) -> Any:
    """A sparse tensor multiplied with or divided by a dense one or a number, at its places."""
    x = kit.plain(x)
    shape = tuple(getattr(other, "shape", ()))
    if not shape:
        return kit.with_values(x, body(kit.values(x), other))
    own = tuple(x.shape)
    if len(broadcast_shapes(own, shape)) != len(own) or any(
        size == 1 and wanted not in (1, None) for size, wanted in zip(own[::-1], shape[::-1], strict=False)
    ):
        raise ValueError(
            f"{name}() can't broadcast a sparse tensor: it has the shape {own}, the dense one {shape}. Make it dense: "
            "ops.convert_to_tensor(x, sparse=False)."
        )
    return kit.with_values(x, body(kit.values(x), kit.pick(other, x)))


def _multiply(kit: Kit, body: Callable[..., Any], x1: Any, x2: Any) -> Any:
    if not kit.is_sparse(x2):
        return _scaled(kit, "multiply", body, x1, x2)
    if not kit.is_sparse(x1):
        return _scaled(kit, "multiply", body, x2, x1)
    _same_shapes("multiply", x1, x2)
    return kit.intersection(kit.plain(x1), kit.plain(x2))


def _divide(kit: Kit, body: Callable[..., Any], x1: Any, x2: Any) -> Any:
    if kit.is_sparse(x2):
        return body(_as_dense(kit, x1), kit.to_dense(x2))
    return _scaled(kit, "divide", body, x1, x2)


def _sum(kit: Kit, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = kit.plain(x)
    axes = normalize_axes(axis, len(x.shape))
    return kit.sum(x, tuple(axes), keepdims) if axes else x


def _mean(kit: Kit, divide: Callable[..., Any], x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = kit.plain(x)
    total, count = _sum(kit, x, axis, keepdims), 1
    sizes = kit.shape(x)
    for a in normalize_axes(axis, len(x.shape)):
        count = count * sizes[a]
    if not kit.is_sparse(total):
        return divide(total, kit.number(count, total))
    return _on_values(kit, lambda values: divide(values, kit.number(count, values)), total)


def _transpose(kit: Kit, x: Any, axes: Any = None) -> Any:
    rank = len(x.shape)
    order = tuple(range(rank))[::-1] if axes is None else tuple(a % rank for a in axes)
    return kit.transpose(kit.plain(x), order)


def _squeeze(kit: Kit, x: Any, axis: Any = None) -> Any:
    sizes, rank = kit.shape(x), len(x.shape)
    ones = [a for a in range(rank) if x.shape[a] == 1] if axis is None else normalize_axes(axis, rank)
    if wrong := [a for a in ones if x.shape[a] not in (1, None)]:
        raise ValueError(f"squeeze() removes axes of size 1, received axis {wrong[0]} of the shape {tuple(x.shape)}.")
    return kit.reshape(kit.plain(x), [size for a, size in enumerate(sizes) if a not in ones])


def _expand_dims(kit: Kit, x: Any, axis: Any) -> Any:
    wanted = [axis] if isinstance(axis, int) else list(axis)
    sizes = list(kit.shape(x))
    for a in sorted(a % (len(sizes) + len(wanted)) for a in wanted):
        sizes.insert(a, 1)
    return kit.reshape(kit.plain(x), sizes)


def _concatenate(kit: Kit, body: Callable[..., Any], xs: Sequence[Any], axis: int = 0) -> Any:
    if not all(map(kit.is_sparse, xs)):
        return body([_as_dense(kit, x) for x in xs], axis)
    return kit.concatenate([kit.plain(x) for x in xs], axis % len(xs[0].shape))


def _matmul(kit: Kit, dense: Mapping[str, Callable[..., Any]], x1: Any, x2: Any) -> Any:
    first, second = len(x1.shape), len(x2.shape)
    if kit.is_sparse(x1) and kit.is_sparse(x2):
        _check_ranks(x1, x2, first == second == 2)
        return kit.sparse_sparse(kit.plain(x1), kit.plain(x2))
    if kit.is_sparse(x1):
        _check_ranks(x1, x2, first >= 2 and second in (1, 2))
        x1 = kit.plain(x1)
        sizes = kit.shape(x1)
        rows = x1 if first == 2 else kit.reshape(x1, [-1, sizes[-1]])
        matrix = x2 if second == 2 else dense["expand_dims"](x2, -1)
        y = kit.sparse_dense(rows, matrix)
        columns = [] if second == 1 else [matrix.shape[1]]
        return y if first == second == 2 else dense["reshape"](y, [*sizes[:-1], *columns])
    _check_ranks(x1, x2, first == second == 2)
    return kit.dense_sparse(x1, kit.plain(x2))


def _check_ranks(x1: Any, x2: Any, fits: bool) -> None:
    if not fits:
        raise ValueError(
            "matmul() with a sparse tensor takes sparse (..., m, k) with dense (k, n) or (k,), and matrices otherwise; "
            f"received the shapes {tuple(x1.shape)} and {tuple(x2.shape)}. Reshape them, or make the sparse one dense: "
            "ops.convert_to_tensor(x, sparse=False)."
        )
