"""Linear algebra, in torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch


def _matmul(x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    if x1.dtype == torch.int8:
        return torch.matmul(x1.int(), x2.int())
    if x1.dtype == torch.bool:
        return torch.matmul(x1.int(), x2.int()) != 0
    return torch.matmul(x1, x2)


def _affine(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if bias.is_floating_point() and not x.is_sparse and x.dim() > 1 and bias.dim() == 1 and kernel.dim() == 2:
        if x.dim() == 2:
            return torch.addmm(bias, x, kernel)
        return torch.addmm(bias, x.flatten(0, -2), kernel).view(*x.shape[:-1], kernel.shape[1])
    return torch.add(_matmul(x, kernel), bias)


def _contract(x: torch.Tensor, kernel: torch.Tensor, bias: Any, summed: int) -> Any:
    if bias is None or not bias.is_floating_point() or x.is_sparse or not x.numel() or not kernel.numel():
        return NotImplemented
    units = kernel.shape[summed:]
    features = math.prod(kernel.shape[:summed])
    rows = torch.addmm(bias.reshape(-1), x.reshape(-1, features), kernel.reshape(features, -1))
    return rows.view(*x.shape[:-summed], *units)


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Booleans are summed as integers."""

    def body(xs: Sequence[torch.Tensor], *args: Any) -> torch.Tensor:
        if xs[0].dtype == torch.bool:
            return function([x.int() for x in xs], *args) != 0
        return function(xs, *args)

    return body


@_counted
def _tensordot(xs: Sequence[torch.Tensor], axes: Any) -> torch.Tensor:
    if isinstance(axes, int):
        return torch.tensordot(xs[0], xs[1], axes)
    first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    return torch.tensordot(xs[0], xs[1], (first, second))  # pyright: ignore[reportArgumentType]  # annotated as an int


@_counted
def _einsum(operands: Sequence[torch.Tensor], subscripts: str) -> torch.Tensor:
    return torch.einsum(subscripts, *operands)


TABLE = {
    "matmul": _matmul,
    "affine": _affine,
    "contract": _contract,
    "tensordot": lambda x1, x2, axes=2: _tensordot((x1, x2), axes),
    "einsum_of": _einsum,
}
