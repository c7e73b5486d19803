"""Unsigned integers of 16 bits and more, for which torch (2.13) has storage but few kernels.

Those of 16 and 32 bits are computed as int64, which holds them all, and come back modulo their width, as arithmetic of
theirs would. Those of 64 bits fit no other integer; they go the same way where wrapping makes no difference, and other ops
refuse them as torch does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_DTYPES = {"uint16": torch.uint16, "uint32": torch.uint32, "uint64": torch.uint64}
#: Right for all 64 bits too: sums, products and moves of integers modulo 2**64.
_MODULAR = frozenset(
    (
        "add cumsum cumprod diagonal dot einsum_of flip inner bitwise_left_shift cross diff matmul multiply "
        "negative nonzero not_equal equal prod roll square subtract sum take_along_axis tensordot trace vdot "
        "bitwise_and bitwise_not bitwise_or bitwise_xor slice_update"
    ).split()
)
#: Right where int64 holds the values.
_ORDERED = frozenset(
    (
        "abs argmax argmin argsort clip floor_divide fmax fmin fmod gcd greater greater_equal lcm less less_equal max "
        "maximum min minimum mod power ptp relu relu6 bitwise_right_shift scatter_into searchsorted sign sort"
    ).split()
)


def widened(name: str, body: Callable[..., Any], dtype: str | None) -> Callable[..., Any]:
    """A body for tensors of a dtype: itself, or by way of int64."""
    narrow = _DTYPES.get(dtype or "")
    if narrow is None or (name not in _MODULAR and (dtype == "uint64" or name not in _ORDERED)):
        return body

    def run(*args: Any, **kwargs: Any) -> Any:
        result = body(*map(_wide, args), **{key: _wide(value) for key, value in kwargs.items()})
        if isinstance(result, list | tuple):
            return type(result)(_narrow(x, narrow) for x in result)
        return _narrow(result, narrow)

    return run


def _wide(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return x.to(torch.int64) if x.dtype in _DTYPES.values() else x
    if isinstance(x, list | tuple) and any(isinstance(item, torch.Tensor) for item in x):
        return type(x)(map(_wide, x))
    return x


def _narrow(x: Any, dtype: torch.dtype) -> Any:
    return x.to(dtype) if isinstance(x, torch.Tensor) and x.dtype == torch.int64 else x
