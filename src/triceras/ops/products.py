"""Matrix products and norms."""

from __future__ import annotations

import builtins
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.core.shapes import broadcast_shapes, normalize_axes
from triceras.ops import core
from triceras.ops.dispatch import TensorLike, Tensors, composite, primitive, recorded
from triceras.ops.elementwise import abs, conj, sqrt, square
from triceras.ops.layout import diagonal
from triceras.ops.logic import not_equal, where
from triceras.ops.reduce import max, min, sum
from triceras.ops.shape import expand_dims, moveaxis, ravel, reshape, stack


def _matmul_spec(x1: Spec, x2: Spec) -> Spec:
    a = x1.shape if len(x1.shape) > 1 else (1, *x1.shape)
    b = x2.shape if len(x2.shape) > 1 else (*x2.shape, 1)
    if a[-1] != b[-2] and None not in (a[-1], b[-2]):
        raise ValueError(f"matmul() needs x1.shape[-1] == x2.shape[-2], received the shapes {x1.shape} and {x2.shape}.")
    rows = a[-2:-1] if len(x1.shape) > 1 else ()
    columns = b[-1:] if len(x2.shape) > 1 else ()
    dtype = "int32" if x1.dtype == "int8" else x1.dtype
    return Spec((*broadcast_shapes(a[:-2], b[:-2]), *rows, *columns), dtype)


@primitive("join", spec=_matmul_spec)
def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The matrix product over the last two axes, the others broadcast.

    Args:
        x1: ``(..., m, k)`` or ``(k,)``.
        x2: ``(..., k, n)`` or ``(k,)``.

    Returns:
        ``(..., m, n)``, without the axes that a vector lacks; two int8 tensors give int32.

    Example:
        >>> convert_to_numpy(matmul([[1, 2]], [[3], [4]])).tolist()
        [[11]]
    """


def contracted_axes(axes: Any, rank: int) -> tuple[list[int], list[int]]:
    """The axes of both tensors that ``tensordot`` sums over."""
    if isinstance(axes, int):
        return list(range(rank - axes, rank)), list(range(axes))
    first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    return first, second


def _tensordot_spec(x1: Spec, x2: Spec, axes: Any = 2) -> Spec:
    first, second = contracted_axes(axes, len(x1.shape))
    first, second = normalize_axes(first, len(x1.shape)), normalize_axes(second, len(x2.shape))  # type: ignore[assignment]
    rest = [d for i, d in enumerate(x1.shape) if i not in first] + [
        d for i, d in enumerate(x2.shape) if i not in second
    ]
    return Spec(tuple(rest), x1.dtype)


@primitive("join", spec=_tensordot_spec)
def tensordot(x1: TensorLike, x2: TensorLike, axes: Any = 2) -> Tensor:
    """The sum of products over pairs of axes.

    Args:
        x1, x2: tensors.
        axes: how many of the last axes of ``x1`` meet the first of ``x2``, or the axes of each.

    Example:
        >>> convert_to_numpy(tensordot([1, 2], [3, 4], 1)).tolist()
        11
    """


def _dot_spec(x1: Spec, x2: Spec) -> Spec:
    if not x1.shape or not x2.shape:
        return Spec(x1.shape + x2.shape, x1.dtype)
    return _tensordot_spec(x1, x2, ((-1,), (-2 if len(x2.shape) > 1 else -1,)))


@composite("join", spec=_dot_spec)
def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over the last axis of ``x1`` and the last but one of ``x2``; with a number, the product.

    Example:
        >>> convert_to_numpy(dot([1, 2], [3, 4])).tolist()
        11
    """
    if not len(x1.shape) or not len(x2.shape):
        return x1 * x2
    return tensordot(x1, x2, ((-1,), (-2 if len(x2.shape) > 1 else -1,)))


@composite("join")
def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over the last axes of both; with a number, the product.

    Example:
        >>> convert_to_numpy(inner([1, 2], [3, 4])).tolist()
        11
    """
    return tensordot(x1, x2, ((-1,), (-1,))) if len(x1.shape) and len(x2.shape) else x1 * x2


@composite("join")
def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The product of each element of one with each of the other, a matrix.

    Example:
        >>> convert_to_numpy(outer([1, 2], [3, 4])).tolist()
        [[3, 4], [6, 8]]
    """
    return reshape(x1, (-1, 1)) * reshape(x2, (1, -1))


@composite("join")
def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products of all elements; complex ones of ``x1`` are conjugated.

    Example:
        >>> convert_to_numpy(vdot([1, 2], [3, 4])).tolist()
        11
    """
    x1 = conj(x1) if dtypes.is_complex_dtype(core.dtype(x1)) else x1
    return tensordot(ravel(x1), ravel(x2), 1)


@primitive("join")
def einsum_of(operands: Tensors, subscripts: str) -> Tensor:
    """``einsum`` with its tensors first."""


@recorded()
def einsum(subscripts: str, *operands: TensorLike, **kwargs: Any) -> Tensor:
    """Sums of products, the axes named by letters (Einstein's convention).

    Args:
        subscripts: the letters of each operand's axes and, after ``->``, of the result's; letters that aren't in the
            result are summed over, ``...`` stands for axes that broadcast.
        operands: tensors.
        kwargs: accepted for NumPy's sake; the order of the contraction is the backend's affair.

    Example:
        >>> convert_to_numpy(einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])).tolist()
        [3, 7]
    """
    if unknown := kwargs.keys() - {"optimize"}:
        raise ValueError(f"einsum() takes no arguments {sorted(unknown)}.")
    return einsum_of(operands, subscripts)


@composite("accumulator")
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal of the matrices in two axes; arguments as for ``diagonal``.

    Example:
        >>> convert_to_numpy(trace([[1, 2], [3, 4]])).tolist()
        5
    """
    return sum(diagonal(x, offset, axis1, axis2), -1)


@composite("join")
def kron(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The Kronecker product: each element of ``x1`` times the whole of ``x2``, as blocks.

    Example:
        >>> convert_to_numpy(kron([1, 2], [1, 1])).tolist()
        [1, 1, 2, 2]
    """
    rank = builtins.max(len(x1.shape), len(x2.shape))
    a = (1,) * (rank - len(x1.shape)) + tuple(core.shape(x1))
    b = (1,) * (rank - len(x2.shape)) + tuple(core.shape(x2))
    left = reshape(x1, tuple(d for size in a for d in (size, 1)))
    right = reshape(x2, tuple(d for size in b for d in (1, size)))
    return reshape(left * right, tuple(m * n for m, n in zip(a, b, strict=True)))


def _components(x: Tensor) -> list[Any]:
    """The three numbers along the last axis, None for the third of two."""
    return [x[..., i] if i < x.shape[-1] else None for i in range(3)]


@composite("join")
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """The vector product of vectors of two or three components.

    Args:
        x1, x2: tensors that broadcast but for the axis of the components.
        axisa, axisb, axisc: the components' axis in ``x1``, ``x2`` and the result.
        axis: that axis in all three, in their place.

    Returns:
        Vectors of three components, or a number in each place where both have two.

    Example:
        >>> convert_to_numpy(cross([1, 0, 0], [0, 1, 0])).tolist()
        [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(f"cross() takes vectors of 2 or 3 components, received the shapes {x1.shape} and {x2.shape}.")
    ax, ay, az = _components(a)
    bx, by, bz = _components(b)
    z = ax * by - ay * bx
    if az is None and bz is None:
        return z
    az, bz = ax * 0 if az is None else az, bx * 0 if bz is None else bz
    return stack([ay * bz - az * by, az * bx - ax * bz, z], axisc)


def _root(squares: Tensor) -> Tensor:
    """A square root whose gradient is 0 at zero."""
    positive = not_equal(squares, 0)
    return where(positive, sqrt(where(positive, squares, 1.0)), 0.0)


def _vector_norm(x: Tensor, order: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if order is None or order == 2:
        squares = square(abs(x) if dtypes.is_complex_dtype(core.dtype(x)) else x)
        return _root(sum(squares, axes, keepdims))
    if order == float("inf"):
        return max(abs(x), axes, keepdims)
    if order == float("-inf"):
        return min(abs(x), axes, keepdims)
    if order == 0:
        return sum(core.cast(not_equal(x, 0), core.dtype(abs(x))), axes, keepdims)
    if order == 1:
        return sum(abs(x), axes, keepdims)
    return sum(abs(x) ** order, axes, keepdims) ** (1.0 / order)


def _matrix_norm(x: Tensor, order: Any, axes: tuple[int, int], keepdims: bool) -> Tensor:
    rows, columns = axes
    size = abs(x)
    pick = max if not isinstance(order, str) and order > 0 else min
    if order in ("nuc", 2, -2):
        from triceras.ops.decompositions import svd

        values = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        result = sum(values, -1) if order == "nuc" else pick(values, -1)
        return expand_dims(result, tuple(sorted(axes))) if keepdims else result
    along, over = (rows, columns) if order in (1, -1) else (columns, rows)
    return pick(sum(size, along, keepdims=True), over, keepdims=True) if keepdims else _dropped(size, along, over, pick)


def _dropped(size: Tensor, along: int, over: int, pick: Any) -> Tensor:
    return pick(sum(size, along), over - (over > along))


@composite("float")
def norm(x: TensorLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The size of vectors or matrices.

    Args:
        x: a tensor.
        ord: of vectors a power p, ``(sum |x|**p) ** (1/p)``, 0, inf or -inf; of matrices ``"fro"``, ``"nuc"``,
            1, -1, 2, -2, inf or -inf. By default the root of the sum of squares, whose gradient is 0 at zero.
        axis: the axis of vectors, or the two of matrices; by default all of the tensor.
        keepdims: whether these axes stay, with size one.

    Raises:
        ValueError: there is no such norm.

    Example:
        >>> convert_to_numpy(norm([3.0, 4.0])).tolist()
        5.0
    """
    rank = len(x.shape)
    axes = tuple(range(rank)) if axis is None else tuple(a % rank for a in ([axis] if isinstance(axis, int) else axis))
    if ord is None or (len(axes) == 2 and ord == "fro"):
        return _vector_norm(x, None, axes, keepdims)
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2 and ord in ("nuc", 1, -1, 2, -2, float("inf"), float("-inf")):
        return _matrix_norm(x, ord, axes, keepdims)  # type: ignore[arg-type]
    raise ValueError(f"norm() has no order {ord!r} for {len(axes)} axes of a tensor of shape {tuple(x.shape)}.")
