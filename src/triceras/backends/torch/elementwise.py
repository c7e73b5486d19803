"""Element by element, in torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def _divide_no_nan(x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    zero = x2 == 0
    return torch.where(zero, 0, x1 / torch.where(zero, 1, x2))


def _round(x: torch.Tensor, decimals: int = 0) -> torch.Tensor:
    if not x.is_floating_point():
        if decimals >= 0:
            return x
        return torch.round(x.double(), decimals=decimals).to(x.dtype)
    return torch.round(x, decimals=decimals) if decimals else torch.round(x)


def _nan_to_num(x: torch.Tensor, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> torch.Tensor:
    return torch.nan_to_num(x, nan, posinf, neginf) if x.is_floating_point() else x


def _comparison(function: Callable[..., Any], mirrored: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison, turned around where a number stands first: torch takes one second only."""
    return lambda x1, x2: function(x1, x2) if isinstance(x1, torch.Tensor) else mirrored(x2, x1)


def _cbrt(x: torch.Tensor) -> torch.Tensor:
    return torch.sign(x) * torch.pow(torch.abs(x), 1 / 3)


def _power(x1: Any, x2: Any) -> torch.Tensor:
    if isinstance(x2, torch.Tensor) or not isinstance(x1, torch.Tensor) or x1.is_floating_point():
        return torch.pow(x1, x2)
    return torch.pow(x1, torch.as_tensor(x2, dtype=x1.dtype, device=x1.device))


def _clip(x: Any, x_min: Any, x_max: Any) -> torch.Tensor:
    """torch takes two numbers or two tensors as bounds, and no number to be clipped."""
    values = (x, x_min, x_max)
    tensor = next(v for v in values if isinstance(v, torch.Tensor))
    if x is not tensor or isinstance(x_min, torch.Tensor) != isinstance(x_max, torch.Tensor):
        x, x_min, x_max = (
            v if v is None else torch.as_tensor(v, dtype=tensor.dtype, device=tensor.device) for v in values
        )
    return torch.clamp(x, x_min, x_max)


def _heaviside(x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    """torch's own has no gradient."""
    step = torch.where(torch.isnan(x1), x1, (x1 > 0).to(x1.dtype))
    return torch.where(x1 == 0, x2, step)


def _select(condition: torch.Tensor, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    return torch.where(condition if condition.dtype == torch.bool else condition != 0, x1, x2)


#: Ours -> torch's.
_NAMES = {
    name: name
    for name in """
add subtract multiply divide fmod negative abs square sqrt rsqrt reciprocal floor ceil trunc maximum
minimum fmax fmin hypot nextafter gcd lcm angle exp exp2 expm1 log log1p log2 log10 logaddexp sin cos tan
sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh arctan2 erf erfc erfinv i0 sinc logical_and logical_or
logical_xor logical_not isnan isinf isfinite isposinf isneginf signbit isreal bitwise_and bitwise_or bitwise_xor
bitwise_not bitwise_left_shift bitwise_right_shift
""".split()
}
_NAMES |= {"mod": "remainder", "fabs": "abs", "sign": "sgn"}

TABLE = {name: getattr(torch, native) for name, native in _NAMES.items()} | {
    "stop_gradient": lambda variable: variable.detach(),
    "equal": _comparison(torch.eq, torch.eq),
    "not_equal": _comparison(torch.ne, torch.ne),
    "less": _comparison(torch.lt, torch.gt),
    "less_equal": _comparison(torch.le, torch.ge),
    "greater": _comparison(torch.gt, torch.lt),
    "greater_equal": _comparison(torch.ge, torch.le),
    "power": _power,
    "floor_divide": functools.partial(torch.div, rounding_mode="floor"),  # torch.floor_divide has no gradient
    "heaviside": _heaviside,
    "divide_no_nan": _divide_no_nan,
    "abs": lambda x: x if x.dtype == torch.bool else torch.abs(x),
    "cbrt": _cbrt,
    "clip": _clip,
    "round": _round,
    "nan_to_num": _nan_to_num,
    "real": lambda x: torch.real(x) if x.is_complex() else x,
    "imag": lambda x: torch.imag(x) if x.is_complex() else torch.zeros_like(x),
    "conj": lambda x: torch.conj(x).resolve_conj(),
    "select_where": _select,
    "nonzero": lambda x: tuple(i.to(torch.int32) for i in torch.nonzero(x, as_tuple=True)),
}
