"""Control flow, in Python over torch: a captured step unrolls what has a known length and refuses the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._C._functorch import is_batchedtensor  # nothing public tells (torch 2.13)

from triceras import tree
from triceras.backends import registry
from triceras.core import scopes


def _cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    return true_fn() if bool(pred) else false_fn()


def _switch(index: Any, branches: list[Callable[..., Any]], *operands: Any) -> Any:
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def _while_loop(cond: Callable[..., Any], body: Callable[..., Any], values: Any, limit: int | None) -> Any:
    done = 0
    while (limit is None or done < limit) and bool(cond(*values)):
        values = body(*values)
        done += 1
    return values


def _fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], value: Any) -> Any:
    for i in range(int(lower), int(upper)):
        value = body(torch.tensor(i, dtype=torch.int32), value)
    return value


def _scan(f: Callable[[Any, Any], Any], carry: Any, xs: Any, length: int, reverse: bool, unroll: Any) -> Any:
    if scopes.portable.get() and any(x is not None for x in tree.flatten(xs)):
        from triceras.backends.torch.portable import scan

        return scan(f, carry, xs, reverse)
    slices = tree.map_structure(lambda v: [None] * length if v is None else v.unbind(0), xs)
    outputs: list[Any] = [None] * length
    for i in reversed(range(length)) if reverse else range(length):
        carry, outputs[i] = f(carry, tree.map_structure_up_to(xs, lambda v, i=i: v[i], slices))
    return carry, tree.map_structure(lambda *ys: None if ys[0] is None else torch.stack(ys), *outputs)


class _CustomGradient(torch.autograd.Function):
    """A call of a function that brings its gradient."""

    @staticmethod
    def forward(ctx: Any, f: Callable[..., Any], kwargs: dict[str, Any], *args: Any) -> Any:
        value, ctx.grad = f(*args, **kwargs)
        ctx.count = len(args)
        return value

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        with registry.use(registry.get_backend("torch")):  # autograd has a thread of its own for each GPU
            gradients = ctx.grad(*upstream)
        gradients = tuple(gradients) if isinstance(gradients, list | tuple) else (gradients,)
        return None, None, *gradients, *(None,) * (ctx.count - len(gradients))


def _custom_gradient(f: Callable[..., Any], plain: Callable[..., Any] | None = None) -> Callable[..., Any]:
    return lambda *args, **kwargs: _CustomGradient.apply(f, kwargs, *args)


def is_mapped(*tensors: Any) -> bool:
    """Whether one of some tensors stands for an element of ``vectorized_map``, for which some kernels have no rule."""
    return any(isinstance(x, torch.Tensor) and is_batchedtensor(x) for x in tensors)


def _jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    return torch.func.jvp(fun, primals, tangents, has_aux=has_aux)


TABLE = {
    "cond": _cond,
    "switch": _switch,
    "while_loop": _while_loop,
    "fori_loop": _fori_loop,
    "scan": _scan,
    "vectorized_map": lambda function, elements: torch.vmap(function)(elements),
    "custom_gradient": _custom_gradient,
    "jvp": _jvp,
}
