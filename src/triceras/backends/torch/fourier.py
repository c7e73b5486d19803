"""Fourier transforms, in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _batched(function: Callable[..., torch.Tensor], x: torch.Tensor, axes: int, **options: Any) -> torch.Tensor:
    """A transform over the last axes; on CPU (MKL) torch 2.13 refuses batches of nothing."""
    if x.numel() or 0 in x.shape[-axes:]:
        return function(x, **options)
    one = function(x.new_zeros((1,) * (x.ndim - axes) + tuple(x.shape[-axes:])), **options)
    return one.expand(*x.shape[:-axes], *one.shape[-axes:])


def _transform(
    real: torch.Tensor, imaginary: torch.Tensor, axes: int, inverse: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    function = torch.fft.ifftn if inverse else torch.fft.fftn
    result = _batched(function, torch.complex(real, imaginary), axes, dim=tuple(range(-axes, 0)))
    return result.real, result.imag


def _of_real(x: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    result = _batched(torch.fft.rfft, x, 1, n=length)
    return result.real, result.imag


def _to_real(real: torch.Tensor, imaginary: torch.Tensor, length: int) -> torch.Tensor:
    return _batched(torch.fft.irfft, torch.complex(real, imaginary), 1, n=length)


TABLE = {"fourier_transform": _transform, "half_spectrum": _of_real, "from_half_spectrum": _to_real}
