"""Images, in torch: its own kernels where they compute what the definitions say."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import _disable_current_modes  # nothing public does (torch 2.13)

from triceras.backends.torch.control import is_mapped
from triceras.core.windows import nearest

_FULL = (torch.float32, torch.float64)
#: With fewer channels torch's kernels run faster over planes than over pixels.
_CHANNELS_ALONG = 8
#: Fill mode -> what ``grid_sample`` calls it, and whether the outermost coordinates are the centres of pixels.
_PADDINGS = {
    "constant": ("zeros", False),
    "nearest": ("border", False),
    "mirror": ("reflection", True),
    "reflect": ("reflection", False),
}


def _takes(images: torch.Tensor, coordinates: torch.Tensor, mode: str, fill_value: float) -> bool:
    full = images.dtype in _FULL and images.dtype == coordinates.dtype
    return full and mode in _PADDINGS and (mode != "constant" or fill_value == 0)


def _grid(coordinates: Any, sizes: Any, centres: bool) -> torch.Tensor:
    """Coordinates as ``grid_sample`` wants them: the last axis first, from -1 to 1."""
    scaled = [
        x * (2 / max(size - 1, 1)) - 1 if centres else (x * 2 + 1) / size - 1
        for x, size in zip(coordinates, sizes, strict=True)
    ]
    return torch.stack(scaled[::-1], -1)


def _looked_up(images: torch.Tensor, y: torch.Tensor, x: torch.Tensor, mode: str) -> torch.Tensor:
    padding, centres = _PADDINGS[mode]
    grid = _grid((y, x), images.shape[1:3], centres)
    return F.grid_sample(images.permute(0, 3, 1, 2), grid, "bilinear", padding, centres).permute(0, 2, 3, 1)


def _places(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows, as a column, and the columns of images."""
    y, x = (torch.arange(n, dtype=images.dtype, device=images.device) for n in images.shape[1:3])
    return y[:, None], x


def _projected(
    images: torch.Tensor, transform: torch.Tensor, interpolation: str, fill_mode: str, fill_value: float
) -> Any:
    if interpolation != "bilinear" or not _takes(images, transform, fill_mode, fill_value):
        return NotImplemented
    y, x = _places(images)
    transform = transform.expand(len(images), 8)
    a0, a1, a2, b0, b1, b2, c0, c1 = transform.T[..., None, None]
    k = c0 * x + c1 * y + 1
    return _looked_up(images, (b0 * x + b1 * y + b2) / k, (a0 * x + a1 * y + a2) / k, fill_mode)


def _displaced(
    images: torch.Tensor, displacements: torch.Tensor, interpolation: str, fill_mode: str, fill_value: float
) -> Any:
    if interpolation != "bilinear" or not _takes(images, displacements, fill_mode, fill_value):
        return NotImplemented
    y, x = _places(images)
    return _looked_up(images, y + displacements[0], x + displacements[1], fill_mode)


def _grid_values(inputs: torch.Tensor, coordinates: torch.Tensor, order: int, fill_mode: str, fill_value: float) -> Any:
    if order != 1 or inputs.ndim not in (2, 3) or not _takes(inputs, coordinates, fill_mode, fill_value):
        return NotImplemented
    padding, centres = _PADDINGS[fill_mode]
    grid = _grid(coordinates.reshape(inputs.ndim, -1), inputs.shape, centres)
    grid = grid.reshape((1,) * inputs.ndim + tuple(grid.shape))
    return F.grid_sample(inputs[None, None], grid, "bilinear", padding, centres).reshape(coordinates.shape[1:])


@functools.lru_cache(maxsize=256)
def _same_nearest(old: int, new: int) -> bool:
    """Whether torch, which multiplies in float32, takes the pixels that the definition takes."""
    with _disable_current_modes():
        pixels = torch.arange(old, dtype=torch.float64).reshape(1, 1, old)
        taken = F.interpolate(pixels, new, mode="nearest-exact").flatten().tolist()
    return taken == nearest(old, new).tolist()


def _resized(images: torch.Tensor, size: tuple[int, int], first: int, interpolation: str, antialias: bool) -> Any:
    # Without antialiasing, torch's cubic kernel is another one (a = -0.75).
    known = interpolation == "bilinear" or (interpolation == "bicubic" and antialias)
    if interpolation == "nearest" and not is_mapped(images):
        sizes = images.shape[first : first + 2]
        known = all(_same_nearest(int(old), new) for old, new in zip(sizes, size, strict=True))
    if not known or images.ndim != 4 or images.dtype not in _FULL:
        return NotImplemented
    x = images.permute(0, 3, 1, 2) if first == 1 else images
    if x.shape[1] < _CHANNELS_ALONG:
        x = x.contiguous()
    if interpolation == "nearest":
        x = F.interpolate(x, size, mode="nearest-exact")
    else:
        x = F.interpolate(x, size, mode=interpolation, align_corners=False, antialias=antialias)
    return x.permute(0, 2, 3, 1) if first == 1 else x


TABLE = {
    "projected": _projected,
    "displaced": _displaced,
    "grid_values": _grid_values,
    "resized": _resized,
}
