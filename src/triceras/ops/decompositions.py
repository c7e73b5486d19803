"""Factorizations of matrices, and what they solve. Leading axes are a batch throughout."""

from __future__ import annotations

import builtins
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes
from triceras.ops import core
from triceras.ops.creation import eye
from triceras.ops.dispatch import TensorLike, composite, primitive
from triceras.ops.elementwise import conj, multiply
from triceras.ops.layout import diagonal
from triceras.ops.logic import greater, where
from triceras.ops.products import matmul
from triceras.ops.reduce import max, sum
from triceras.ops.shape import expand_dims, swapaxes
from triceras.ops.specs import same
from triceras.ops.transcendental import log


def _square(name: str, x: Spec) -> None:
    if len(x.shape) < 2 or (x.shape[-1] != x.shape[-2] and None not in x.shape[-2:]):
        raise ValueError(f"{name}() takes square matrices (..., n, n), received the shape {x.shape}.")


def _square_spec(x: Spec, *args: Any, **kwargs: Any) -> Spec:
    _square("This op", x)
    return x


@primitive("float", spec=_square_spec)
def cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    """The triangular factor of symmetric positive definite matrices: ``x = L @ L.T``.

    Args:
        x: ``(..., n, n)``.
        upper: whether ``L.T`` is returned, in place of ``L``.

    Example:
        >>> convert_to_numpy(cholesky([[4.0, 0.0], [0.0, 9.0]])).tolist()
        [[2.0, 0.0], [0.0, 3.0]]
    """


@primitive("float", spec=_square_spec)
def inv(x: TensorLike) -> Tensor:
    """The inverse of square matrices.

    Example:
        >>> convert_to_numpy(inv([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """


def _det_spec(x: Spec) -> Spec:
    _square("det", x)
    return Spec(x.shape[:-2], x.dtype)


@primitive("float", spec=_det_spec)
def det(x: TensorLike) -> Tensor:
    """The determinant of square matrices, ``(...)``.

    Example:
        >>> convert_to_numpy(det([[2.0, 0.0], [0.0, 4.0]])).tolist()
        8.0
    """


def _slogdet_spec(x: Spec) -> tuple[Spec, Spec]:
    return _det_spec(x), Spec(x.shape[:-2], dtypes.real_dtype(x.dtype))


@primitive("float", spec=_slogdet_spec)
def slogdet(x: TensorLike) -> Any:
    """The sign and the logarithm of the absolute value of the determinant.

    Example:
        >>> [convert_to_numpy(t).tolist() for t in slogdet([[1.0, 0.0], [0.0, -1.0]])]
        [-1.0, 0.0]
    """


@composite("float", spec=_det_spec)
def logdet(x: TensorLike) -> Tensor:
    """The logarithm of the determinant of symmetric positive definite matrices.

    Example:
        >>> convert_to_numpy(logdet([[1.0, 0.0], [0.0, 1.0]])).tolist()
        0.0
    """
    return multiply(sum(log(diagonal(cholesky(x), 0, -2, -1)), -1), 2)


def _qr_spec(x: Spec, mode: str = "reduced") -> tuple[Spec, Spec]:
    rows, columns = x.shape[-2:]
    inner = rows if mode == "complete" else (None if None in (rows, columns) else min(rows, columns))  # type: ignore[type-var]
    return Spec((*x.shape[:-1], inner), x.dtype), Spec((*x.shape[:-2], inner, columns), x.dtype)


@primitive("float", spec=_qr_spec)
def qr(x: TensorLike, mode: str = "reduced") -> Any:
    """An orthonormal and an upper triangular factor: ``x = q @ r``.

    Args:
        x: ``(..., m, n)``.
        mode: ``"reduced"`` gives ``(..., m, k)`` and ``(..., k, n)`` with ``k = min(m, n)``, ``"complete"``
            has ``k = m``.

    Example:
        >>> [shape(t) for t in qr(ones((3, 2)))]
        [(3, 2), (2, 2)]
    """


def _svd_spec(x: Spec, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    *batch, rows, columns = x.shape
    small = None if None in (rows, columns) else min(rows, columns)  # type: ignore[type-var]
    values = Spec((*batch, small), dtypes.real_dtype(x.dtype))
    if not compute_uv:
        return values
    left, right = (rows, columns) if full_matrices else (small, small)
    return Spec((*batch, rows, left), x.dtype), values, Spec((*batch, right, columns), x.dtype)


@primitive("float", spec=_svd_spec)
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular values, and the orthonormal factors they stand between: ``x = u @ diag(s) @ vh``.

    Args:
        x: ``(..., m, n)``.
        full_matrices: whether ``u`` and ``vh`` are square.
        compute_uv: whether they are computed at all; if not the values are returned alone.

    Returns:
        ``(u, s, vh)`` or ``s``; the values descend.

    Example:
        >>> convert_to_numpy(svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False)).tolist()
        [4.0, 3.0]
    """


def _eigh_spec(x: Spec) -> tuple[Spec, Spec]:
    _square("eigh", x)
    return Spec(x.shape[:-1], dtypes.real_dtype(x.dtype)), x


@primitive("float", spec=_eigh_spec)
def eigh(x: TensorLike) -> Any:
    """The eigenvalues, ascending, and eigenvectors, the columns, of symmetric or Hermitian matrices.

    Example:
        >>> convert_to_numpy(eigh([[2.0, 0.0], [0.0, 1.0]])[0]).tolist()
        [1.0, 2.0]
    """


def _eig_spec(x: Spec) -> tuple[Spec, Spec]:
    _square("eig", x)
    dtype = "complex128" if x.dtype in ("float64", "complex128") else "complex64"
    return Spec(x.shape[:-1], dtype), Spec(x.shape, dtype)


@primitive("float", spec=_eig_spec)
def eig(x: TensorLike) -> Any:
    """The complex eigenvalues, in no particular order, and eigenvectors, the columns, of square matrices.

    Example:
        >>> shape(eig([[0.0, -1.0], [1.0, 0.0]])[0])
        (2,)
    """


def _lu_spec(x: Spec) -> tuple[Spec, Spec]:
    rows, columns = x.shape[-2:]
    small = None if None in (rows, columns) else min(rows, columns)  # type: ignore[type-var]
    return x, Spec((*x.shape[:-2], small), "int32")


@primitive("float", spec=_lu_spec)
def lu_factor(x: TensorLike) -> Any:
    """A lower and an upper triangular factor in one matrix, and the rows exchanged on the way.

    Args:
        x: ``(..., m, n)``.

    Returns:
        ``(lu, pivots)``: the unit diagonal of the lower factor isn't stored; row ``i`` was exchanged with
        ``pivots[i]``, int32.

    Example:
        >>> convert_to_numpy(lu_factor([[2.0, 1.0], [1.0, 1.0]])[0]).tolist()
        [[2.0, 1.0], [0.5, 0.5]]
    """


def _solve_spec(a: Spec, b: Spec, lower: bool = False) -> Spec:
    _square("solve", a)
    return b


@primitive("float", spec=_solve_spec)
def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """The ``x`` for which ``a @ x = b``.

    Args:
        a: ``(..., n, n)``.
        b: ``(..., n, k)``, or ``(..., n)`` with one axis fewer than ``a``.

    Example:
        >>> convert_to_numpy(solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 8.0])).tolist()
        [1.0, 2.0]
    """


@primitive("float", spec=_solve_spec)
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """The ``x`` for which ``a @ x = b``, with ``a`` triangular.

    Args:
        a: ``(..., n, n)``; what is on the other side of the diagonal isn't read.
        b: ``(..., n, k)``, or ``(..., n)`` with one axis fewer than ``a``.
        lower: whether the elements are below the diagonal.

    Example:
        >>> convert_to_numpy(solve_triangular([[2.0, 0.0], [0.0, 4.0]], [2.0, 8.0])).tolist()
        [1.0, 2.0]
    """


@composite("float", spec=same)
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Tensor:
    """The inverse of a symmetric positive definite matrix from its Cholesky factor.

    Args:
        x: the factor ``(..., n, n)``.
        upper: whether it is the upper one.

    Example:
        >>> convert_to_numpy(cholesky_inverse([[2.0, 0.0], [0.0, 1.0]])).tolist()
        [[0.25, 0.0], [0.0, 1.0]]
    """
    unit = eye(core.shape(x)[-1], dtype=core.dtype(x)) + x * 0
    factor = solve_triangular(x, unit, lower=not upper)
    other = swapaxes(factor, -1, -2)
    return matmul(factor, other) if upper else matmul(other, factor)


def _cutoff(x: Tensor, values: Tensor, relative: Any) -> Tensor:
    if relative is None:
        resolution = {"float64": 2.0**-52, "complex128": 2.0**-52}.get(core.dtype(x), 2.0**-23)
        relative = resolution * builtins.max(x.shape[-2:])
    return multiply(max(values, -1, keepdims=True), relative)


@composite("float")
def pinv(x: TensorLike, rcond: float | None = None) -> Tensor:
    """The pseudo-inverse of matrices (Moore and Penrose).

    Args:
        x: ``(..., m, n)``.
        rcond: singular values below this fraction of the largest count as zero; by default the dtype's resolution times
            the larger side.

    Returns:
        ``(..., n, m)``.

    Example:
        >>> convert_to_numpy(pinv([[2.0, 0.0], [0.0, 4.0]])).round(4).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    u, values, vh = svd(x, full_matrices=False)
    keep = greater(values, _cutoff(x, values, rcond))
    inverse = where(keep, 1 / where(keep, values, 1.0), 0.0)
    left = swapaxes(conj(vh), -1, -2) * expand_dims(core.cast(inverse, core.dtype(vh)), -2)
    return matmul(left, swapaxes(conj(u), -1, -2))


@composite("float")
def matrix_rank(x: TensorLike, tol: float | None = None) -> Tensor:
    """The number of singular values above a tolerance, int32.

    Args:
        x: ``(..., m, n)``.
        tol: the tolerance; by default the dtype's resolution times the larger side and the largest value.

    Example:
        >>> convert_to_numpy(matrix_rank([[1.0, 0.0], [0.0, 0.0]])).tolist()
        1
    """
    values = svd(x, compute_uv=False)
    return sum(core.cast(greater(values, _cutoff(x, values, None) if tol is None else tol), "int32"), -1)


@composite("float")
def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Tensor:
    """The smallest ``x`` that brings ``a @ x`` closest to ``b``, in the sense of least squares.

    Args:
        a: ``(m, n)``.
        b: ``(m,)`` or ``(m, k)``.
        rcond: as in ``pinv``.

    Returns:
        ``(n,)`` or ``(n, k)``.

    Example:
        >>> convert_to_numpy(lstsq([[1.0], [1.0]], [1.0, 3.0])).round(4).tolist()
        [2.0]
    """
    return matmul(pinv(a, rcond), b)
