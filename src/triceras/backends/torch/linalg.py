"""Linear algebra, in torch."""

from __future__ import annotations

import functools
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
    return torch.add(_integers_on_host(_matmul)(x, kernel), bias)


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


def _integers_on_host(body: Callable[..., Any]) -> Callable[..., Any]:
    """A product that the host computes for integers on a GPU, for which torch (2.13) has no kernels there."""

    def moved(x: Any, device: Any) -> Any:
        if isinstance(x, list | tuple) and any(isinstance(item, torch.Tensor) for item in x):
            return type(x)(moved(item, device) for item in x)
        return x.to(device) if isinstance(x, torch.Tensor) else x

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        first = args[0][0] if isinstance(args[0], list | tuple) else args[0]
        if not first.is_cuda or first.is_floating_point() or first.is_complex():
            return body(*args, **kwargs)
        return moved(body(*(moved(x, "cpu") for x in args), **kwargs), first.device)

    return run


TABLE = {
    "matmul": _integers_on_host(_matmul),
    "affine": _affine,
    "contract": _contract,
    "tensordot": _integers_on_host(lambda x1, x2, axes=2: _tensordot((x1, x2), axes)),
    "einsum_of": _integers_on_host(_einsum),
}
