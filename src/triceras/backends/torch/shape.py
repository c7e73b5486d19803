"""Rearrangements, in torch."""

from __future__ import annotations

from typing import Any

import torch

from triceras.core.shapes import normalize_axes


def _tuple(axis: Any) -> Any:
    return axis if isinstance(axis, int) or axis is None else tuple(axis)


def _squeeze(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    if axis is None:
        return torch.squeeze(x)
    if kept := [a for a in normalize_axes(axis, x.ndim) if x.shape[a] != 1]:
        raise ValueError(f"squeeze() needs axes of size 1; axes {kept} of shape {tuple(x.shape)} are longer.")
    return torch.squeeze(x, _tuple(axis))


def _transpose(x: torch.Tensor, axes: Any = None) -> torch.Tensor:
    return torch.permute(x, tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


def _expand_dims(x: torch.Tensor, axis: Any) -> torch.Tensor:
    if isinstance(axis, int):
        return torch.unsqueeze(x, axis)
    for a in normalize_axes(axis, x.ndim + len(axis)):
        x = torch.unsqueeze(x, a)
    return x


def _split(x: torch.Tensor, indices_or_sections: Any, axis: int = 0) -> list[torch.Tensor]:
    if isinstance(indices_or_sections, int):
        size = x.shape[axis]
        if size % indices_or_sections:
            raise ValueError(f"split() can't divide axis {axis} of size {size} into {indices_or_sections} equal parts.")
        return list(torch.split(x, size // indices_or_sections, axis)) if size else [x] * indices_or_sections
    return list(torch.tensor_split(x, [int(i) for i in indices_or_sections], axis))


def _repeat(x: torch.Tensor, repeats: Any, axis: int | None = None) -> torch.Tensor:
    if not isinstance(repeats, int | torch.Tensor):
        counts = [int(r) for r in repeats]
        if len(counts) != 1:
            rows = [i for i, count in enumerate(counts) for _ in range(count)]
            x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
            return torch.index_select(x, axis, torch.tensor(rows, dtype=torch.int64, device=x.device))
        repeats = counts[0]
    return torch.repeat_interleave(x, repeats, axis)


def _padded(x: torch.Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> torch.Tensor:
    if mode == "constant":
        flat = [n for pair in reversed(pad_width) for n in pair]
        return torch.nn.functional.pad(x, flat, value=constant_values or 0)
    for axis, (before, after) in enumerate(pad_width):
        if before or after:
            x = _mirrored_at_ends(x, axis, before, after, mode)
    return x


def _mirrored_at_ends(x: torch.Tensor, axis: int, before: int, after: int, mode: str) -> torch.Tensor:
    size, edge = x.shape[axis], int(mode == "reflect")  # whether the outermost element stays single
    if max(before, after) > size - edge or min(before, after) < 0:
        return torch.index_select(x, axis, _mirrored(size, before, after, mode, x.device))
    front = torch.flip(x.narrow(axis, edge, before), (axis,))
    back = torch.flip(x.narrow(axis, size - edge - after, after), (axis,))
    return torch.cat([front, x, back], axis)


def _mirrored(size: int, before: int, after: int, mode: str, device: Any) -> torch.Tensor:
    """The positions that a mirrored axis is made of."""
    period = max(2 * size - 2, 1) if mode == "reflect" else 2 * size
    rows = [i % period for i in range(-before, size + after)]
    last = 2 * size - 2 if mode == "reflect" else 2 * size - 1
    return torch.tensor([i if i < size else last - i for i in rows], dtype=torch.int64, device=device)


def _roll(x: torch.Tensor, shift: Any, axis: Any = None) -> torch.Tensor:
    if axis is None:
        return torch.roll(x, _tuple(shift))
    shifts = (shift,) * (1 if isinstance(axis, int) else len(axis)) if isinstance(shift, int) else tuple(shift)
    return torch.roll(x, shifts, (axis,) * len(shifts) if isinstance(axis, int) else tuple(axis))


def _extract_sequences(x: torch.Tensor, sequence_length: int, sequence_stride: int) -> Any:
    """A view. Where no window fits, or the arguments are wrong, the definition says so."""
    if not 0 < sequence_length <= x.shape[-1] or sequence_stride < 1:
        return NotImplemented
    return x.unfold(-1, sequence_length, sequence_stride)


TABLE = {
    "extract_sequences": _extract_sequences,
    "reshape": lambda x, newshape: torch.reshape(x, (newshape,) if isinstance(newshape, int) else tuple(newshape)),
    "squeeze": _squeeze,
    "concatenate": lambda xs, axis=0: torch.cat(list(xs), axis),
    "transpose": _transpose,
    "expand_dims": _expand_dims,
    "stack": lambda x, axis=0: torch.stack(list(x), axis),
    "unstack": lambda x, num=None, axis=0: list(torch.unbind(x, axis)),
    "split": _split,
    "repeat": _repeat,
    "tile": lambda x, repeats: torch.tile(x, (repeats,) if isinstance(repeats, int) else tuple(repeats)),
    "padded": _padded,
    "flip": lambda x, axis=None: torch.flip(x, normalize_axes(axis, x.ndim)),
    "roll": _roll,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, tuple(shape)),
    "bits_as": lambda x, dtype: x.contiguous().view(getattr(torch, dtype)),
}
