"""Fourier transforms, in torch."""

from __future__ import annotations

import torch


def _transform(
    real: torch.Tensor, imaginary: torch.Tensor, axes: int, inverse: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    function = torch.fft.ifftn if inverse else torch.fft.fftn
    result = function(torch.complex(real, imaginary), dim=tuple(range(-axes, 0)))
    return result.real, result.imag


def _of_real(x: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    result = torch.fft.rfft(x, length)
    return result.real, result.imag


def _to_real(real: torch.Tensor, imaginary: torch.Tensor, length: int) -> torch.Tensor:
    return torch.fft.irfft(torch.complex(real, imaginary), length)


TABLE = {"fourier_transform": _transform, "half_spectrum": _of_real, "from_half_spectrum": _to_real}
